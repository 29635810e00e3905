/** Pooling and padding, NHWC. */
import type { Graph } from '../graph.ts';
import { staticSize } from '../tensor.ts';
import type { Tensor } from '../tensor.ts';
import { binary, cast } from './elementwise.ts';

/**
 * The largest of each window of `size` x `size`: [B, H, W, C] -> [B, H', W', C]. Without padding,
 * or `same`: H' = ceil(H / stride), and what lies beyond the border counts for nothing.
 */
export function maxPool(
  graph: Graph,
  x: Tensor,
  { size, stride, padding = 'valid' }: { size: number; stride: number; padding?: 'same' | 'valid' },
): Tensor {
  const outputSize = (axis: number): number =>
    padding === 'same'
      ? Math.ceil(staticSize(x, axis) / stride)
      : Math.floor((staticSize(x, axis) - size) / stride) + 1;
  const attributes = {
    T: { type: x.dtype },
    ksize: { ints: [1, size, size, 1] },
    strides: { ints: [1, stride, stride, 1] },
    padding: { string: padding.toUpperCase() },
    data_format: { string: 'NHWC' },
  };
  const y = graph.addOne('MaxPool', [x], attributes, {
    dtype: x.dtype,
    shape: [x.shape[0]!, outputSize(1), outputSize(2), staticSize(x, 3)],
  });
  graph.record({
    op: 'MaxPool',
    inputs: [x],
    outputs: [y],
    gradient: ([d]) => [graph.addOne('MaxPoolGrad', [x, y, d!], attributes, x)],
  });
  return y;
}

/** Zeros before and after H and W: [B, H, W, C] -> [B, before + H + after, before + W + after, C] */
export function zeroPad(graph: Graph, x: Tensor, before: number, after = before): Tensor {
  if (before === 0 && after === 0) return x;
  const paddings = graph.constant({
    dtype: 'int32',
    shape: [4, 2],
    values: [0, 0, before, after, before, after, 0, 0],
  });
  const [batch, height, width, channels] = [
    x.shape[0]!,
    staticSize(x, 1),
    staticSize(x, 2),
    staticSize(x, 3),
  ];
  const y = graph.addOne(
    'Pad',
    [x, paddings],
    { T: { type: x.dtype }, Tpaddings: { type: 'int32' } },
    {
      dtype: x.dtype,
      shape: [batch, before + height + after, before + width + after, channels],
    },
  );
  graph.record({
    op: 'Pad',
    inputs: [x],
    outputs: [y],
    gradient: ([d]) => [
      graph.addOne(
        'Slice',
        // -1: all that is left of the axis.
        [d!, graph.ints([0, before, before, 0]), graph.ints([-1, height, width, -1])],
        { T: { type: x.dtype }, Index: { type: 'int32' } },
        x,
      ),
    ],
  });
  return y;
}

/** The mean over H and W, in float32: [B, H, W, C] -> [B, C] */
export function globalAveragePool(graph: Graph, input: Tensor): Tensor {
  const x = cast(graph, input, 'float32');
  const [batch, height, width, channels] = [
    x.shape[0]!,
    staticSize(x, 1),
    staticSize(x, 2),
    staticSize(x, 3),
  ];
  const axes = graph.ints([1, 2]);
  const y = graph.addOne(
    'Mean',
    [x, axes],
    { T: { type: 'float32' }, Tidx: { type: 'int32' }, keep_dims: { bool: false } },
    { dtype: 'float32', shape: [batch, channels] },
  );
  graph.record({
    op: 'Mean',
    inputs: [x],
    outputs: [y],
    gradient: ([d]) => {
      const scaled = binary(graph, 'Mul', d!, graph.float(1 / (height * width)));
      const flat = graph.addOne(
        'Reshape',
        [scaled, graph.ints([-1, 1, 1, channels])],
        { T: { type: 'float32' }, Tshape: { type: 'int32' } },
        { dtype: 'float32', shape: [batch, 1, 1, channels] },
      );
      return [
        graph.addOne(
          'BroadcastTo',
          [flat, graph.shapeOf(x)],
          { T: { type: 'float32' }, Tidx: { type: 'int32' } },
          x,
        ),
      ];
    },
  });
  return y;
}
