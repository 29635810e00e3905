/** Variables: named state that outlives a run of the graph; how they begin, are saved and come back. */
import type { Graph } from './graph.ts';
import { binary } from './ops/elementwise.ts';
import type { Shape, Tensor } from './tensor.ts';

/** How a variable begins. */
export type Initializer =
  | { readonly kind: 'constant'; readonly value: number }
  /** Uniform within plus and minus `limit`, from the run's seed and the variable's name. */
  | { readonly kind: 'uniform'; readonly limit: number };

export interface Variable {
  readonly name: string;
  readonly shape: Shape;
  readonly handle: Tensor;
  /** Its value as the step finds it. */
  readonly value: Tensor;
  readonly initializer: Initializer;
}

export const zeros: Initializer = { kind: 'constant', value: 0 };
export const ones: Initializer = { kind: 'constant', value: 1 };

/** Keras's `glorot_uniform`, for kernels [.., in, out]. */
export function glorotUniform(shape: readonly number[]): Initializer {
  const receptive = shape.slice(0, -2).reduce((product, size) => product * size, 1);
  const [fanIn, fanOut] = [shape.at(-2)! * receptive, shape.at(-1)! * receptive];
  return { kind: 'uniform', limit: Math.sqrt(6 / (fanIn + fanOut)) };
}

/** A variable. Its name is its key in checkpoints; what those hold is float32. */
export function variable(
  graph: Graph,
  name: string,
  shape: readonly number[],
  initializer: Initializer,
  dtype: 'float32' | 'bfloat16' = 'float32',
): Variable {
  const handle = graph.addOne(
    'VarHandleOp',
    [],
    {
      dtype: { type: dtype },
      shape: { shape },
      shared_name: { string: name },
      container: { string: '' },
    },
    { dtype: 'resource', shape: [] },
    { name },
  );
  const value = graph.addOne(
    'ReadVariableOp',
    [handle],
    { dtype: { type: dtype } },
    { dtype, shape },
    { name: `${name}/read` },
  );
  return { name, shape, handle, value, initializer };
}

/** Gives the variable a value; returns the node to run. */
export function assign(
  graph: Graph,
  { handle, name }: Variable,
  value: Tensor,
  after: readonly string[] = [],
): string {
  const attributes = { dtype: { type: value.dtype } } as const;
  return addTarget(graph, 'AssignVariableOp', [handle, value], attributes, `${name}/assign`, after);
}

/**
 * The same values in memory of TensorFlow's own: what is fed lies in JavaScript's, and a variable
 * that kept it would let go of it on TensorFlow's threads, where Node's heap may not be touched.
 */
export function copied(graph: Graph, fed: Tensor): Tensor {
  return graph.addOne('DeepCopy', [fed], { T: { type: fed.dtype } }, fed);
}

/**
 * Fills the variable with `zero` (float32 []), which is to be fed: zeros that are known to the graph
 * TensorFlow makes once and for all, and holds in each shape. Returns the node to run.
 */
export function empty(
  graph: Graph,
  target: Variable,
  zero: Tensor,
  after: readonly string[] = [],
): string {
  const zeros = graph.addOne(
    'Fill',
    [graph.ints(target.shape as number[]), zero],
    { T: { type: 'float32' }, index_type: { type: 'int32' } },
    { dtype: 'float32', shape: target.shape },
  );
  return assign(graph, target, zeros, after);
}

/** For each variable `zero` (float32 []), or NaN where it holds NaN or an infinity: [variables]. */
export function findUnsound(graph: Graph, variables: readonly Variable[], zero: Tensor): Tensor {
  const T = { type: 'float32' } as const;
  const sums = variables.map(({ value, shape }) =>
    graph.addOne(
      'Sum',
      [binary(graph, 'Mul', value, zero), graph.ints(shape.map((_, axis) => axis))],
      { T, Tidx: { type: 'int32' }, keep_dims: { bool: false } },
      { dtype: 'float32', shape: [] },
    ),
  );
  return graph.addOne(
    'Pack',
    sums,
    { T, N: { int: sums.length }, axis: { int: 0 } },
    { dtype: 'float32', shape: [sums.length] },
  );
}

