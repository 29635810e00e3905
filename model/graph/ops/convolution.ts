/** Two-dimensional convolution, NHWC, with the same number of zeros on each side. */
import type { Graph } from '../graph.ts';
import { staticSize } from '../tensor.ts';
import type { Tensor } from '../tensor.ts';
import { biasAdd, matMul, plainMatMul } from './dense.ts';
import { cast, plainReshape, reshape } from './elementwise.ts';
import { kernelGradientByTaps, tapsAreFaster } from './kernel-gradient.ts';
import { zeroPad } from './pooling.ts';

/**
 * x [B, S, S, C] * kernel [K, K, C, F] + bias [F] -> [B, S', S', F] in x's type, with
 * S' = floor((S + 2 border - K) / stride) + 1. Taps of the kernel that meet zeros alone, as the
 * outer ones on a map of one pixel do, are left out.
 */
export function conv2d(
  graph: Graph,
  x: Tensor,
  kernel: Tensor,
  { stride, border, bias }: { stride: number; border: number; bias?: Tensor | undefined },
): Tensor {
  const shifted = (y: Tensor): Tensor => (bias ? biasAdd(graph, y, bias) : y);
  const [read, taps] = [staticSize(x, 1), staticSize(kernel, 0)];
  const given = Math.floor((read + 2 * border - taps) / stride) + 1;
  const first = Math.max(border - (given - 1) * stride, 0);
  const end = Math.min(read + border, taps);
  const used = cast(graph, crop(graph, kernel, first, end), x.dtype);
  const before = border - first;
  const after = Math.max((given - 1) * stride + end - border - read, 0);
  const size = end - first;
  if (isMatrixProduct(read, given, size)) {
    const [inner, filters] = [size * size * staticSize(x, 3), staticSize(kernel, 3)];
    const rows = reshape(graph, x, [null, inner]);
    // The bias before the shape: TensorFlow makes one op of product and bias.
    const product = shifted(matMul(graph, rows, reshape(graph, used, [inner, filters])));
    return reshape(graph, product, [x.shape[0]!, given, given, filters]);
  }
  const keepsSize = given === read && before === after;
  if (keepsSize && read <= before + 1) return shifted(convolveWhole(graph, x, used, before));
  if (keepsSize) return shifted(convolve(graph, x, used, 1, 'same'));
  // Padding that a strided convolution does itself leaves oneDNN's fast kernels.
  return shifted(convolve(graph, zeroPad(graph, x, before, after), used, stride, 'valid'));
}

/**
 * Where a kernel covers all of a map, or one pixel of a small map at a time: up to five times as
 * fast as oneDNN's convolution, which sorts the kernel anew for few pixels.
 */
const isMatrixProduct = (read: number, given: number, size: number): boolean =>
  (size === read && given === 1) || (size === 1 && given === read && read <= 7);

/**
 * At stride 1 on a map so small, 2x2 say, that the kernel [K, K, C, F] meets all of it wherever it
 * is laid: one product of maps [B, S S C] with the kernel as each place meets it, [S S C, S S F].
 */
function convolveWhole(graph: Graph, x: Tensor, kernel: Tensor, border: number): Tensor {
  const { dtype } = x;
  const [size, channels, filters] = [staticSize(x, 1), staticSize(x, 3), staticSize(kernel, 3)];
  const [inner, outer] = [size * size * channels, size * size * filters];
  const places = Array.from({ length: size * size }, (_, place) => {
    const [row, column] = [Math.floor(place / size), place % size];
    const met = graph.addOne(
      'Slice',
      [kernel, graph.ints([border - row, border - column, 0, 0]), graph.ints([size, size, -1, -1])],
      { T: { type: dtype }, Index: { type: 'int32' } },
      { dtype, shape: [size, size, channels, filters] },
    );
    return plainReshape(graph, met, [inner, filters]);
  });
  const dense = graph.addOne(
    'ConcatV2',
    [...places, graph.constant({ dtype: 'int32', shape: [], values: [1] })],
    { T: { type: dtype }, N: { int: places.length }, Tidx: { type: 'int32' } },
    { dtype, shape: [inner, outer] },
  );
  const shape = [x.shape[0]!, size, size, filters];
  const y = plainReshape(
    graph,
    plainMatMul(graph, plainReshape(graph, x, [null, inner]), dense),
    shape,
  );
  graph.record({
    op: 'Conv2D',
    inputs: [x, kernel],
    outputs: [y],
    gradient: ([d], [wantsX, wantsKernel]) => [
      wantsX
        ? plainReshape(
            graph,
            plainMatMul(graph, plainReshape(graph, d!, [null, outer]), dense, 'b'),
            x.shape,
          )
        : undefined,
      wantsKernel ? kernelGradientByTaps(graph, x, kernel, d!, border) : undefined,
    ],
  });
  return y;
}

/** As TensorFlow has it, which knows `same` (zeros until S' is S) and `valid` (no zeros). */
function convolve(
  graph: Graph,
  x: Tensor,
  kernel: Tensor,
  stride: number,
  padding: 'same' | 'valid',
): Tensor {
  const [read, size] = [staticSize(x, 1), staticSize(kernel, 0)];
  const given = padding === 'same' ? read : Math.floor((read - size) / stride) + 1;
  const attributes = {
    T: { type: x.dtype },
    strides: { ints: [1, stride, stride, 1] },
    padding: { string: padding.toUpperCase() },
    data_format: { string: 'NHWC' },
    dilations: { ints: [1, 1, 1, 1] },
  };
  const y = graph.addOne('Conv2D', [x, kernel], attributes, {
    dtype: x.dtype,
    shape: [x.shape[0]!, given, given, staticSize(kernel, 3)],
  });
  const border = padding === 'same' ? (size - 1) / 2 : 0;
  graph.record({
    op: 'Conv2D',
    inputs: [x, kernel],
    outputs: [y],
    gradient: ([d], [wantsX, wantsKernel]) => [
      wantsX
        ? graph.addOne('Conv2DBackpropInput', [graph.shapeOf(x), kernel, d!], attributes, x)
        : undefined,
      wantsKernel
        ? stride === 1 && tapsAreFaster(x.dtype, given, size)
          ? kernelGradientByTaps(graph, x, kernel, d!, border)
          : graph.addOne('Conv2DBackpropFilter', [x, graph.shapeOf(kernel), d!], attributes, kernel)
        : undefined,
    ],
  });
  return y;
}

/** Taps `first` to `end` (exclusive) of a kernel [K, K, C, F], along both axes. */
function crop(graph: Graph, kernel: Tensor, first: number, end: number): Tensor {
  const taps = staticSize(kernel, 0);
  if (first === 0 && end === taps) return kernel;
  const y = graph.addOne(
    'Slice',
    [kernel, graph.ints([first, first, 0, 0]), graph.ints([end - first, end - first, -1, -1])],
    { T: { type: kernel.dtype }, Index: { type: 'int32' } },
    { dtype: kernel.dtype, shape: [end - first, end - first, ...kernel.shape.slice(2)] },
  );
  graph.record({
    op: 'Slice',
    inputs: [kernel],
    outputs: [y],
    gradient: ([d]) => {
      const around = [first, taps - end];
      const paddings = [...around, ...around, 0, 0, 0, 0];
      return [
        graph.addOne(
          'Pad',
          [d!, graph.constant({ dtype: 'int32', shape: [4, 2], values: paddings })],
          { T: { type: kernel.dtype }, Tpaddings: { type: 'int32' } },
          kernel,
        ),
      ];
    },
  });
  return y;
}
