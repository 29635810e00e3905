/** The workflow types a worker offers. */
export { trainingPipeline } from './pipeline.ts';
