/** Dropout, from a fed seed: the same seed drops the same features on any device. */
import type { Graph } from '../graph.ts';
import type { Tensor } from '../tensor.ts';
import { binary } from './elementwise.ts';

/** Drops each value of x with probability `rate` and scales the rest by 1 / (1 - rate). `seed`: int32 [2]. */
export function dropout(graph: Graph, x: Tensor, rate: number, seed: Tensor): Tensor {
  if (rate === 0) return x;
  const uniform = graph.addOne(
    'StatelessRandomUniform',
    [graph.shapeOf(x), seed],
    { dtype: { type: 'float32' }, T: { type: 'int32' }, Tseed: { type: 'int32' } },
    { dtype: 'float32', shape: x.shape },
  );
  const kept = graph.addOne(
    'GreaterEqual',
    [uniform, graph.float(rate)],
    { T: { type: 'float32' } },
    { dtype: 'bool', shape: x.shape },
  );
  const zeroOrOne = graph.addOne(
    'Cast',
    [kept],
    { SrcT: { type: 'bool' }, DstT: { type: 'float32' } },
    { dtype: 'float32', shape: x.shape },
  );
  const mask = binary(graph, 'Mul', zeroOrOne, graph.float(1 / (1 - rate)));
  const y = binary(graph, 'Mul', x, mask);
  graph.record({
    op: 'Dropout',
    inputs: [x],
    outputs: [y],
    gradient: ([d]) => [binary(graph, 'Mul', d!, mask)],
  });
  return y;
}
