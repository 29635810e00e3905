/** The training step as a graph: loss, gradients, their sum over micro-batches, the optimizer, the averages. */
import type { Config } from '../contract/config.ts';
import { gradients } from './graph/autodiff.ts';
import type { Graph } from './graph/graph.ts';
import { batchMean, smoothed, softmaxCrossEntropy } from './graph/ops/classification.ts';
import { binary } from './graph/ops/elementwise.ts';
import { clipByGlobalNorm, decayWeights, update } from './graph/optimizers.ts';
import type { Scratch, StepInputs, Update } from './graph/optimizers.ts';
import type { Tensor } from './graph/tensor.ts';
import { assign, assignAdd, empty, readAfter, variable, zeros } from './graph/variables.ts';
import type { Variable } from './graph/variables.ts';
import type { NetworkVariable } from './layers.ts';

/** What of a run's configuration makes the step. */
export type StepSettings = Pick<
  Config['training'],
  | 'optimizer'
  | 'weightDecay'
  | 'clipGlobalNorm'
  | 'labelSmoothing'
  | 'microBatchSize'
  | 'averageDecay'
>;

export interface TrainingStep {
  /** The mean loss of the images fed, float32 []; running it takes the step, or adds to `apply`'s. */
  readonly loss: Tensor;
  /** Takes the step with the gradients that were added up; undefined without micro-batches. */
  readonly apply: Tensor | undefined;
  /** What the optimizer keeps from step to step: zeros before the first one. */
  readonly slots: readonly Variable[];
  /** State that is empty between two steps. */
  readonly scratch: readonly Variable[];
  /** Moving averages by the names of their variables: they too are kept. */
  readonly averages: ReadonlyMap<string, Variable>;
}

export interface StepFeeds extends StepInputs {
  /** Share of the step's images that is fed, float32 []; read with micro-batches only. */
  readonly share: Tensor;
  /** 0, float32 []; read by `apply` only. */
  readonly zero: Tensor;
}

/** `targets`: one-hot [B, classes]; `statistics`: the nodes that move BatchNorm's. */
export function trainingStep(
  graph: Graph,
  logits: Tensor,
  targets: Tensor,
  statistics: readonly string[],
  variables: readonly NetworkVariable[],
  feeds: StepFeeds,
  settings: StepSettings,
): TrainingStep {
  const learning = variables.filter(({ trainable }) => trainable);
  const wanted = smoothed(graph, targets, settings.labelSmoothing);
  const loss = batchMean(graph, softmaxCrossEntropy(graph, logits, wanted));
  const found = gradients(
    graph,
    loss,
    learning.map(({ value }) => value),
  );
  if (settings.microBatchSize === undefined) {
    const taken = takeStep(graph, learning, found, feeds, settings);
    const whole = graph.after(loss, [...statistics, ...taken.nodes], 'train');
    return { ...taken, loss: whole, apply: undefined };
  }
  const sums = learning.map(({ name, shape }) =>
    variable(graph, `${name}/sum`, shape as number[], zeros),
  );
  const added = found.map((gradient, index) =>
    assignAdd(graph, sums[index]!, binary(graph, 'Mul', gradient, feeds.share)),
  );
  const summed = sums.map(({ value }) => value);
  const taken = takeStep(graph, learning, summed, feeds, settings);
  const emptied = sums.map((sum, index) => empty(graph, sum, feeds.zero, [taken.updates[index]!]));
  return {
    ...taken,
    loss: graph.after(loss, [...statistics, ...added], 'accumulate'),
    apply: graph.after(feeds.step, [...taken.nodes, ...emptied], 'apply'),
    scratch: [...taken.scratch, ...sums],
  };
}

export type Taken = Pick<TrainingStep, 'slots' | 'scratch' | 'averages'> & {
  /** The optimizer's nodes, in the variables' order. */
  readonly updates: readonly string[];
  /** All nodes of the step. */
  readonly nodes: readonly string[];
};

/** Clips, decays, updates and averages: all that a step does once its gradients are known. */
export function takeStep(
  graph: Graph,
  learning: readonly NetworkVariable[],
  found: readonly Tensor[],
  feeds: StepFeeds,
  { optimizer, weightDecay, clipGlobalNorm, averageDecay }: StepSettings,
): Taken {
  const clipped =
    clipGlobalNorm === undefined ? found : clipByGlobalNorm(graph, found, clipGlobalNorm);
  const scratch: Scratch = new Map();
  const updates: Update[] = [];
  // The last layer's first, as gradients arrive: those that share scratch wait for each other.
  for (const [index, target] of [...learning.entries()].toReversed()) {
    const decayed =
      weightDecay > 0 && target.role === 'kernel'
        ? [decayWeights(graph, target, feeds, weightDecay)]
        : [];
    const gradient = clipped[index]!;
    updates.unshift(update(graph, target, gradient, feeds, optimizer, scratch, decayed));
  }
  const nodes = updates.map(({ node }) => node);
  const averages = new Map<string, Variable>();
  const followed: string[] = [];
  if (averageDecay !== undefined) {
    const kept = keptShare(graph, feeds.step, averageDecay);
    for (const [index, target] of learning.entries()) {
      const average = variable(graph, `${target.name}/average`, target.shape as number[], zeros);
      averages.set(target.name, average);
      followed.push(follow(graph, average, readAfter(graph, target, [nodes[index]!]), kept));
    }
  }
  return {
    updates: nodes,
    nodes: [...nodes, ...followed],
    slots: updates.flatMap(({ slots }) => slots),
    scratch: [...scratch.values()].map(({ variable: one }) => one),
    averages,
  };
}

/** As in Keras: nothing is kept at the first step, where the average becomes the value. */
function keptShare(graph: Graph, step: Tensor, decay: number): Tensor {
  const before = binary(graph, 'Sub', step, graph.float(1));
  const T = { type: 'float32' } as const;
  const isLater = graph.addOne('Minimum', [before, graph.float(1)], { T }, step);
  return binary(graph, 'Mul', isLater, graph.float(decay));
}

/** average = kept average + (1 - kept) value */
function follow(graph: Graph, average: Variable, value: Tensor, kept: Tensor): string {
  const old = binary(graph, 'Mul', average.value, kept);
  const added = binary(graph, 'Mul', value, binary(graph, 'Sub', graph.float(1), kept));
  return assign(graph, average, binary(graph, 'AddV2', old, added));
}
