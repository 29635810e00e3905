/** A convolution's gradient by its kernel on small maps, where oneDNN's own computation of it is slow. */
import type { Graph } from '../graph.ts';
import { staticSize } from '../tensor.ts';
import type { DType, Tensor } from '../tensor.ts';
import { plainReshape } from './elementwise.ts';

/** Whether it is slower for maps of `given` x `given` and a kernel of `size` x `size`, as measured. */
export function tapsAreFaster(dtype: DType, given: number, size: number): boolean {
  if (size === 1) return dtype === 'float32' || given <= 28;
  return given <= 7;
}

/**
 * The gradient by kernel [K, K, C, F] from that by y, `d` [B, S', S', F]: for each of the kernel's
 * taps the matrix product of the pixels it meets with those it gives.
 */
export function kernelGradientByTaps(
  graph: Graph,
  x: Tensor,
  kernel: Tensor,
  d: Tensor,
  { stride, border }: { stride: number; border: number },
): Tensor {
  const { dtype } = x;
  const [taps, channels, filters] = [0, 2, 3].map((axis) => staticSize(kernel, axis));
  const reaches = Array.from({ length: taps! }, (_, tap) =>
    reachOf(tap - border, stride, staticSize(x, 1), staticSize(d, 1)),
  );
  const products = reaches.flatMap((vertical) =>
    reaches.map((horizontal) =>
      graph.addOne(
        'MatMul',
        [
          pixels(graph, x, vertical.read, horizontal.read),
          pixels(graph, d, vertical.given, horizontal.given),
        ],
        { T: { type: dtype }, transpose_a: { bool: true }, transpose_b: { bool: false } },
        { dtype, shape: [channels!, filters!] },
      ),
    ),
  );
  return plainReshape(graph, pack(graph, products), kernel.shape);
}

/** Every `step`-th index from `first` to `last`. */
interface Range {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

/** Along one axis: the pixels that a tap meets, borders left out, and those that it gives there. */
function reachOf(
  offset: number,
  stride: number,
  read: number,
  given: number,
): { read: Range; given: Range } {
  const first = Math.max(Math.ceil(-offset / stride), 0);
  const last = Math.min(Math.floor((read - 1 - offset) / stride), given - 1);
  return {
    read: { first: first * stride + offset, last: last * stride + offset, step: stride },
    given: { first, last, step: 1 },
  };
}

/** Part of x [B, S, S, C] as a matrix [pixels, C] */
function pixels(graph: Graph, x: Tensor, vertical: Range, horizontal: Range): Tensor {
  const size = staticSize(x, 1);
  const isWhole = [vertical, horizontal].every(
    ({ first, last, step }) => first === 0 && last === size - 1 && (step === 1 || size === 1),
  );
  const bounds = (of: (range: Range) => number, others: number): Tensor =>
    graph.ints([others, of(vertical), of(horizontal), others]);
  const part = isWhole
    ? x
    : graph.addOne(
        'StridedSlice',
        [
          x,
          bounds(({ first }) => first, 0),
          bounds(({ last }) => last + 1, 0),
          bounds(({ step }) => step, 1),
        ],
        // Whatever the bounds say, the first and the last axis are taken whole.
        {
          T: { type: x.dtype },
          Index: { type: 'int32' },
          begin_mask: { int: 0b1001 },
          end_mask: { int: 0b1001 },
        },
        { dtype: x.dtype, shape: [null, null, null, staticSize(x, 3)] },
      );
  return plainReshape(graph, part, [null, staticSize(x, 3)]);
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
