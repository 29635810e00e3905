/** How much arithmetic an image is, counted from the graph: convolutions alone, as nothing else weighs. */
import { Graph } from '../../model/graph/graph.ts';
import { staticSize } from '../../model/graph/tensor.ts';
import { layersOn } from '../../model/layers.ts';
import { architectures, backbone } from '../../model/resnet50.ts';

/** Floating-point operations of one forward pass of ResNet-50 V2 over an image of `size` x `size`. */
export function forwardFlops(size: number): number {
  const graph = new Graph();
  const settings = { mode: 'train', compute: 'float32', momentum: 0, trains: () => true } as const;
  const layers = layersOn(graph, new Map(), { variables: new Map(), updates: [] }, settings);
  const images = graph.placeholder('images', 'float32', [null, size, size, 3]);
  backbone(graph, layers, architectures.resnet50v2, 'imagenet', images);
  return graph.tape
    .filter(({ op }) => op === 'Conv2D')
    .map(({ inputs: [, kernel], outputs: [y] }) => {
      const multiplications = kernel!.shape.reduce<number>((product, one) => product * one!, 1);
      return 2 * multiplications * staticSize(y!, 1) * staticSize(y!, 2);
    })
    .reduce((sum, one) => sum + one, 0);
}
