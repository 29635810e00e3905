/** The `gpu` worker: model activities, one at a time, in a trainer's process of their own. */
import { modelActivities } from '../activities/model.ts';
import { gpuQueue } from '../contract/queues.ts';
import { openModelServices } from './services.ts';
import { readSettings } from './settings.ts';
import { runWorker } from './worker.ts';

const services = await openModelServices(readSettings());
try {
  await runWorker({
    taskQueue: gpuQueue,
    activities: modelActivities(services),
    maxConcurrentActivityTaskExecutions: 1,
  });
} finally {
  await services.close();
}
