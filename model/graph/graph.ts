/** A graph under construction: nodes in the order they are added, variables, and the tape for its gradient. */
import type { Attribute, ConstantValue, Node } from './proto.ts';
import { tensorName } from './tensor.ts';
import type { DType, Shape, Tensor } from './tensor.ts';

/** The gradient of a loss by an op's inputs, from that by its outputs; an entry for each input of the tape's entry. */
export type Gradient = (
  outputGradients: readonly (Tensor | undefined)[],
  /** Whether the gradient by this input is asked for: what is not should cost nothing. */
  wanted: readonly boolean[],
) => readonly (Tensor | undefined)[];

/** What an op read, what it gave, and how gradients flow back through it. */
export interface TapeEntry {
  readonly op: string;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly gradient: Gradient;
}

export interface AddOptions {
  readonly name?: string;
  /** Nodes that must have run before. */
  readonly after?: readonly string[];
}

export class Graph {
  readonly nodes: Node[] = [];
  readonly tape: TapeEntry[] = [];
  readonly #names = new Map<string, number>();
  readonly #constants = new Map<string, Tensor>();

  /** Adds a node; returns its outputs, typed and shaped as `outputs` says. */
  add(
    op: string,
    inputs: readonly Tensor[],
    attributes: Readonly<Record<string, Attribute>>,
    outputs: readonly { readonly dtype: DType; readonly shape: Shape }[],
    { name = op, after = [] }: AddOptions = {},
  ): Tensor[] {
    const node = this.#uniqueName(name);
    this.nodes.push({
      name: node,
      op,
      inputs: [...inputs.map(tensorName), ...after.map((other) => `^${other}`)],
      attributes,
    });
    return outputs.map(({ dtype, shape }, output) => ({ node, output, dtype, shape }));
  }

  /** Adds a node of one output. */
  addOne(
    op: string,
    inputs: readonly Tensor[],
    attributes: Readonly<Record<string, Attribute>>,
    output: { readonly dtype: DType; readonly shape: Shape },
    options?: AddOptions,
  ): Tensor {
    return this.add(op, inputs, attributes, [output], options)[0]!;
  }

  /** Notes an op's gradient. */
  record(entry: TapeEntry): void {
    this.tape.push(entry);
  }

  placeholder(name: string, dtype: DType, shape: Shape): Tensor {
    return this.addOne(
      'Placeholder',
      [],
      { dtype: { type: dtype }, shape: { shape } },
      { dtype, shape },
      { name },
    );
  }

  /** The same node each time the value is asked for: a network's graph would else hold it hundreds of times. */
  constant(value: ConstantValue): Tensor {
    const { dtype } = value;
    const key = JSON.stringify(value);
    const found =
      this.#constants.get(key) ??
      this.addOne('Const', [], { dtype: { type: dtype }, value: { tensor: value } }, value);
    this.#constants.set(key, found);
    return found;
  }

  float(value: number): Tensor {
    return this.constant({ dtype: 'float32', shape: [], values: [value] });
  }

  ints(values: readonly number[]): Tensor {
    return this.constant({ dtype: 'int32', shape: [values.length], values });
  }

  /** Passes `tensor` on once the nodes `after` have run. */
  after(tensor: Tensor, after: readonly string[], name: string): Tensor {
    return this.addOne('Identity', [tensor], { T: { type: tensor.dtype } }, tensor, {
      name,
      after,
    });
  }

  /** The tensor's shape as it is when the graph runs: a constant where it is known. */
  shapeOf(tensor: Tensor): Tensor {
    const { dtype, shape } = tensor;
    if (shape.every((size) => size !== null)) return this.ints(shape);
    return this.addOne(
      'Shape',
      [tensor],
      { T: { type: dtype }, out_type: { type: 'int32' } },
      { dtype: 'int32', shape: [shape.length] },
    );
  }

  #uniqueName(name: string): string {
    const uses = this.#names.get(name) ?? 0;
    this.#names.set(name, uses + 1);
    return uses === 0 ? name : `${name}_${uses}`;
  }
}
