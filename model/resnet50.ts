/** ResNet-50, first and second version, as Keras has them and as TF-Slim does: a table of stages and a block. */
import type { Conventions } from '../contract/weights.ts';
import type { Graph } from './graph/graph.ts';
import { add, relu } from './graph/ops/elementwise.ts';
import { globalAveragePool, maxPool, zeroPad } from './graph/ops/pooling.ts';
import type { Tensor } from './graph/tensor.ts';
import type { ConvShape, Layers } from './layers.ts';

/** `filters`: of the block's inner convolutions; it gives out four times as many. */
export interface Stage {
  readonly name: string;
  readonly filters: number;
  readonly blocks: number;
  /** Taken by the first block of the stage in Keras's version 1, else by the last. */
  readonly stride: number;
}

export interface Architecture {
  readonly block: 'v1' | 'v2';
  /** Channels after the stem. */
  readonly stem: number;
  readonly stages: readonly Stage[];
  /** Whose strides and paddings: weights mean the same only under those they were trained with. */
  readonly topology: Conventions['topology'];
}

const stages = (strides: readonly [number, number, number, number]): Stage[] => [
  { name: 'conv2', filters: 64, blocks: 3, stride: strides[0] },
  { name: 'conv3', filters: 128, blocks: 4, stride: strides[1] },
  { name: 'conv4', filters: 256, blocks: 6, stride: strides[2] },
  { name: 'conv5', filters: 512, blocks: 3, stride: strides[3] },
];

export const architectures = {
  resnet50v2: { block: 'v2', stem: 64, stages: stages([2, 2, 2, 1]), topology: 'keras' },
  resnet50: { block: 'v1', stem: 64, stages: stages([1, 2, 2, 2]), topology: 'keras' },
} as const satisfies Record<string, Architecture>;

/** The same networks as TF-Slim has them. */
const slimArchitectures = {
  resnet50v2: { ...architectures.resnet50v2, topology: 'slim' },
  resnet50: { block: 'v1', stem: 64, stages: stages([2, 2, 2, 1]), topology: 'slim' },
} as const satisfies Record<keyof typeof architectures, Architecture>;

export const architectureNamed = (
  name: keyof typeof architectures,
  topology: Conventions['topology'],
): Architecture => (topology === 'slim' ? slimArchitectures : architectures)[name];

/** Two small stages with all of the large one's parts: for tests. */
export const tiny = (block: 'v1' | 'v2'): Architecture => ({
  block,
  stem: 4,
  stages: [
    { name: 'conv2', filters: 4, blocks: 2, stride: block === 'v2' ? 2 : 1 },
    { name: 'conv3', filters: 8, blocks: 2, stride: block === 'v2' ? 1 : 2 },
  ],
  topology: 'keras',
});

/** The backbone: x [B, S, S, 3] -> features [B, 4 filters of the last stage]. */
export function backbone(
  graph: Graph,
  layers: Layers,
  architecture: Architecture,
  stem: 'imagenet' | 'small',
  images: Tensor,
): Tensor {
  const { block, topology } = architecture;
  const filters = architecture.stem;
  const opening: ConvShape =
    stem === 'imagenet'
      ? // [B, S, S, 3] -> [B, S/2, S/2, stem]
        { filters, size: 7, stride: 2, bias: true }
      : { filters, size: 3, bias: true };
  let x =
    block === 'v1'
      ? layers.convNorm('conv1', images, { ...opening, bias: topology === 'keras' })
      : layers.conv('conv1', images, opening);
  if (block === 'v1') x = relu(graph, x);
  if (stem === 'imagenet') {
    // [B, S/2, S/2, stem] -> [B, S/4, S/4, stem]
    x =
      topology === 'slim'
        ? maxPool(graph, x, { size: 3, stride: 2, padding: 'same' })
        : maxPool(graph, zeroPad(graph, x, 1), { size: 3, stride: 2 });
  }
  for (const stage of architecture.stages) {
    for (let index = 1; index <= stage.blocks; index += 1) {
      const name = `${stage.name}_block${index}`;
      const stridesFirst = block === 'v1' && topology === 'keras';
      const strided = index === (stridesFirst ? 1 : stage.blocks);
      const shape = {
        filters: stage.filters,
        stride: strided ? stage.stride : 1,
        projects: index === 1,
      };
      x =
        block === 'v2'
          ? blockV2(graph, layers, name, x, shape)
          : (topology === 'slim' ? slimBlockV1 : blockV1)(graph, layers, name, x, shape);
    }
  }
  if (block === 'v2') x = relu(graph, layers.norm('post', x));
  return globalAveragePool(graph, x);
}

