/** One split, measured in a process of its own. Usage `planning-ours.ts <spec>`. */
import { randomUUID } from 'node:crypto';
import type { DataServices } from '../../activities/services.ts';
import { splitDataset } from '../../activities/split-dataset.ts';
import { configSchema } from '../../contract/config.ts';
import { stageManifestKey } from '../../contract/keys.ts';
import { openS3Store } from '../../storage/s3.ts';
import type { PlanningFigures, PlanningSpec } from './planning-row.ts';

const { bucket, dataset } = JSON.parse(process.argv[2]!) as PlanningSpec;
const endpoint = process.env['AWS_ENDPOINT_URL_S3'];
const store = await openS3Store({ bucket, endpoint, region: 'us-east-1' });
const peakMb = (): number => process.resourceUsage().maxRSS / 1024;
const startMb = peakMb();
const [began, cpuBefore] = [performance.now(), process.cpuUsage()];
const { digest, note } = await splitDataset(
  { store } as DataServices, // all that a split uses
  { dataset, config: configSchema.parse({}) },
  { signal: new AbortController().signal, attempt: randomUUID(), report: () => undefined },
);
const seconds = (performance.now() - began) / 1000;
const { user, system } = process.cpuUsage(cpuBefore);
const cpuSeconds = (user + system) / 1e6;
const figures: PlanningFigures = { seconds, cpuSeconds, peakMb: peakMb(), startMb, note };
console.log(JSON.stringify(figures));
// The next round has it to do again.
await store.delete([stageManifestKey(digest)]);
store.close();
