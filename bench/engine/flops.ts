/** How much arithmetic an image is, counted from the network: convolutions alone, as nothing else weighs. */
import { Graph } from '../../model/graph/graph.ts';
import { staticSize } from '../../model/graph/tensor.ts';
import type { Tensor } from '../../model/graph/tensor.ts';
import { layersOn } from '../../model/layers.ts';
import type { ConvShape } from '../../model/layers.ts';
import { architectures, backbone } from '../../model/resnet50.ts';

/**
 * Floating-point operations of one forward pass of ResNet-50 V2 over an image of `size` x `size`, as
 * the network is defined: products with a border's zeros count, whether they are computed or not.
 */
export function forwardFlops(size: number): number {
  const graph = new Graph();
  const settings = { mode: 'train', compute: 'float32', momentum: 0, trains: () => true } as const;
  const layers = layersOn(graph, new Map(), { variables: new Map(), updates: [] }, settings);
  let flops = 0;
  const counted =
    (convolve: (name: string, x: Tensor, shape: ConvShape) => Tensor) =>
    (name: string, x: Tensor, shape: ConvShape): Tensor => {
      const y = convolve(name, x, shape);
      const window = shape.size ** 2 * staticSize(x, 3);
      flops += 2 * window * shape.filters * staticSize(y, 1) * staticSize(y, 2);
      return y;
    };
  const counting = {
    ...layers,
    conv: counted((...args) => layers.conv(...args)),
    convNorm: counted((...args) => layers.convNorm(...args)),
  };
  const images = graph.placeholder('images', 'float32', [null, size, size, 3]);
  backbone(graph, counting, architectures.resnet50v2, 'imagenet', images);
  return flops;
}
