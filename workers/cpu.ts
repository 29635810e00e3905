/** The `cpu` worker: workflows and data activities. */
import { fileURLToPath } from 'node:url';
import { dataActivities } from '../activities/data.ts';
import { cpuQueue } from '../contract/queues.ts';
import { openDataServices } from './services.ts';
import { readSettings } from './settings.ts';
import { installTelemetry } from './telemetry.ts';
import { runWorker } from './worker.ts';

const settings = readSettings();
installTelemetry(settings);
const services = await openDataServices(settings);
try {
  await runWorker({
    taskQueues: [cpuQueue],
    workflowsPath: fileURLToPath(import.meta.resolve('../workflows/index.ts')),
    activities: dataActivities(services),
    maxConcurrentActivityTaskExecutions: settings.dataSlots,
  });
} finally {
  await services.close();
}
