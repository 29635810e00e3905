/** Splitting a dataset as large as ImageNet, from its index in a real S3 server to the lists of its sides. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stageDataPrefix, stageManifestKey } from '../../contract/keys.ts';
import { datasetManifestSchema } from '../../contract/manifests.ts';
import { sha256 } from '../../data/digest.ts';
import { formatPages } from '../../data/sample-list.ts';
import type { Sample } from '../../data/sample-list.ts';
import { startS3 } from '../../infra/local/servers.ts';
import { setUp } from '../../infra/local/setup.mjs';
import { commitManifest, writeData } from '../../storage/commit.ts';
import { openS3Store } from '../../storage/s3.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { spread, spreadText } from '../statistics.ts';
import type { Row } from './row.ts';

const samples = 1_300_000;
const classes = Array.from(
  { length: 1000 },
  (_, label) => `n${String(1_440_764 + label * 9973).padStart(8, '0')}`,
);
const dataset = sha256('the dataset of this benchmark');
const bucket = 'bench';

/** What the splitting process is told, and what it says. */
export interface PlanningSpec {
  readonly bucket: string;
  readonly dataset: string;
}
export interface PlanningFigures {
  readonly seconds: number;
  /** Of the process; the server's are not in it. */
  readonly cpuSeconds: number;
  /** Of the process, at its most. */
  readonly peakMb: number;
  /** Of these, before it split anything. */
  readonly startMb: number;
  readonly note: string;
}

export const planningRow: Row = {
  name: 'planning',
  about: `splitting ${samples.toLocaleString('en')} samples, near duplicates and all`,
  async measure({ rounds }) {
    const root = await mkdtemp(join(tmpdir(), 'nightshift-bench-planning-'));
    const { versitygw: binary } = await setUp();
    const [accessKey, secretKey] = ['bench', 'bench-secret'];
    const server = await startS3({ binary, directory: join(root, 's3'), accessKey, secretKey });
    const endpoint = `http://${server.address}`;
    const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey };
    const env = {
      ...process.env,
      AWS_ENDPOINT_URL_S3: endpoint,
      AWS_ACCESS_KEY_ID: accessKey,
      AWS_SECRET_ACCESS_KEY: secretKey,
    };
    const store = await openS3Store({ bucket, endpoint, credentials, createBucket: true });
    try {
      await storeIndex(store);
      const figures: PlanningFigures[] = [];
      for (let round = 0; round < rounds; round += 1) {
        figures.push(planOnce(env));
        console.error(`round ${round + 1}: ${JSON.stringify(figures.at(-1))}`);
      }
      const line = (name: string, of: (figures: PlanningFigures) => number): string =>
        `| ${name} | ${spreadText(spread(figures.map(of)))} |`;
      const table = [
        `| median (min to max), n = ${rounds} | |`,
        '|---|---|',
        line('s', ({ seconds }) => seconds),
        line('CPU s', ({ cpuSeconds }) => cpuSeconds),
        line('MB of the process, at its most', ({ peakMb }) => peakMb),
        line('of these before', ({ startMb }) => startMb),
      ].join('\n');
      return { table, figures };
    } finally {
      store.close();
      await server.stop();
      await rm(root, { recursive: true });
    }
  },
};

function planOnce(env: NodeJS.ProcessEnv): PlanningFigures {
  const script = join(import.meta.dirname, 'planning-ours.ts');
  const spec: PlanningSpec = { bucket, dataset };
  const said = execFileSync(process.execPath, ['--import', 'tsx', script, JSON.stringify(spec)], {
    encoding: 'utf8',
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(said) as PlanningFigures;
}

async function storeIndex(store: ObjectStore): Promise<void> {
  const files = await writeData(
    store,
    stageDataPrefix(dataset, 'bench'),
    formatPages('index', made()),
  );
  const perClass = samples / classes.length;
  await commitManifest(store, stageManifestKey(dataset), datasetManifestSchema, {
    ...{ version: 1, generation: 0, kind: 'dataset', attempt: 'bench', digest: dataset },
    ...{ inputs: [], operation: 'made/1', parameters: {}, files, source: 'made' },
    ...{ encoding: 'file', classes, samples },
    samplesByClass: classes.map(() => perClass),
  });
}

/** Rows as ImageNet's would be. Of a thousand images one comes twice, and two look like the one before. */
function* made(): Generator<Sample> {
  let look = '';
  for (let index = 0; index < samples; index += 1) {
    const label = index % classes.length;
    const content = index % 1000 === 7 ? index - 1 : index;
    const hash = sha256(`content ${content}`);
    if (index % 500 !== 9) look = sha256(`look ${content}`).slice(0, 16);
    yield {
      id: `train/${classes[label]}/${classes[label]}_${index}.JPEG`,
      file: `images-${String(Math.floor(index / 1200)).padStart(5, '0')}.tfrecord`,
      offset: (index % 1200) * 110_417 + 97,
      length: 110_000 + (index % 317),
      label,
      sha256: hash,
      side: 'train',
      phash: look,
    };
  }
}
