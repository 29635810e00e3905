/**
 * The program a trainer runs: one graph with the signatures train, evaluate, features, initialize,
 * save and restore, and the session that holds its state. A step is one session call.
 */
import { createHash } from 'node:crypto';
import type { Config } from '../contract/config.ts';
import type { Conventions } from '../contract/weights.ts';
import { Graph } from './graph/graph.ts';
import {
  argMax,
  batchSum,
  countInTopK,
  oneHot,
  softmax,
  softmaxCrossEntropy,
} from './graph/ops/classification.ts';
import { dropout } from './graph/ops/dropout.ts';
import { cast } from './graph/ops/elementwise.ts';
import { encodeGraph } from './graph/proto.ts';
import { openSession } from './graph/session.ts';
import type { Feed } from './graph/session.ts';
import { staticSize } from './graph/tensor.ts';
import type { Tensor } from './graph/tensor.ts';
import {
  assign,
  copied,
  empty,
  findUnsound,
  initializeAll,
  restoreAll,
  saveAll,
} from './graph/variables.ts';
import type { Variable } from './graph/variables.ts';
import { drawMixing } from '../data/mixing.ts';
import type { MixingSettings } from '../data/mixing.ts';
import { collectGarbage } from './collect-garbage.ts';
import { layersOn } from './layers.ts';
import type { Folded, Layers, LayerSettings, NetworkVariable, NetworkVariables } from './layers.ts';
import { mixingInputs } from './mixed.ts';
import { architectureNamed, backbone } from './resnet50.ts';
import type { Architecture } from './resnet50.ts';
import { scale } from './scaling.ts';
import { trainingStep } from './step.ts';
import type { StepSettings } from './step.ts';
import { trainsUnder } from './trainable.ts';

export interface ProgramSpec {
  readonly model: Omit<Config['model'], 'architecture' | 'weights' | 'weightsSha256'>;
  readonly architecture: Architecture;
  readonly step: StepSettings;
  readonly classes: number;
  readonly compute: 'float32' | 'bfloat16';
  /** Variables are given values from outside. */
  readonly pretrained: boolean;
  /** What pixels become, as the weights want them. */
  readonly scaling: Conventions['pixels'];
  /** How batches are mixed in training; undefined: not at all. */
  readonly mixing?: MixingSettings | undefined;
}

/** Images uint8 [B, S, S, 3] and their labels [B]. */
export interface ImageBatch {
  readonly images: Uint8Array;
  readonly labels: Int32Array;
}

/**
 * What the backbone made of images, float32 [B, features], in their stead: the graph is run from
 * there on. Only where nothing of the backbone learns.
 */
export interface FeatureBatch {
  readonly features: Float32Array;
  readonly labels: Int32Array;
}

export type InputBatch = ImageBatch | FeatureBatch;

export interface BatchEvaluation {
  /** Sums over the batch: loss in nats, right answers, labels among the five likeliest. */
  readonly lossSum: number;
  readonly correct: number;
  readonly inTop5: number;
  /** [B, classes], rows one after the other. */
  readonly probabilities: Float32Array;
  /** [B] */
  readonly predicted: Int32Array;
}

export interface Program {
  /** SHA-256 of the graph: equal graphs on equal hardware give equal bits. */
  readonly graphDigest: string;
  /** The same of its part from images to features. */
  readonly featureGraphDigest: string;
  /** Height and width of an image, and its number of features. */
  readonly imageSize: number;
  readonly featureCount: number;
  readonly variables: readonly NetworkVariable[];
  /** Takes step `step` (counted from 0) of the run with this seed; returns the batch's mean loss before it. */
  train(batch: InputBatch, step: { learningRate: number; step: number; seed: number }): number;
  evaluate(batch: InputBatch): BatchEvaluation;
  /** What the backbone makes of images, [B, features]. */
  features(batch: ImageBatch): Float32Array;
  /** Begins anew: every variable follows from the seed and its name. */
  initialize(seed: number): void;
  /** Gives variables values by name, the others keep theirs; only in a pretrained program. */
  assign(values: ReadonlyMap<string, Float32Array>): void;
  /** What of the weights holds NaN or an infinity: a loss does not show it where a ReLU makes 0 of NaN. */
  unsound(): string[];
  /** Writes all state as a TensorFlow bundle: `<prefix>.index` and `<prefix>.data-00000-of-00001`. */
  save(prefix: string): void;
  restore(prefix: string): void;
  /** As `restore`, but of what evaluation reads alone: the optimizer begins anew. */
  restoreWeights(prefix: string): void;
  /** The values of variables and slots, in one call; for tests and tools. */
  read(names: readonly string[]): Float32Array[];
  close(): void;
}

