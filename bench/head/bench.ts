/** Training of a head on a frozen backbone beside our own prediction, on images and on kept features. */
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measureRow } from '../engine/bench.ts';
import type { Spec } from '../engine/spec.ts';
import { spread, spreadText } from '../statistics.ts';
import type { EpochsFigures, EpochsSpec } from './epochs.ts';

const usage = `npm run bench -- head [options]
  --size <px>          of the images (default 224)
  --images <n>         of an epoch on features (default 1000)
  --precision <type>   float32 or bfloat16 (default bfloat16)
  --rounds <n>         rounds of each, in turn (default 5)
  --seconds <s>        prediction and steps on images are measured for this long (default 6)
  --json               the figures of every round`;

const batch = 16;
const epochs = 6;

/** Images a second, a figure a round. */
interface Figures {
  readonly prediction: number[];
  readonly images: number[];
  readonly firstEpoch: number[];
  readonly laterEpochs: number[];
}

export async function bench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      size: { type: 'string', default: '224' },
      images: { type: 'string', default: '1000' },
      precision: { type: 'string', default: 'bfloat16' },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '6' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(usage);
  const precision = values.precision as Spec['precision'];
  const [size, images] = [Number(values.size), Number(values.images)];
  const measured = async (task: 'predict' | 'head'): Promise<number> => {
    const name = `Nightshift, ${precision}`;
    const row = { name: `${task}-${size}`, task, size, batch };
    const ours = { name, script: 'ours.ts', precision, variant: '' };
    let speed = NaN;
    await measureRow('', row, [ours], 1, Number(values.seconds), (_, { imagesPerSecond }) => {
      speed = imagesPerSecond;
    });
    return speed;
  };
  const figures: Figures = { prediction: [], images: [], firstEpoch: [], laterEpochs: [] };
  for (let round = 0; round < Number(values.rounds); round += 1) {
    figures.prediction.push(await measured('predict'));
    figures.images.push(await measured('head'));
    const { firstSeconds, laterSeconds } = run({ size, images, precision, epochs });
    figures.firstEpoch.push(images / firstSeconds);
    figures.laterEpochs.push(images / spread(laterSeconds).median);
  }
  if (values.json) return console.log(JSON.stringify(figures, null, 1));
  console.log(table(figures, `${size} px, ${precision}, epochs of ${images} images`));
}

function run(spec: EpochsSpec): EpochsFigures {
  const script = join(import.meta.dirname, 'epochs.ts');
  const said = execFileSync(process.execPath, ['--import', 'tsx', script, JSON.stringify(spec)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return JSON.parse(said.trim().split('\n').at(-1)!) as EpochsFigures;
}

function table(figures: Figures, what: string): string {
  const median = (values: readonly number[]): number => spread(values).median;
  const line = (name: string, values: readonly number[], ratio: string): string =>
    `| ${name} | ${spreadText(spread(values))} | ${ratio} |`;
  const first = median(figures.firstEpoch);
  const ofPrediction = (values: readonly number[]): string =>
    `${(median(values) / median(figures.prediction)).toFixed(2)} of prediction`;
  return `
${what}; medians (min to max), n = ${figures.prediction.length}; ${cpus()[0]!.model}, ${cpus().length} cores

| | images/s | |
|---|---|---|
${line(`prediction, batch ${batch}`, figures.prediction, '')}
${line(`head on images, batch ${batch}`, figures.images, ofPrediction(figures.images))}
${line('head, first epoch: features computed, then steps', figures.firstEpoch, ofPrediction(figures.firstEpoch))}
${line('head, later epochs on kept features', figures.laterEpochs, `${(median(figures.laterEpochs) / first).toFixed(0)} x the first epoch`)}`;
}
