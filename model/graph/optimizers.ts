/** Optimizers with Keras's semantics: from a gradient to the variable's next value. */
import type { Graph } from './graph.ts';
import type { Tensor } from './tensor.ts';
import { addTarget, variable, zeros } from './variables.ts';
import type { Variable } from './variables.ts';

export interface RmspropSettings {
  readonly name: 'rmsprop';
  readonly rho: number;
  readonly momentum: number;
  readonly epsilon: number;
}

/** The node that takes the step, and the state it keeps. */
export interface Update {
  readonly node: string;
  readonly slots: readonly Variable[];
}

/**
 * RMSprop as Keras 3 has it: v = rho v + (1 - rho) g^2; m = momentum m + rate g / sqrt(v + epsilon);
 * variable -= m. Without momentum, m holds nothing from step to step and is not saved.
 */
export function rmsprop(
  graph: Graph,
  target: Variable,
  gradient: Tensor,
  learningRate: Tensor,
  { rho, momentum, epsilon }: RmspropSettings,
): Update {
  const shape = target.shape as number[];
  const velocity = variable(graph, `${target.name}/rmsprop/velocity`, shape, zeros);
  const step = variable(graph, `${target.name}/rmsprop/momentum`, shape, zeros);
  const node = addTarget(
    graph,
    'ResourceApplyRMSProp',
    [
      target.handle,
      velocity.handle,
      step.handle,
      learningRate,
      graph.float(rho),
      graph.float(momentum),
      graph.float(epsilon),
      gradient,
    ],
    { T: { type: 'float32' }, use_locking: { bool: false } },
    `${target.name}/rmsprop`,
  );
  return { node, slots: [velocity, step] };
}