interface BlockShape {
  readonly filters: number;
  readonly stride: number;
  /** The shortcut is a convolution: channels change. */
  readonly projects: boolean;
}

/** Pre-activation: [B, H, W, C] -> [B, H/stride, W/stride, 4 filters] */
function blockV2(
  graph: Graph,
  layers: Layers,
  name: string,
  x: Tensor,
  { filters, stride, projects }: BlockShape,
): Tensor {
  const preactivated = relu(graph, layers.norm(`${name}_preact`, x));
  const shortcut = projects
    ? layers.conv(`${name}_0`, preactivated, { filters: 4 * filters, size: 1, stride, bias: true })
    : subsample(graph, x, stride);
  let y = layers.convNorm(`${name}_1`, preactivated, { filters, size: 1, bias: false });
  y = layers.convNorm(`${name}_2`, relu(graph, y), stridedConv(filters, stride));
  y = layers.conv(`${name}_3`, relu(graph, y), { filters: 4 * filters, size: 1, bias: true });
  return add(graph, shortcut, y);
}

/** Post-activation: [B, H, W, C] -> [B, H/stride, W/stride, 4 filters] */
function blockV1(
  graph: Graph,
  layers: Layers,
  name: string,
  x: Tensor,
  { filters, stride, projects }: BlockShape,
): Tensor {
  const shortcut = projects
    ? layers.convNorm(`${name}_0`, x, { filters: 4 * filters, size: 1, stride, bias: true })
    : x;
  let y = layers.convNorm(`${name}_1`, x, { filters, size: 1, stride, bias: true });
  y = layers.convNorm(`${name}_2`, relu(graph, y), { filters, size: 3, bias: true });
  const outer = { filters: 4 * filters, size: 1, bias: true };
  y = layers.convNorm(`${name}_3`, relu(graph, y), outer);
  return relu(graph, add(graph, shortcut, y));
}

/** Post-activation with the stride in the 3x3: [B, H, W, C] -> [B, H/stride, W/stride, 4 filters] */
function slimBlockV1(
  graph: Graph,
  layers: Layers,
  name: string,
  x: Tensor,
  { filters, stride, projects }: BlockShape,
): Tensor {
  const outer = { filters: 4 * filters, size: 1, bias: false };
  const shortcut = projects
    ? layers.convNorm(`${name}_0`, x, { ...outer, stride })
    : subsample(graph, x, stride);
  let y = layers.convNorm(`${name}_1`, x, { filters, size: 1, bias: false });
  y = layers.convNorm(`${name}_2`, relu(graph, y), stridedConv(filters, stride));
  y = layers.convNorm(`${name}_3`, relu(graph, y), outer);
  return relu(graph, add(graph, shortcut, y));
}

/** A 3x3 that pads both sides alike where it strides. */
const stridedConv = (filters: number, stride: number): ConvShape => ({
  filters,
  size: 3,
  stride,
  ...(stride > 1 ? { border: 1 } : {}),
  bias: false,
});

/** Every `stride`th pixel: [B, H, W, C] -> [B, H/stride, W/stride, C] */
const subsample = (graph: Graph, x: Tensor, stride: number): Tensor =>
  stride > 1 ? maxPool(graph, x, { size: 1, stride }) : x;
