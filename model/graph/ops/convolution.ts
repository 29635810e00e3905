/** Two-dimensional convolution, NHWC. */
import type { Graph } from '../graph.ts';
import { staticSize } from '../tensor.ts';
import type { Tensor } from '../tensor.ts';

/**
 * x [B, H, W, C] * kernel [K, K, C, F] -> [B, H', W', F]. `same`: H' = ceil(H / stride), the padding
 * where TensorFlow puts it; `valid`: none, H' = floor((H - K) / stride) + 1.
 */
export function conv2d(
  graph: Graph,
  x: Tensor,
  kernel: Tensor,
  { stride, padding }: { stride: number; padding: 'same' | 'valid' },
): Tensor {
  const outputSize = (axis: number): number =>
    padding === 'same'
      ? Math.ceil(staticSize(x, axis) / stride)
      : Math.floor((staticSize(x, axis) - staticSize(kernel, 0)) / stride) + 1;
  const attributes = {
    T: { type: x.dtype },
    strides: { ints: [1, stride, stride, 1] },
    padding: { string: padding.toUpperCase() },
    data_format: { string: 'NHWC' },
    dilations: { ints: [1, 1, 1, 1] },
  };
  const y = graph.addOne('Conv2D', [x, kernel], attributes, {
    dtype: x.dtype,
    shape: [x.shape[0]!, outputSize(1), outputSize(2), staticSize(kernel, 3)],
  });
  graph.record({
    op: 'Conv2D',
    inputs: [x, kernel],
    outputs: [y],
    gradient: ([d], [wantsX, wantsKernel]) => [
      wantsX
        ? graph.addOne('Conv2DBackpropInput', [graph.shapeOf(x), kernel, d!], attributes, x)
        : undefined,
      wantsKernel
        ? graph.addOne('Conv2DBackpropFilter', [x, graph.shapeOf(kernel), d!], attributes, kernel)
        : undefined,
    ],
  });
  return y;
}
