/** A convolution's gradient by its kernel on small maps, where oneDNN's own computation of it is slow. */
import type { Graph } from '../graph.ts';
import { staticSize } from '../tensor.ts';
import type { DType, Tensor } from '../tensor.ts';
import { plainMatMul } from './dense.ts';
import { plainReshape } from './elementwise.ts';

/** Whether it is slower for maps of `given` x `given` and a kernel of `size` x `size`, as measured at stride 1. */
export function tapsAreFaster(dtype: DType, given: number, size: number): boolean {
  if (size === 1) return dtype === 'float32' || given <= 28;
  return given <= 7;
}

/**
 * The gradient by kernel [K, K, C, F] from that by y, `d` [B, S', S', F], at stride 1: for each of
 * the kernel's taps the matrix product of the pixels it meets with those it gives.
 */
export function kernelGradientByTaps(
  graph: Graph,
  x: Tensor,
  kernel: Tensor,
  d: Tensor,
  border: number,
): Tensor {
  const reaches = Array.from({ length: staticSize(kernel, 0) }, (_, tap) =>
    reachOf(tap - border, staticSize(x, 1), staticSize(d, 1)),
  );
  const products = reaches.flatMap((vertical) =>
    reaches.map((horizontal) =>
      plainMatMul(
        graph,
        pixels(graph, x, vertical.read, horizontal.read),
        pixels(graph, d, vertical.given, horizontal.given),
        'a',
      ),
    ),
  );
  return plainReshape(graph, pack(graph, products), kernel.shape);
}

/** From where, and how many. */
interface Range {
  readonly first: number;
  readonly count: number;
}

/** Along one axis: the pixels that a tap meets, borders left out, and those that it gives there. */
function reachOf(offset: number, read: number, given: number): { read: Range; given: Range } {
  const first = Math.max(-offset, 0);
  const count = Math.min(read - offset, given) - first;
  return { read: { first: first + offset, count }, given: { first, count } };
}

/** Part of x [B, S, S, C] as a matrix [pixels, C] */
function pixels(graph: Graph, x: Tensor, vertical: Range, horizontal: Range): Tensor {
  const [size, channels] = [staticSize(x, 1), staticSize(x, 3)];
  const part =
    vertical.count === size && horizontal.count === size
      ? x
      : graph.addOne(
          'Slice',
          [
            x,
            graph.ints([0, vertical.first, horizontal.first, 0]),
            // -1: all that is left of the axis.
            graph.ints([-1, vertical.count, horizontal.count, -1]),
          ],
          { T: { type: x.dtype }, Index: { type: 'int32' } },
          { dtype: x.dtype, shape: [x.shape[0]!, vertical.count, horizontal.count, channels] },
        );
  return plainReshape(graph, part, [null, channels]);
}

/** Tensors of one shape, one after the other along a new first axis. */
function pack(graph: Graph, tensors: readonly Tensor[]): Tensor {
  const { dtype, shape } = tensors[0]!;
  if (tensors.length === 1) return tensors[0]!;
  return graph.addOne(
    'Pack',
    tensors,
    { T: { type: dtype }, N: { int: tensors.length }, axis: { int: 0 } },
    { dtype, shape: [tensors.length, ...shape] },
  );
}