/** The architecture a configuration names. */
export const architectureOf = (
  model: Pick<Config['model'], 'architecture'>,
  topology: Conventions['topology'] = 'keras',
): Architecture => architectureNamed(model.architecture, topology);

/** Builds and loads the program. */
export function openProgram(spec: ProgramSpec): Program {
  const { model, classes } = spec;
  const { microBatchSize } = spec.step;
  const graph = new Graph();
  const size = model.imageSize;
  const images = graph.placeholder('images', 'uint8', [null, size, size, 3]);
  const labels = graph.placeholder('labels', 'int32', [null]);
  const learningRate = graph.placeholder('learning_rate', 'float32', []);
  const stepNumber = graph.placeholder('step', 'float32', []);
  const share = graph.placeholder('share', 'float32', []);
  const dropoutSeed = graph.placeholder('dropout_seed', 'int32', [2]);
  const seed = graph.placeholder('seed', 'int32', []);
  const zero = graph.placeholder('zero', 'float32', []);
  const prefix = graph.placeholder('prefix', 'string', []);

  const variables: NetworkVariables = new Map();
  const folded: Folded = { variables: new Map(), updates: [] };
  const pixels = scale(graph, cast(graph, images, 'float32'), spec);
  const mixed = spec.mixing && mixingInputs(graph, spec.mixing, size);
  const trainedOn = mixed ? scale(graph, mixed.images(images), spec) : pixels;

  const training = layersFor(graph, variables, folded, spec, 'train');
  const features = backbone(graph, training, spec.architecture, model.stem, trainedOn);
  const featureGraphDigest = digestOfGraph(graph);
  const trainsOnFolded = folded.variables.size > 0;
  const dropped = dropout(graph, features, model.dropout, dropoutSeed);
  const targets = oneHot(graph, labels, classes);
  const step = trainingStep(
    graph,
    training.dense('head', dropped, classes),
    mixed ? mixed.targets(targets) : targets,
    training.updates,
    [...variables.values()],
    { learningRate, step: stepNumber, share, zero },
    spec.step,
  );
  const valueOf = (one: Variable): Tensor => (step.averages.get(one.name) ?? one).value;
  const inference = layersFor(graph, variables, folded, spec, 'infer', valueOf);
  const inferred = backbone(graph, inference, spec.architecture, model.stem, pixels);
  const logits = inference.dense('head', inferred, classes);
  const evaluated = [
    batchSum(graph, softmaxCrossEntropy(graph, logits, targets)),
    countInTopK(graph, logits, labels, 1),
    countInTopK(graph, logits, labels, 5),
    softmax(graph, logits),
    argMax(graph, logits),
  ];

  const averages = [...step.averages.values()];
  const weights: Variable[] = [...variables.values(), ...averages];
  const kept = [...weights, ...step.slots];
  const all = [...kept, ...step.scratch];
  const emptied = (targets: readonly Variable[]): string[] =>
    targets.map((target) => empty(graph, target, zero));
  const begin = initializeAll(graph, [...variables.values()], seed, hashName);
  const initialized = graph.after(seed, [...begin, ...emptied(averages)], 'initialize');
  const slotsEmptied = graph.after(zero, emptied(step.slots), 'slots_emptied');
  const scratchEmptied = graph.after(zero, emptied(step.scratch), 'scratch_emptied');
  const unsoundness = findUnsound(graph, weights, zero);
  const saved = graph.after(prefix, [saveAll(graph, kept, prefix)], 'saved');
  const restored = graph.after(prefix, restoreAll(graph, kept, prefix), 'restored');
  const weightsTaken = restoreAll(graph, weights, prefix);
  const weightsRestored = graph.after(prefix, weightsTaken, 'weights_restored');
  const done = graph.constant({ dtype: 'int32', shape: [], values: [0] });
  const refolded = graph.after(done, folded.updates, 'folded');

  const given = (spec.pretrained ? [...variables.values()] : []).map((target) => ({
    target,
    value: graph.placeholder(`${target.name}/given`, 'float32', target.shape),
  }));
  const begun = given.map(({ target, value }) => assign(graph, target, copied(graph, value)));
  const assigned = graph.after(done, begun, 'assigned');

  const graphDigest = digestOfGraph(graph);
  const session = openSession(graph);
  collectGarbage();
  const featureCount = staticSize(features, 1);
  const feedImages = ({ images: data, labels: { length } }: ImageBatch): Fed => [
    images,
    { dtype: 'uint8', shape: [length, size, size, 3], data },
  ];
  /** Features are fed in place of what the graph would make of images. */
  const feedBatch = (batch: InputBatch, made: Tensor): Fed[] => {
    const { length } = batch.labels;
    return [
      'images' in batch
        ? feedImages(batch)
        : [made, { dtype: 'float32', shape: [length, featureCount], data: batch.features }],
      [labels, { dtype: 'int32', shape: [length], data: batch.labels }],
    ];
  };
  const feedScalar = (tensor: Tensor, value: number): Fed => [
    tensor,
    { dtype: 'float32', shape: [], data: Float32Array.of(value) },
  ];
  const feedPath = (path: string): Fed => [prefix, { dtype: 'string', shape: [], data: path }];

  /** What of the variables is folded: frozen ones as they were loaded, learning ones since the last step. */
  let isFolded: 'nothing' | 'frozen' | 'all' = 'nothing';
  const refold = (): void => {
    session.run([], [refolded]);
    isFolded = 'all';
  };
  const changing = (feeds: readonly Fed[], change: Tensor): void => {
    session.run(feeds, [change]);
    isFolded = 'nothing';
  };

  /** What of the optimizer's state is there: predictions need none of it, and it is as large as the weights. */
  let optimizer: 'nothing' | 'slots' | 'all' = 'nothing';
  const fedZero = feedScalar(zero, 0);
  const needSlots = (): void => {
    if (optimizer !== 'nothing') return;
    session.run([fedZero], [slotsEmptied]);
    optimizer = 'slots';
  };
  const needOptimizer = (): void => {
    needSlots();
    if (optimizer === 'all') return;
    session.run([fedZero], [scratchEmptied]);
    optimizer = 'all';
  };

  return {
    graphDigest,
    featureGraphDigest,
    imageSize: size,
    featureCount,
    variables: [...variables.values()],
    train(batch, { learningRate: rate, step: number, seed: runSeed }) {
      if (isFolded === 'nothing' && trainsOnFolded && 'images' in batch) refold();
      if (isFolded === 'all') isFolded = 'frozen';
      needOptimizer();
      const common = [feedScalar(learningRate, rate), feedScalar(stepNumber, number + 1)];
      let mean = 0;
      for (const [index, part] of partsOf(batch, microBatchSize).entries()) {
        const portion = part.labels.length / batch.labels.length;
        const seeds = Int32Array.of(runSeed + index * seedStride, number);
        const { length } = part.labels;
        const place = { seed: runSeed, step: number, part: index, images: length, size };
        const [loss] = session.run(
          [
            ...feedBatch(part, features),
            ...common,
            ...(step.apply ? [feedScalar(share, portion)] : []),
            ...(mixed ? mixed.feeds(length, drawMixing(mixed.settings, place)) : []),
            [dropoutSeed, { dtype: 'int32', shape: [2], data: seeds }],
          ],
          [step.loss],
        );
        mean += loss![0]! * portion;
      }
      if (step.apply) session.run([...common, fedZero], [step.apply]);
      return mean;
    },
    evaluate(batch) {
      if (isFolded !== 'all' && 'images' in batch) refold();
      const [lossSum, correct, inTop5, probabilities, predicted] = session.run(
        feedBatch(batch, inferred),
        evaluated,
      );
      return {
        lossSum: lossSum![0]!,
        correct: correct![0]!,
        inTop5: inTop5![0]!,
        probabilities: probabilities as Float32Array,
        predicted: predicted as Int32Array,
      };
    },
    features(batch) {
      if (isFolded === 'nothing') refold();
      const feeds = [feedImages(batch), ...(mixed ? mixed.feeds(batch.labels.length) : [])];
      return session.run(feeds, [features])[0] as Float32Array;
    },
    initialize(value) {
      const data = Int32Array.of(value);
      changing([[seed, { dtype: 'int32', shape: [], data }], fedZero], initialized);
      optimizer = 'nothing';
    },
    assign(values) {
      const kept = given.filter(({ target }) => !values.has(target.name));
      const held = kept.map(({ target }) => target.value);
      const old = held.length > 0 ? session.run([], held) : [];
      const feeds = given.map(({ target, value }): Fed => {
        const index = kept.findIndex((one) => one.target === target);
        const data = values.get(target.name) ?? (old[index] as Float32Array);
        return [value, { dtype: 'float32', shape: target.shape as number[], data }];
      });
      changing(feeds, assigned);
    },
    unsound() {
      const [found] = session.run([fedZero], [unsoundness]);
      return weights.filter((_, index) => Number.isNaN(found![index])).map(({ name }) => name);
    },
    save(path) {
      needSlots();
      session.run([feedPath(path)], [saved]);
    },
    restore(path) {
      changing([feedPath(path)], restored);
      optimizer = 'slots';
    },
    restoreWeights(path) {
      changing([feedPath(path)], weightsRestored);
      optimizer = 'nothing';
    },
    read(names) {
      const found = names.map((name) => {
        const variable = all.find((one) => one.name === name);
        if (!variable) throw new Error(`no variable ${name}`);
        return variable.value;
      });
      return session.run([], found) as Float32Array[];
    },
    close: () => session.close(),
  };
}

