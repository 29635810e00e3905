/** Matrix product and bias. */
import type { Graph } from '../graph.ts';
import { staticSize } from '../tensor.ts';
import type { Tensor } from '../tensor.ts';
import { plainReshape } from './elementwise.ts';

/** x [B, N] * kernel [N, M] -> [B, M] */
export function matMul(graph: Graph, x: Tensor, kernel: Tensor): Tensor {
  const y = plainMatMul(graph, x, kernel);
  graph.record({
    op: 'MatMul',
    inputs: [x, kernel],
    outputs: [y],
    gradient: ([d], [wantsX, wantsKernel]) => [
      wantsX ? plainMatMul(graph, d!, kernel, 'b') : undefined,
      wantsKernel ? plainMatMul(graph, x, d!, 'a') : undefined,
    ],
  });
  return y;
}

/** a * b, one of them transposed or neither, for tensors that nothing is differentiated through. */
export function plainMatMul(graph: Graph, a: Tensor, b: Tensor, transposed?: 'a' | 'b'): Tensor {
  return graph.addOne(
    'MatMul',
    [a, b],
    {
      T: { type: a.dtype },
      transpose_a: { bool: transposed === 'a' },
      transpose_b: { bool: transposed === 'b' },
    },
    {
      dtype: a.dtype,
      shape: [a.shape[transposed === 'a' ? 1 : 0]!, b.shape[transposed === 'b' ? 0 : 1]!],
    },
  );
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
  const ones = graph.addOne('OnesLike', [column], { T }, column);
  return plainReshape(graph, plainMatMul(graph, ones, rows, 'a'), bias.shape);
}
