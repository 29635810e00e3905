/** Optimizers with Keras's semantics: from a gradient to the variable's next value. */
import type { Graph } from './graph.ts';
import { addN, binary } from './ops/elementwise.ts';
import type { Tensor } from './tensor.ts';
import { addTarget, variable, zeros } from './variables.ts';
import type { Variable } from './variables.ts';

export type OptimizerSettings =
  | {
      readonly name: 'rmsprop';
      readonly rho: number;
      readonly momentum: number;
      readonly epsilon: number;
      readonly centered: boolean;
    }
  | { readonly name: 'sgd'; readonly momentum: number; readonly nesterov: boolean }
  | {
      readonly name: 'adamw';
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
    };

/** What changes from step to step, float32 [] each. */
export interface StepInputs {
  readonly learningRate: Tensor;
  /** Counts the steps from 1. */
  readonly step: Tensor;
}

/** The node that takes the step, and the state it keeps from step to step. */
export interface Update {
  readonly node: string;
  readonly slots: readonly Variable[];
}

/**
 * What ops write into but keep nothing in, by shape: used by one variable after the other, hence
 * with the node that used it last.
 */
export type Scratch = Map<string, { readonly variable: Variable; readonly lastUse: string }>;

/** One variable's step, once the nodes `after` have run. */
export function update(
  graph: Graph,
  target: Variable,
  gradient: Tensor,
  inputs: StepInputs,
  settings: OptimizerSettings,
  scratch: Scratch,
  after: readonly string[] = [],
): Update {
  const shape = target.shape as number[];
  const slot = (name: string): Variable =>
    variable(graph, `${target.name}/${settings.name}/${name}`, shape, zeros);
  const apply = (
    op: string,
    operands: readonly Tensor[],
    flags: Record<string, boolean> = {},
    waitsFor: readonly string[] = [],
  ) =>
    addTarget(
      graph,
      op,
      operands,
      {
        T: { type: 'float32' },
        use_locking: { bool: false },
        ...Object.fromEntries(Object.entries(flags).map(([name, bool]) => [name, { bool }])),
      },
      `${target.name}/${settings.name}`,
      [...after, ...waitsFor],
    );
  const { learningRate, step } = inputs;
  switch (settings.name) {
    // v = rho v + (1 - rho) g^2; m = momentum m + rate g / sqrt(v [- a^2] + epsilon); variable -= m,
    // where a = rho a + (1 - rho) g when centered.
    case 'rmsprop': {
      const { rho, momentum, epsilon, centered } = settings;
      const velocity = slot('velocity');
      const average = centered ? [slot('average')] : [];
      // The op writes m at momentum 0 too, where nothing hangs on what it was.
      const keepsMoved = momentum > 0;
      const size = shape.join('x');
      const used = keepsMoved ? undefined : scratch.get(size);
      const moved = keepsMoved
        ? slot('momentum')
        : (used?.variable ?? variable(graph, `rmsprop/scratch/${size}`, shape, zeros));
      const node = apply(
        centered ? 'ResourceApplyCenteredRMSProp' : 'ResourceApplyRMSProp',
        [
          target.handle,
          ...average.map(({ handle }) => handle),
          velocity.handle,
          moved.handle,
          learningRate,
          ...[rho, momentum, epsilon].map((value) => graph.float(value)),
          gradient,
        ],
        {},
        used && [used.lastUse],
      );
      if (keepsMoved) return { node, slots: [velocity, ...average, moved] };
      scratch.set(size, { variable: moved, lastUse: node });
      return { node, slots: [velocity, ...average] };
    }
    // m = momentum m - rate g; variable += m, or with Nesterov momentum m - rate g.
    case 'sgd': {
      const { momentum, nesterov } = settings;
      if (momentum === 0) {
        const node = apply('ResourceApplyGradientDescent', [target.handle, learningRate, gradient]);
        return { node, slots: [] };
      }
      const moved = slot('momentum');
      const node = apply(
        'ResourceApplyKerasMomentum',
        [target.handle, moved.handle, learningRate, gradient, graph.float(momentum)],
        { use_nesterov: nesterov },
      );
      return { node, slots: [moved] };
    }
    // Adam's moments with bias correction. Its decoupled weight decay is every optimizer's here.
    case 'adamw': {
      const { beta1, beta2, epsilon } = settings;
      const [mean, velocity] = [slot('mean'), slot('velocity')];
      const node = apply(
        'ResourceApplyAdam',
        [
          target.handle,
          mean.handle,
          velocity.handle,
          power(graph, beta1, step),
          power(graph, beta2, step),
          learningRate,
          ...[beta1, beta2, epsilon].map((value) => graph.float(value)),
          gradient,
        ],
        { use_nesterov: false },
      );
      return { node, slots: [mean, velocity] };
    }
  }
}

function power(graph: Graph, base: number, exponent: Tensor): Tensor {
  return graph.addOne('Pow', [graph.float(base), exponent], { T: { type: 'float32' } }, exponent);
}

/** Decoupled weight decay: variable -= variable * rate * decay. Returns the node to run before the step. */
export function decayWeights(
  graph: Graph,
  { handle, value, name }: Variable,
  { learningRate }: StepInputs,
  decay: number,
): string {
  const share = binary(graph, 'Mul', learningRate, graph.float(decay));
  const lost = binary(graph, 'Mul', value, share);
  const attributes = { dtype: { type: 'float32' } } as const;
  return addTarget(graph, 'AssignSubVariableOp', [handle, lost], attributes, `${name}/decay`);
}

/** All gradients times min(1, limit / their common norm). */
export function clipByGlobalNorm(
  graph: Graph,
  gradients: readonly Tensor[],
  limit: number,
): Tensor[] {
  const scalar = { dtype: 'float32', shape: [] } as const;
  const T = { type: 'float32' } as const;
  const halves = gradients.map((gradient) => graph.addOne('L2Loss', [gradient], { T }, scalar));
  const squared = binary(graph, 'Mul', addN(graph, halves), graph.float(2));
  const norm = graph.addOne('Sqrt', [squared], { T }, scalar);
  const bounded = graph.addOne('Maximum', [norm, graph.float(limit)], { T }, scalar);
  const scale = binary(graph, 'RealDiv', graph.float(limit), bounded);
  return gradients.map((gradient) => binary(graph, 'Mul', gradient, scale));
}
