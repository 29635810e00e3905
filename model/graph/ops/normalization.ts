/** Batch normalization over B, H and W, NHWC; parameters and statistics are float32 whatever x is. */
import type { Graph } from '../graph.ts';
import { staticSize } from '../tensor.ts';
import type { Tensor } from '../tensor.ts';
import { binary, cast } from './elementwise.ts';

export interface BatchNormParameters {
  /** [C] each. */
  readonly gamma: Tensor;
  readonly beta: Tensor;
  readonly epsilon: number;
}

/** y, and the batch's mean and population variance [C]: what Keras keeps moving averages of. */
export interface BatchNormalized {
  readonly y: Tensor;
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/** x [B, H, W, C] normalized by its own statistics. */
export function batchNorm(
  graph: Graph,
  x: Tensor,
  { gamma, beta, epsilon }: BatchNormParameters,
): BatchNormalized {
  const attributes = normAttributes(x, epsilon, true);
  const unused = graph.constant({ dtype: 'float32', shape: [0], values: [] });
  const [y, mean, besselVariance, ...reserved] = graph.add(
    'FusedBatchNormV3',
    [x, gamma, beta, unused, unused],
    { ...attributes, exponential_avg_factor: { float: 1 } },
    [x, gamma, gamma, gamma, gamma, { dtype: 'float32', shape: [null] }],
  );
  graph.record({
    op: 'FusedBatchNormV3',
    inputs: [x, gamma, beta],
    outputs: [y!],
    gradient: ([d]) =>
      graph
        .add('FusedBatchNormGradV3', [d!, x, gamma, ...reserved], attributes, [
          x,
          gamma,
          beta,
          gamma,
          gamma,
        ])
        .slice(0, 3),
  });
  return { y: y!, mean: mean!, variance: populationVariance(graph, x, besselVariance!) };
}

/** TensorFlow returns n / (n - 1) times the population variance; n = B H W. */
function populationVariance(graph: Graph, x: Tensor, besselVariance: Tensor): Tensor {
  const pixels = staticSize(x, 1) * staticSize(x, 2);
  const n = binary(graph, 'Mul', batchSize(graph, x), graph.float(pixels));
  const correction = binary(graph, 'RealDiv', binary(graph, 'Sub', n, graph.float(1)), n);
  return binary(graph, 'Mul', besselVariance, correction);
}

/** The size of the first axis as float32. */
export function batchSize(graph: Graph, x: Tensor): Tensor {
  const first = graph.addOne(
    'StridedSlice',
    [graph.shapeOf(x), graph.ints([0]), graph.ints([1]), graph.ints([1])],
    { T: { type: 'int32' }, Index: { type: 'int32' }, shrink_axis_mask: { int: 1 } },
    { dtype: 'int32', shape: [] },
  );
  return cast(graph, first, 'float32');
}

/** x [B, H, W, C] normalized by given statistics [C], which no gradient flows to. */
export function frozenBatchNorm(
  graph: Graph,
  x: Tensor,
  parameters: BatchNormParameters,
  statistics: { readonly mean: Tensor; readonly variance: Tensor },
): Tensor {
  const { gamma, beta, epsilon } = parameters;
  const { mean, variance } = statistics;
  const attributes = normAttributes(x, epsilon, false);
  const [y, , , , , reserved] = graph.add(
    'FusedBatchNormV3',
    [x, gamma, beta, mean, variance],
    { ...attributes, exponential_avg_factor: { float: 1 } },
    [x, gamma, gamma, gamma, gamma, { dtype: 'float32', shape: [null] }],
  );
  graph.record({
    op: 'FusedBatchNormV3',
    inputs: [x, gamma, beta],
    outputs: [y!],
    gradient: ([d]) =>
      graph
        .add('FusedBatchNormGradV3', [d!, x, gamma, mean, variance, reserved!], attributes, [
          x,
          gamma,
          beta,
          gamma,
          gamma,
        ])
        .slice(0, 3),
  });
  return y!;
}

function normAttributes(x: Tensor, epsilon: number, training: boolean) {
  return {
    T: { type: x.dtype },
    U: { type: 'float32' },
    epsilon: { float: epsilon },
    data_format: { string: 'NHWC' },
    is_training: { bool: training },
  } as const;
}
