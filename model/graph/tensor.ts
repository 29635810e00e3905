/** What flows along the edges of a graph: a node's output, its type and its shape. */

export type DType =
  | 'float32'
  | 'bfloat16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'bool'
  | 'string'
  | 'resource';

/** `null`: known only when the graph runs (the batch). */
export type Shape = readonly (number | null)[];

export interface Tensor {
  readonly node: string;
  readonly output: number;
  readonly dtype: DType;
  readonly shape: Shape;
}

/** As a node's input list and a session name it. */
export const tensorName = ({ node, output }: Tensor): string => `${node}:${output}`;

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** For messages; `?`: known only when the graph runs. */
export const shapeText = (shape: Shape): string =>
  `[${shape.map((size) => size ?? '?').join(', ')}]`;

/** A size that must be known when the graph is built. */
export function staticSize({ node, shape }: Tensor, axis: number): number {
  const size = shape.at(axis);
  if (size === null || size === undefined) {
    throw new Error(
      `${node}: axis ${axis} of ${shapeText(shape)} must be known when the graph is built`,
    );
  }
  return size;
}
