/** Ops that work on each element by itself, and the sums and casts between them. */
import type { Graph } from '../graph.ts';
import { sameShape, shapeText } from '../tensor.ts';
import type { DType, Shape, Tensor } from '../tensor.ts';

type Binary = 'AddV2' | 'Sub' | 'Mul' | 'RealDiv';

/** One of TensorFlow's binary ops, for tensors that nothing is differentiated through: statistics, rates, counts. */
export function binary(graph: Graph, op: Binary, a: Tensor, b: Tensor): Tensor {
  return graph.addOne(
    op,
    [a, b],
    { T: { type: a.dtype } },
    a.shape.length >= b.shape.length ? a : b,
  );
}

/** a + b, of equal shape. */
export function add(graph: Graph, a: Tensor, b: Tensor): Tensor {
  if (!sameShape(a.shape, b.shape)) {
    throw new Error(
      `add: ${shapeText(a.shape)} (${a.node}) and ${shapeText(b.shape)} (${b.node}) differ`,
    );
  }
  const sum = binary(graph, 'AddV2', a, b);
  graph.record({ op: 'AddV2', inputs: [a, b], outputs: [sum], gradient: ([d]) => [d, d] });
  return sum;
}

/** The sum of equal-shaped tensors. */
export function addN(graph: Graph, tensors: readonly Tensor[]): Tensor {
  const [first] = tensors;
  if (!first) throw new Error('addN: no tensors');
  if (tensors.length === 1) return first;
  // AddN has one thread.
  if (tensors.length === 2) return binary(graph, 'AddV2', first, tensors[1]!);
  const attributes = { T: { type: first.dtype }, N: { int: tensors.length } };
  return graph.addOne('AddN', tensors, attributes, first);
}

/** max(x, 0) */
export function relu(graph: Graph, x: Tensor): Tensor {
  const attributes = { T: { type: x.dtype } };
  const y = graph.addOne('Relu', [x], attributes, x);
  graph.record({
    op: 'Relu',
    inputs: [x],
    outputs: [y],
    gradient: ([d]) => [graph.addOne('ReluGrad', [d!, y], attributes, x)],
  });
  return y;
}

/** The same values in another shape; `null`, once at most: what is left of them. */
export function reshape(graph: Graph, x: Tensor, shape: Shape): Tensor {
  const y = plainReshape(graph, x, shape);
  graph.record({
    op: 'Reshape',
    inputs: [x],
    outputs: [y],
    gradient: ([d]) => [plainReshape(graph, d!, x.shape)],
  });
  return y;
}

/** As `reshape`, for tensors that nothing is differentiated through. */
export function plainReshape(graph: Graph, x: Tensor, shape: Shape): Tensor {
  return graph.addOne(
    'Reshape',
    [x, graph.ints(shape.map((size) => size ?? -1))],
    { T: { type: x.dtype }, Tshape: { type: 'int32' } },
    { dtype: x.dtype, shape },
  );
}

/** Another type; the gradient comes back in the first one. Nothing where it is that type already. */
export function cast(graph: Graph, x: Tensor, dtype: DType): Tensor {
  if (x.dtype === dtype) return x;
  const y = plainCast(graph, x, dtype);
  graph.record({
    op: 'Cast',
    inputs: [x],
    outputs: [y],
    gradient: ([d]) => [plainCast(graph, d!, x.dtype)],
  });
  return y;
}

function plainCast(graph: Graph, x: Tensor, dtype: DType): Tensor {
  const attributes = { SrcT: { type: x.dtype }, DstT: { type: dtype } };
  return graph.addOne('Cast', [x], attributes, { dtype, shape: x.shape });
}
