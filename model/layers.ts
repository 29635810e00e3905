/** Layers with Keras's names and semantics: each adds its variables and its ops to a graph. */
import type { Graph } from './graph/graph.ts';
import { conv2d } from './graph/ops/convolution.ts';
import { biasAdd, matMul } from './graph/ops/dense.ts';
import { binary, cast } from './graph/ops/elementwise.ts';
import { batchNorm, frozenBatchNorm } from './graph/ops/normalization.ts';
import { staticSize } from './graph/tensor.ts';
import type { Tensor } from './graph/tensor.ts';
import { assign, glorotUniform, ones, variable, zeros } from './graph/variables.ts';
import type { Initializer, Variable } from './graph/variables.ts';

/** What a variable is to the network: decides whether it learns, and whether weight decay would touch it. */
export type Role = 'kernel' | 'bias' | 'gamma' | 'beta' | 'moving';

export interface NetworkVariable extends Variable {
  readonly role: Role;
  readonly trainable: boolean;
}

/** The variables of one network, shared by all graphs of it that are built into one session. */
export type NetworkVariables = Map<string, NetworkVariable>;

export interface LayerSettings {
  /** `train`: BatchNorm by the batch's statistics where it learns; `infer`: by the moving ones. */
  readonly mode: 'train' | 'infer';
  /** The type convolutions compute in; variables are float32. */
  readonly compute: 'float32' | 'bfloat16';
  /** BatchNorm's share of the old value a step. */
  readonly momentum: number;
  readonly trains: (layer: string, role: Role) => boolean;
}

export interface ConvShape {
  readonly filters: number;
  /** Odd; as many zeros lie on each side as keep a map's size at stride 1. */
  readonly size: number;
  readonly stride?: number;
  readonly bias: boolean;
}

export interface Layers {
  /** The layer `<name>_conv`. */
  conv(name: string, x: Tensor, shape: ConvShape): Tensor;
  /** The layer `<name>_bn`. */
  norm(name: string, x: Tensor): Tensor;
  /** `<name>_conv`, then `<name>_bn`: folded into one convolution where nothing of them learns. */
  convNorm(name: string, x: Tensor, shape: ConvShape): Tensor;
  /** In float32: [B, N] -> [B, units] */
  dense(name: string, x: Tensor, units: number): Tensor;
  /** Nodes that move BatchNorm's statistics on by one step. */
  readonly updates: readonly string[];
}

/** Kernels as they are computed with, BatchNorm folded in: made from the variables, not saved. */
export interface Folded {
  readonly variables: Map<string, Variable>;
  /** Nodes that make them from the variables as they are now. */
  readonly updates: string[];
}

/** Keras's ResNets: 1.001e-5. */
const epsilon = 1.001e-5;

/**
 * `values`: what a variable counts as when nothing learns, its moving average say. Where nothing of
 * a convolution learns, its kernel is one of `folded`.
 */