type Fed = readonly [Tensor, Feed];

/** Between the dropout seeds of two micro-batches: far from any other run's. */
const seedStride = 0x9e3779b1;

/** The batch in parts of at most `size` images; whole without it. */
function partsOf(batch: InputBatch, size = batch.labels.length): InputBatch[] {
  const count = batch.labels.length;
  return Array.from({ length: Math.ceil(count / size) }, (_, index) => {
    const [first, end] = [index * size, Math.min(count, (index + 1) * size)];
    const labels = batch.labels.subarray(first, end);
    if ('images' in batch) {
      const width = batch.images.length / count;
      return { images: batch.images.subarray(first * width, end * width), labels };
    }
    const width = batch.features.length / count;
    return { features: batch.features.subarray(first * width, end * width), labels };
  });
}

/** What one of the two networks, that which trains or that which evaluates, is built of. */
function layersFor(
  graph: Graph,
  variables: NetworkVariables,
  folded: Folded,
  { model, compute }: ProgramSpec,
  mode: LayerSettings['mode'],
  valueOf?: (variable: Variable) => Tensor,
): Layers {
  const settings = {
    mode,
    compute,
    momentum: model.batchNormMomentum,
    trains: trainsUnder(model.trainable),
  };
  return layersOn(graph, variables, folded, settings, valueOf);
}

/** Of the graph as it is by now. */
function digestOfGraph({ nodes }: Graph): string {
  return createHash('sha256').update(encodeGraph(nodes).serializeBinary()).digest('hex');
}

/** 32 bits of a name: the second half of its variable's random key. */
function hashName(name: string): number {
  return createHash('sha256').update(name).digest().readInt32LE(0);
}
