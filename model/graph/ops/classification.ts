/** What a classifier's head needs: one-hot labels, cross-entropy, probabilities, counts of right answers. */
import type { Graph } from '../graph.ts';
import { staticSize } from '../tensor.ts';
import type { DType, Tensor } from '../tensor.ts';
import { batchSize } from './normalization.ts';
import { binary } from './elementwise.ts';

/** labels int32 [B] -> float32 [B, classes] */
export function oneHot(graph: Graph, labels: Tensor, classes: number): Tensor {
  const depth = graph.constant({ dtype: 'int32', shape: [], values: [classes] });
  return graph.addOne(
    'OneHot',
    [labels, depth, graph.float(1), graph.float(0)],
    { T: { type: 'float32' }, TI: { type: 'int32' }, axis: { int: -1 } },
    { dtype: 'float32', shape: [labels.shape[0]!, classes] },
  );
}

/** targets [B, classes] of which `share` is spread evenly over all classes */
export function smoothed(graph: Graph, targets: Tensor, share: number): Tensor {
  if (share === 0) return targets;
  const kept = binary(graph, 'Mul', targets, graph.float(1 - share));
  return binary(graph, 'AddV2', kept, graph.float(share / staticSize(targets, 1)));
}

/** Cross-entropy in nats of logits [B, C] to labels [B, C] (rows sum to 1), a sample: [B] */
export function softmaxCrossEntropy(graph: Graph, logits: Tensor, labels: Tensor): Tensor {
  const [losses, backprop] = graph.add(
    'SoftmaxCrossEntropyWithLogits',
    [logits, labels],
    { T: { type: 'float32' } },
    [{ dtype: 'float32', shape: [logits.shape[0]!] }, logits],
  );
  graph.record({
    op: 'SoftmaxCrossEntropyWithLogits',
    inputs: [logits],
    outputs: [losses!],
    gradient: ([d]) => {
      // [B] -> [B, 1]
      const column = graph.addOne(
        'ExpandDims',
        [d!, graph.constant({ dtype: 'int32', shape: [], values: [-1] })],
        { T: { type: 'float32' }, Tdim: { type: 'int32' } },
        { dtype: 'float32', shape: [d!.shape[0]!, 1] },
      );
      return [binary(graph, 'Mul', backprop!, column)];
    },
  });
  return losses!;
}

/** The mean of x [B]: [] */
export function batchMean(graph: Graph, x: Tensor): Tensor {
  const mean = reduce(graph, 'Mean', x);
  graph.record({
    op: 'Mean',
    inputs: [x],
    outputs: [mean],
    gradient: ([d]) => {
      const share = binary(graph, 'RealDiv', d!, batchSize(graph, x));
      const attributes = { T: { type: 'float32' }, Tidx: { type: 'int32' } } as const;
      return [graph.addOne('BroadcastTo', [share, graph.shapeOf(x)], attributes, x)];
    },
  });
  return mean;
}

/** The sum of x [B]: []. Not differentiated through. */
export const batchSum = (graph: Graph, x: Tensor): Tensor => reduce(graph, 'Sum', x);

/** logits [B, C] -> [B, C] */
export function softmax(graph: Graph, logits: Tensor): Tensor {
  return graph.addOne('Softmax', [logits], { T: { type: 'float32' } }, logits);
}

/** The class of the largest logit, the lowest of equals: [B, C] -> int32 [B] */
export function argMax(graph: Graph, logits: Tensor): Tensor {
  const axis = graph.constant({ dtype: 'int32', shape: [], values: [-1] });
  return graph.addOne(
    'ArgMax',
    [logits, axis],
    { T: { type: 'float32' }, Tidx: { type: 'int32' }, output_type: { type: 'int32' } },
    { dtype: 'int32', shape: [logits.shape[0]!] },
  );
}

/** How many of labels int32 [B] are among the k largest logits [B, C]: float32 [] */
export function countInTopK(graph: Graph, logits: Tensor, labels: Tensor, k: number): Tensor {
  const count = Math.min(k, staticSize(logits, 1));
  const limit = graph.constant({ dtype: 'int32', shape: [], values: [count] });
  const shape = labels.shape;
  const isIn = graph.addOne(
    'InTopKV2',
    [logits, labels, limit],
    { T: { type: 'int32' } },
    { dtype: 'bool', shape },
  );
  return batchSum(graph, toFloat(graph, isIn, 'bool'));
}

function toFloat(graph: Graph, x: Tensor, from: DType): Tensor {
  const attributes = { SrcT: { type: from }, DstT: { type: 'float32' } } as const;
  return graph.addOne('Cast', [x], attributes, { dtype: 'float32', shape: x.shape });
}

function reduce(graph: Graph, op: 'Mean' | 'Sum', x: Tensor): Tensor {
  return graph.addOne(
    op,
    [x, graph.ints([0])],
    { T: { type: 'float32' }, Tidx: { type: 'int32' }, keep_dims: { bool: false } },
    { dtype: 'float32', shape: [] },
  );
}