/** Adds to the variable; returns the node to run. */
export function assignAdd(graph: Graph, { handle, name }: Variable, value: Tensor): string {
  const attributes = { dtype: { type: 'float32' } } as const;
  return addTarget(graph, 'AssignAddVariableOp', [handle, value], attributes, `${name}/add`);
}

/** The variable's value once the nodes `after` have run. */
export function readAfter(graph: Graph, { handle, shape }: Variable, after: string[]): Tensor {
  const like = { dtype: 'float32', shape } as const;
  return graph.addOne('ReadVariableOp', [handle], { dtype: { type: 'float32' } }, like, { after });
}

/** Adds a node without outputs; returns its name, to be run before something else. */
export function addTarget(
  graph: Graph,
  op: string,
  inputs: readonly Tensor[],
  attributes: Parameters<Graph['add']>[2],
  name: string,
  after: readonly string[] = [],
): string {
  graph.add(op, inputs, attributes, [], { name, after });
  return graph.nodes.at(-1)!.name;
}

/** Nodes that begin every variable anew from `seed` (int32 []). */
export function initializeAll(
  graph: Graph,
  variables: readonly Variable[],
  seed: Tensor,
  hashName: (name: string) => number,
): string[] {
  return variables.map((one) => assign(graph, one, initialValue(graph, one, seed, hashName)));
}

function initialValue(
  graph: Graph,
  { name, shape, initializer }: Variable,
  seed: Tensor,
  hashName: (name: string) => number,
): Tensor {
  const dimensions = graph.ints(shape as number[]);
  const like = { dtype: 'float32', shape } as const;
  if (initializer.kind === 'constant') {
    const attributes = { T: { type: 'float32' }, index_type: { type: 'int32' } } as const;
    return graph.addOne('Fill', [dimensions, graph.float(initializer.value)], attributes, like);
  }
  const own = graph.constant({ dtype: 'int32', shape: [], values: [hashName(name)] });
  const seeds = graph.addOne(
    'Pack',
    [seed, own],
    { T: { type: 'int32' }, N: { int: 2 }, axis: { int: 0 } },
    { dtype: 'int32', shape: [2] },
  );
  const uniform = graph.addOne(
    'StatelessRandomUniform',
    [dimensions, seeds],
    { dtype: { type: 'float32' }, T: { type: 'int32' }, Tseed: { type: 'int32' } },
    like,
  );
  // [0, 1) -> [-limit, limit)
  const scaled = graph.addOne(
    'Mul',
    [uniform, graph.float(2 * initializer.limit)],
    { T: { type: 'float32' } },
    like,
  );
  return graph.addOne(
    'Sub',
    [scaled, graph.float(initializer.limit)],
    { T: { type: 'float32' } },
    like,
  );
}

/** A node that writes all variables as a TensorFlow bundle with the path prefix `prefix` (string []). */
export function saveAll(graph: Graph, variables: readonly Variable[], prefix: Tensor): string {
  const values = variables.map(({ value }) => value);
  const inputs = [prefix, ...namesAndSlices(graph, variables), ...values];
  const dtypes = { types: variables.map(() => 'float32' as const) };
  return addTarget(graph, 'SaveV2', inputs, { dtypes }, 'save');
}

/** Nodes that give all variables the values of the bundle at `prefix`. */
export function restoreAll(graph: Graph, variables: readonly Variable[], prefix: Tensor): string[] {
  const restored = graph.add(
    'RestoreV2',
    [prefix, ...namesAndSlices(graph, variables)],
    { dtypes: { types: variables.map(() => 'float32' as const) } },
    variables.map(({ shape }) => ({ dtype: 'float32', shape })),
    { name: 'restore' },
  );
  return variables.map((one, index) => assign(graph, one, restored[index]!));
}

function namesAndSlices(graph: Graph, variables: readonly Variable[]): [Tensor, Tensor] {
  const strings = (values: string[]): Tensor =>
    graph.constant({ dtype: 'string', shape: [values.length], values });
  return [strings(variables.map(({ name }) => name)), strings(variables.map(() => ''))];
}
