/** Nightshift's program, measured as the peers are: usage `ours.ts <spec>`. */
import { readFileSync } from 'node:fs';
import { configSchema } from '../../contract/config.ts';
import { architectureOf, openProgram } from '../../model/program.ts';
import { spread } from '../statistics.ts';
import type { Spec } from './spec.ts';

const spec = JSON.parse(process.argv[2]!) as Spec;
const { size, batch: count, task } = spec;
const classes = 1000;
const { model, training } = configSchema.parse({ model: { imageSize: size } });
const program = openProgram({
  model: { ...model, trainable: task === 'head' ? 'head' : 'all' },
  architecture: architectureOf(model),
  step: training,
  classes,
  compute: spec.precision,
  pretrained: false,
  scaling: 'zero-one',
});
program.initialize(0);
const batch = {
  images: Uint8Array.from({ length: count * size * size * 3 }, (_, index) => (index * 7919) % 251),
  labels: Int32Array.from({ length: count }, (_, index) => index % classes),
};
let taken = 0;
const step = (): void => {
  if (task === 'predict') program.evaluate(batch);
  else program.train(batch, { learningRate: 1e-5, step: taken++, seed: 0 });
};

const say = (message: object): void => console.log(JSON.stringify(message));
step();
say({ first: true });
for (let turn = 0; turn < spec.warmup; turn += 1) step();
const times: number[] = [];
const [began, cpu] = [performance.now(), process.cpuUsage()];
while (performance.now() - began < 1000 * spec.seconds || times.length < 3) {
  const startedAt = performance.now();
  step();
  times.push((performance.now() - startedAt) / 1000);
}
const { user, system } = process.cpuUsage(cpu);
say({
  imagesPerSecond: count / spread(times).median,
  cpuSecondsPerImage: (user + system) / 1e6 / (count * times.length),
  peakMb: Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]) / 1024,
});
