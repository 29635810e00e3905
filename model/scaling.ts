/** What pixels become before the network sees them, as its weights want it. */
import type { Conventions } from '../contract/weights.ts';
import type { Graph } from './graph/graph.ts';
import { binary, cast } from './graph/ops/elementwise.ts';
import type { Tensor } from './graph/tensor.ts';

/** float32 [B, S, S, 3] -> the compute type, in the range the weights want */
export function scale(
  graph: Graph,
  pixels: Tensor,
  { scaling, compute }: { scaling: Conventions['pixels']; compute: 'float32' | 'bfloat16' },
): Tensor {
  return cast(graph, scaled(graph, pixels, scaling), compute);
}

/** ImageNet's mean red, green and blue, as Caffe's networks have them. */
const imagenetMean = [123.68, 116.779, 103.939];

function scaled(graph: Graph, pixels: Tensor, scaling: Conventions['pixels']): Tensor {
  switch (scaling) {
    case 'zero-one':
      return binary(graph, 'Mul', pixels, graph.float(1 / 255));
    case 'minus-one-one': {
      const doubled = binary(graph, 'Mul', pixels, graph.float(1 / 127.5));
      return binary(graph, 'Sub', doubled, graph.float(1));
    }
    case 'caffe': {
      const mean = graph.constant({ dtype: 'float32', shape: [3], values: imagenetMean });
      const centred = binary(graph, 'Sub', pixels, mean);
      const attributes = { T: { type: 'float32' }, Tidx: { type: 'int32' } } as const;
      return graph.addOne('ReverseV2', [centred, graph.ints([3])], attributes, centred);
    }
  }
}