export function layersOn(
  graph: Graph,
  variables: NetworkVariables,
  folded: Folded,
  { mode, compute, momentum, trains }: LayerSettings,
  valueOf: (variable: Variable) => Tensor = ({ value }) => value,
): Layers {
  const updates: string[] = [];

  const get = (
    layer: string,
    part: string,
    role: Role,
    shape: readonly number[],
    initializer: Initializer,
  ): NetworkVariable => {
    const name = `${layer}/${part}`;
    let found = variables.get(name);
    if (!found) {
      const trainable = role !== 'moving' && trains(layer, role);
      found = { ...variable(graph, name, shape, initializer), role, trainable };
      variables.set(name, found);
    }
    return found;
  };
  const learns = ({ trainable }: NetworkVariable): boolean => mode === 'train' && trainable;

  const convParts = (name: string, x: Tensor, { filters, size, bias }: ConvShape) => {
    const layer = `${name}_conv`;
    const shape = [size, size, staticSize(x, 3), filters];
    return {
      kernel: get(layer, 'kernel', 'kernel', shape, glorotUniform(shape)),
      bias: bias ? get(layer, 'bias', 'bias', [filters], zeros) : undefined,
    };
  };
  const normParts = (name: string, channels: number) => {
    const part = (named: string, role: Role, initializer: Initializer) =>
      get(`${name}_bn`, named, role, [channels], initializer);
    return {
      gamma: part('gamma', 'gamma', ones),
      beta: part('beta', 'beta', zeros),
      mean: part('moving_mean', 'moving', zeros),
      variance: part('moving_variance', 'moving', ones),
    };
  };

  const convolve = (
    x: Tensor,
    kernel: Tensor,
    bias: Tensor | undefined,
    { size, stride = 1 }: ConvShape,
  ): Tensor =>
    conv2d(graph, x, kernel, {
      stride,
      border: (size - 1) / 2,
      bias: bias && cast(graph, bias, compute),
    });

  /** A variable in the compute type that holds `value`, as it was when `folded.updates` last ran. */
  const fold = (name: string, value: () => Tensor): Tensor => {
    let found = folded.variables.get(name);
    if (!found) {
      const held = cast(graph, value(), compute);
      found = variable(graph, name, held.shape as number[], zeros, compute);
      folded.variables.set(name, found);
      folded.updates.push(assign(graph, found, held));
    }
    return found.value;
  };

  /** Moves an average: average = momentum average + (1 - momentum) value. */
  const follow = (average: NetworkVariable, value: Tensor): void => {
    const kept = binary(graph, 'Mul', average.value, graph.float(momentum));
    const added = binary(graph, 'Mul', value, graph.float(1 - momentum));
    updates.push(assign(graph, average, binary(graph, 'AddV2', kept, added)));
  };

  const layers: Layers = {
    updates,
    conv(name, x, shape) {
      const { kernel, bias } = convParts(name, x, shape);
      if (learns(kernel)) {
        return convolve(x, kernel.value, bias?.value, shape);
      }
      const held = (part: NetworkVariable): Tensor =>
        compute === 'float32' ? valueOf(part) : fold(`${part.name}/held`, () => valueOf(part));
      return convolve(x, held(kernel), bias && held(bias), shape);
    },
    norm(name, x) {
      const { gamma, beta, mean, variance } = normParts(name, staticSize(x, 3));
      if (!learns(gamma)) {
        const [scale, shift, average, square] = [gamma, beta, mean, variance].map(valueOf);
        const parameters = { gamma: scale!, beta: shift!, epsilon };
        return frozenBatchNorm(graph, x, parameters, { mean: average!, variance: square! });
      }
      const parameters = { gamma: gamma.value, beta: beta.value, epsilon };
      const normalized = batchNorm(graph, x, parameters);
      follow(mean, normalized.mean);
      follow(variance, normalized.variance);
      return normalized.y;
    },
    convNorm(name, x, shape) {
      const { kernel, bias } = convParts(name, x, shape);
      const { gamma, beta, mean, variance } = normParts(name, shape.filters);
      if (learns(kernel) || learns(gamma)) return layers.norm(name, layers.conv(name, x, shape));
      // gamma / sqrt(variance + epsilon), [F]
      const scale = (): Tensor => {
        const square = binary(graph, 'AddV2', valueOf(variance), graph.float(epsilon));
        const inverse = graph.addOne('Rsqrt', [square], { T: { type: 'float32' } }, square);
        return binary(graph, 'Mul', valueOf(gamma), inverse);
      };
      const foldedKernel = fold(`${name}_folded/kernel`, () =>
        binary(graph, 'Mul', valueOf(kernel), scale()),
      );
      const foldedBias = fold(`${name}_folded/bias`, () => {
        const lowered = binary(graph, 'Mul', valueOf(mean), scale());
        const shift = binary(graph, 'Sub', valueOf(beta), lowered);
        if (!bias) return shift;
        return binary(graph, 'AddV2', binary(graph, 'Mul', valueOf(bias), scale()), shift);
      });
      return convolve(x, foldedKernel, foldedBias, shape);
    },
    dense(name, x, units) {
      const shape = [staticSize(x, 1), units];
      const kernel = get(name, 'kernel', 'kernel', shape, glorotUniform(shape));
      const bias = get(name, 'bias', 'bias', [units], zeros);
      const [weights, shift] =
        mode === 'train' ? [kernel.value, bias.value] : [valueOf(kernel), valueOf(bias)];
      return biasAdd(graph, matMul(graph, x, weights), shift);
    },
  };
  return layers;
}
