/** A short training whose outcome Keras gives too: the same weights, images and labels on both sides. */
import { configSchema } from '../../contract/config.ts';
import type { Config } from '../../contract/config.ts';
import { purposes, randomStream } from '../../data/random.ts';
import { architectureOf, openProgram } from '../../model/program.ts';
import type { ImageBatch, Program, ProgramSpec } from '../../model/program.ts';
import { madeImage } from '../data/support.ts';

export const steps = 5;
export const classes = 10;
export const learningRate = 1e-4;
export const optimizer = {
  name: 'rmsprop',
  rho: 0.9,
  momentum: 0,
  epsilon: 1e-7,
  centered: false,
} as const;

export interface ReferenceTraining {
  readonly model: Config['model'];
  readonly labelSmoothing: number;
  readonly program: Program;
  readonly batches: readonly ImageBatch[];
}

export type ReferenceSettings = Pick<Config['model'], 'architecture' | 'imageSize' | 'trainable'> &
  Partial<Pick<Config['model'], 'stem'>> &
  Partial<Pick<Config['training'], 'labelSmoothing' | 'microBatchSize'>>;

export function openReferenceTraining(
  { labelSmoothing = 0, microBatchSize, ...settings }: ReferenceSettings,
  batchSize: number,
  compute: 'float32' | 'bfloat16' = 'float32',
): ReferenceTraining {
  // From scratch nothing may be frozen, but here it is.
  const { model: whole } = configSchema.parse({
    model: { ...settings, trainable: 'all', dropout: 0, batchNormMomentum: 0.9 },
  });
  const model = { ...whole, trainable: settings.trainable };
  const spec: ProgramSpec = {
    model,
    architecture: architectureOf(model),
    step: { optimizer, weightDecay: 0, labelSmoothing, microBatchSize },
    classes,
    compute,
    scaling: 'zero-one',
    pretrained: true,
  };
  const program = openProgram(spec);
  program.initialize(7);
  keepReluFromZero(program);
  const batches = makeBatches(model.imageSize, batchSize);
  if (model.trainable !== 'all') settleStatistics(program, spec, batches[0]!);
  return { model, labelSmoothing, program, batches };
}

/**
 * Trains the steps; gives the probabilities before them, the losses, the first step's gradients
 * (but for their signs), and at the end every value and velocity: `gradient/<variable>` and so on.
 * Velocities as their roots, which are gradients in size.
 */
export function measure({ program, batches }: ReferenceTraining): Map<string, Float32Array> {
  const measured = new Map<string, Float32Array>();
  const learning = program.variables.filter(({ trainable }) => trainable);
  /** Slots as their roots. */
  const record = (kind: string, slot: string, variables: Program['variables'] = learning): void => {
    const values = program.read(variables.map(({ name }) => name + slot));
    for (const [index, { name }] of variables.entries()) {
      measured.set(`${kind}/${name}`, slot === '' ? values[index]! : values[index]!.map(Math.sqrt));
    }
  };
  measured.set('probabilities', program.evaluate(batches[0]!).probabilities);
  const losses = batches.map((batch, step) => {
    const loss = program.train(batch, { learningRate, step, seed: 0 });
    // The velocity is (1 - rho) g^2 by now.
    if (step === 0) record('gradient', '/rmsprop/velocity');
    return loss;
  });
  for (const [name, values] of measured) {
    if (!name.startsWith('gradient/')) continue;
    measured.set(
      name,
      values.map((root) => root / Math.sqrt(1 - optimizer.rho)),
    );
  }
  measured.set('losses', Float32Array.from(losses));
  record('value', '', program.variables);
  record('velocity', '/rmsprop/velocity');
  return measured;
}

/**
 * Shifts each channel before a ReLU well above zero or below it. Where activations lie about zero
 * a rounding turns one on or off now and then, which shows in the gradients of a batch this small.
 * What a residual addition sums is shifted up alone: up and down would meet at zero. And it is kept
 * small: it grows from block to block, and by large features each step moves the logits far.
 */
function keepReluFromZero(program: Program): void {
  const random = randomStream(2, purposes.augmentation, [0, 0, 0]);
  const initial = backboneValues(program);
  program.assign(
    new Map(
      backboneOf(program).map(({ name, role }) => {
        const values = initial.get(name)!;
        const isSummed = /_[03]_bn/.test(name);
        const scale = isSummed ? 0.2 : 1;
        const beta = (): number => scale * (isSummed || random.uniform() < 0.5 ? 5 : -5);
        const gamma = (): number => scale * random.between(0.8, 1.2);
        const value = { beta, gamma }[role as string];
        return [name, value ? values.map(value) : values];
      }),
    ),
  );
}

/**
 * Gives BatchNorm the statistics of a batch, as a trained one has. By those it is born with, 0 and 1,
 * frozen layers normalize nothing, and float32's first gradients can lie much further from float64's.
 */
function settleStatistics(program: Program, spec: ProgramSpec, batch: ImageBatch): void {
  const model = { ...spec.model, trainable: 'all', batchNormMomentum: 0 } as const;
  // In one piece: a last micro-batch of one image would have no variance.
  const measuring = openProgram({
    ...spec,
    model,
    step: { ...spec.step, microBatchSize: undefined },
  });
  measuring.initialize(0);
  measuring.assign(backboneValues(program));
  measuring.train(batch, { learningRate: 0, step: 0, seed: 0 });
  program.assign(backboneValues(measuring));
  measuring.close();
}

const backboneOf = ({ variables }: Program): Program['variables'] =>
  variables.filter(({ name }) => !name.startsWith('head/'));

function backboneValues(program: Program): Map<string, Float32Array> {
  const names = backboneOf(program).map(({ name }) => name);
  return new Map(program.read(names).map((values, index) => [names[index]!, values]));
}

function makeBatches(size: number, batchSize: number): ReferenceTraining['batches'] {
  const random = randomStream(1, purposes.augmentation, [0, 0, 0]);
  return Array.from({ length: steps }, () => ({
    images: Buffer.concat(
      Array.from({ length: batchSize }, () => madeImage(random.below(1_000_000), size)),
    ),
    labels: Int32Array.from({ length: batchSize }, () => random.below(classes)),
  }));
}
