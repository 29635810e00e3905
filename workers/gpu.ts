/** The `gpu` worker: model activities, one at a time, in a trainer's process of their own. */
import { modelActivities } from '../activities/model.ts';
import { trainMetrics } from '../activities/train-metrics.ts';
import { gpuQueue } from '../contract/queues.ts';
import { lookForGpu } from '../model/trainer-client.ts';
import { openModelServices, trainerScript } from './services.ts';
import { readSettings } from './settings.ts';
import { installTelemetry } from './telemetry.ts';
import { runWorker } from './worker.ts';

const settings = readSettings();
const meter = installTelemetry(settings);
if (settings.requireGpu && !(await lookForGpu(trainerScript)).found) {
  throw new Error(
    'REQUIRE_GPU=1, but TensorFlow sees no GPU: check that `nvidia-smi` lists one here, and that the CUDA libraries lie beside TensorFlow',
  );
}
const services = await openModelServices(settings, trainMetrics(meter));
try {
  await runWorker({
    // Its own is where a run comes back to that has its state in this trainer.
    taskQueues: [gpuQueue, services.workerQueue],
    activities: modelActivities(services),
    maxConcurrentActivityTaskExecutions: 1,
  });
} finally {
  await services.close();
}
