/** Mixup and cutmix in the graph: each image with a partner of its batch, pixel by pixel, and their labels. */
import { unmixed } from '../data/mixing.ts';
import type { Mixing, MixingSettings } from '../data/mixing.ts';
import type { Graph } from './graph/graph.ts';
import { binary, cast } from './graph/ops/elementwise.ts';
import { gather } from './graph/ops/gather.ts';
import type { Feed } from './graph/session.ts';
import type { Tensor } from './graph/tensor.ts';

export interface MixingInputs {
  readonly settings: MixingSettings;
  /** uint8 [B, S, S, 3] -> float32 */
  images(images: Tensor): Tensor;
  /** One-hot [B, classes] -> their mixture */
  targets(targets: Tensor): Tensor;
  /** What the graph is fed; without `mixing`, images stay as they are. */
  feeds(count: number, mixing?: Mixing): (readonly [Tensor, Feed])[];
}

export function mixingInputs(graph: Graph, settings: MixingSettings, size: number): MixingInputs {
  const partners = graph.placeholder('partners', 'int32', [null]);
  const weights = graph.placeholder('mixing_weights', 'float32', [size, size, 1]);
  const kept = graph.placeholder('mixing_kept', 'float32', []);
  const blend = (own: Tensor, other: Tensor, share: Tensor): Tensor => {
    const rest = binary(graph, 'Sub', graph.float(1), share);
    const [stays, comes] = [binary(graph, 'Mul', own, share), binary(graph, 'Mul', other, rest)];
    return binary(graph, 'AddV2', stays, comes);
  };
  return {
    settings,
    images(images) {
      const others = cast(graph, gather(graph, images, partners), 'float32');
      return blend(cast(graph, images, 'float32'), others, weights);
    },
    targets: (targets) => blend(targets, gather(graph, targets, partners), kept),
    feeds: (count, mixing = unmixed(count, size)) => [
      [partners, { dtype: 'int32', shape: [count], data: mixing.partners }],
      [weights, { dtype: 'float32', shape: [size, size, 1], data: mixing.weights }],
      [kept, { dtype: 'float32', shape: [], data: Float32Array.of(mixing.kept) }],
    ],
  };
}
