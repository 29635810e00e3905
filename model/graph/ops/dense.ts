/** Matrix product and bias. */
import type { Graph } from '../graph.ts';
import { staticSize } from '../tensor.ts';
import type { Tensor } from '../tensor.ts';

/** x [B, N] * kernel [N, M] -> [B, M] */
export function matMul(graph: Graph, x: Tensor, kernel: Tensor): Tensor {
  const product = (
    a: Tensor,
    b: Tensor,
    transposeA: boolean,
    transposeB: boolean,
    like: Pick<Tensor, 'dtype' | 'shape'>,
  ) =>
    graph.addOne(
      'MatMul',
      [a, b],
      {
        T: { type: x.dtype },
        transpose_a: { bool: transposeA },
        transpose_b: { bool: transposeB },
      },
      like,
    );
  const y = product(x, kernel, false, false, {
    dtype: x.dtype,
    shape: [x.shape[0]!, staticSize(kernel, 1)],
  });
  graph.record({
    op: 'MatMul',
    inputs: [x, kernel],
    outputs: [y],
    gradient: ([d], [wantsX, wantsKernel]) => [
      wantsX ? product(d!, kernel, false, true, x) : undefined,
      wantsKernel ? product(x, d!, true, false, kernel) : undefined,
    ],
  });
  return y;
}

/** x [.., C] + bias [C] */
export function biasAdd(graph: Graph, x: Tensor, bias: Tensor): Tensor {
  const attributes = { T: { type: x.dtype }, data_format: { string: 'NHWC' } };
  const y = graph.addOne('BiasAdd', [x, bias], attributes, x);
  graph.record({
    op: 'BiasAdd',
    inputs: [x, bias],
    outputs: [y],
    gradient: ([d], [, wantsBias]) => [
      d,
      wantsBias ? graph.addOne('BiasAddGrad', [d!], attributes, bias) : undefined,
    ],
  });
  return y;
}
