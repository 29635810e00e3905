/** Matrix product and bias. */
import type { Graph } from '../graph.ts';
import { staticSize } from '../tensor.ts';
import type { Tensor } from '../tensor.ts';
import { plainReshape } from './elementwise.ts';

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
    gradient: ([d], [, wantsBias]) => [d, wantsBias ? sumRows(graph, d!, bias) : undefined],
  });
  return y;
}

/** The gradient by a bias: d [.., C] -> [C] */
function sumRows(graph: Graph, d: Tensor, bias: Tensor): Tensor {
  const T = { type: d.dtype };
  if (d.dtype === 'float32') {
    const attributes = { T, data_format: { string: 'NHWC' } };
    return graph.addOne('BiasAddGrad', [d], attributes, bias);
  }
  // BiasAddGrad would round its sum at every row, and be 12 % off after 8,192; a product rounds once.
  const rows = plainReshape(graph, d, [null, staticSize(bias, 0)]);
  const column = graph.addOne(
    'Slice',
    [rows, graph.ints([0, 0]), graph.ints([-1, 1])],
    { T, Index: { type: 'int32' } },
    { dtype: d.dtype, shape: [null, 1] },
  );
  const sum = graph.addOne(
    'MatMul',
    [graph.addOne('OnesLike', [column], { T }, column), rows],
    { T, transpose_a: { bool: true }, transpose_b: { bool: false } },
    { dtype: d.dtype, shape: [1, staticSize(bias, 0)] },
  );
  return plainReshape(graph, sum, bias.shape);
}
