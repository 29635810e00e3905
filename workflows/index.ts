/** The workflow types a worker offers. */
export { promoteModel, rollbackModel } from './models.ts';
export { trainingPipeline } from './pipeline.ts';
export { prepareDataset } from './prepare-dataset.ts';
