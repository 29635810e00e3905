/** Layers with Keras's names and semantics: each adds its variables and its ops to a graph. */
import type { Graph } from './graph/graph.ts';
import { conv2d } from './graph/ops/convolution.ts';
import { biasAdd, matMul } from './graph/ops/dense.ts';
import { binary, cast } from './graph/ops/elementwise.ts';
import { zeroPad } from './graph/ops/pooling.ts';
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
  readonly size: number;
  readonly stride?: number;
  /** Zeros on each side, then no other padding; without it `same`. */
  readonly border?: number;
  readonly bias: boolean;
}

export interface Layers {
  conv(name: string, x: Tensor, shape: ConvShape): Tensor;
  norm(name: string, x: Tensor): Tensor;
  /** In float32: [B, N] -> [B, units] */
  dense(name: string, x: Tensor, units: number): Tensor;
  /** Nodes that move BatchNorm's statistics on by one step. */
  readonly updates: readonly string[];
}

/** Keras's ResNets: 1.001e-5. */
const epsilon = 1.001e-5;

export function layersOn(
  graph: Graph,
  variables: NetworkVariables,
  { mode, compute, momentum, trains }: LayerSettings,
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

  /** Moves an average: average = momentum average + (1 - momentum) value. */
  const follow = (average: NetworkVariable, value: Tensor): void => {
    const kept = binary(graph, 'Mul', average.value, graph.float(momentum));
    const added = binary(graph, 'Mul', value, graph.float(1 - momentum));
    updates.push(assign(graph, average, binary(graph, 'AddV2', kept, added)));
  };

  return {
    updates,
    conv(name, x, { filters, size, stride = 1, border, bias }) {
      const shape = [size, size, staticSize(x, 3), filters];
      const kernel = get(name, 'kernel', 'kernel', shape, glorotUniform(shape));
      // Padding written as an attribute of a convolution leaves oneDNN's fast kernels.
      const padded = border === undefined ? x : zeroPad(graph, x, border);
      const y = conv2d(graph, padded, cast(graph, kernel.value, compute), {
        stride,
        padding: border === undefined ? 'same' : 'valid',
      });
      if (!bias) return y;
      const { value } = get(name, 'bias', 'bias', [filters], zeros);
      return biasAdd(graph, y, cast(graph, value, compute));
    },
    norm(name, x) {
      const shape = [staticSize(x, 3)];
      const gamma = get(name, 'gamma', 'gamma', shape, ones);
      const beta = get(name, 'beta', 'beta', shape, zeros);
      const mean = get(name, 'moving_mean', 'moving', shape, zeros);
      const variance = get(name, 'moving_variance', 'moving', shape, ones);
      const parameters = { gamma: gamma.value, beta: beta.value, epsilon };
      if (mode === 'infer' || !gamma.trainable) {
        const statistics = { mean: mean.value, variance: variance.value };
        return frozenBatchNorm(graph, x, parameters, statistics);
      }
      const normalized = batchNorm(graph, x, parameters);
      follow(mean, normalized.mean);
      follow(variance, normalized.variance);
      return normalized.y;
    },
    dense(name, x, units) {
      const shape = [staticSize(x, 1), units];
      const kernel = get(name, 'kernel', 'kernel', shape, glorotUniform(shape));
      const { value } = get(name, 'bias', 'bias', [units], zeros);
      return biasAdd(graph, matMul(graph, x, kernel.value), value);
    },
  };
}
