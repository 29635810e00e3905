/** Reverse-mode differentiation along a graph's tape. */
import type { Graph } from './graph.ts';
import { addN } from './ops/elementwise.ts';
import { sameShape, shapeText, tensorName } from './tensor.ts';
import type { Tensor } from './tensor.ts';

/**
 * The gradients of `loss` (a scalar) by each of `targets`. Nothing is added for what no target
 * lies below. Throws when a target does not lead to the loss, or a gradient has the wrong shape.
 */
export function gradients(graph: Graph, loss: Tensor, targets: readonly Tensor[]): Tensor[] {
  const dependent = new Set(targets.map(tensorName));
  const tape = graph.tape.filter(({ inputs, outputs }) => {
    const reached = inputs.some((input) => dependent.has(tensorName(input)));
    if (reached) for (const output of outputs) dependent.add(tensorName(output));
    return reached;
  });

  const parts = new Map<string, Tensor[]>([[tensorName(loss), [graph.float(1)]]]);
  const gradientOf = (tensor: Tensor): Tensor | undefined => {
    const found = parts.get(tensorName(tensor));
    return found && addN(graph, found);
  };
  for (const { op, inputs, outputs, gradient } of tape.toReversed()) {
    const outputGradients = outputs.map(gradientOf);
    if (outputGradients.every((one) => one === undefined)) continue;
    const wanted = inputs.map((input) => dependent.has(tensorName(input)));
    const inputGradients = gradient(outputGradients, wanted);
    for (const [index, input] of inputs.entries()) {
      const part = inputGradients[index];
      if (!wanted[index]) continue;
      if (!part) throw new Error(`${op}: no gradient by its input ${input.node}`);
      if (!sameShape(part.shape, input.shape) || part.dtype !== input.dtype) {
        throw new Error(
          `${op}: the gradient by ${input.node} is ${part.dtype} ${shapeText(part.shape)}, expected ${input.dtype} ${shapeText(input.shape)}`,
        );
      }
      const key = tensorName(input);
      parts.set(key, [...(parts.get(key) ?? []), part]);
    }
  }
  return targets.map((target) => {
    const found = gradientOf(target);
    if (!found) throw new Error(`${target.node}: the loss does not depend on it`);
    return found;
  });
}
