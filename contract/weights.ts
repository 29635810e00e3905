/** What `model.weights` may name, and how a network must be built and fed so that given weights mean what they did. */
import { z } from 'zod';

export const conventionsSchema = z.strictObject({
  /** Where strides and paddings sit: Keras's way, or TF-Slim's, whose networks TF-Hub's modules hold. */
  topology: z.enum(['keras', 'slim']),
  /** What pixels become: [0, 1]; [-1, 1]; or `caffe`: blue, green, red, each less ImageNet's mean. */
  pixels: z.enum(['zero-one', 'minus-one-one', 'caffe']),
});
export type Conventions = z.infer<typeof conventionsSchema>;

/** Those of a network that begins from its seed. */
export const fromScratch: Conventions = { topology: 'keras', pixels: 'zero-one' };

/** The weights that a run begins with: what they are, by digest, and how they are meant. */
export const initialWeightsSchema = z.strictObject({
  digest: z.string(),
  conventions: conventionsSchema,
});
export type InitialWeights = z.infer<typeof initialWeightsSchema>;

/** What a run took of pretrained weights. */
export interface TakenWeights extends InitialWeights {
  /** Where they came from. */
  readonly address: string;
  /** How many of the network's variables they give. */
  readonly loaded: number;
  /** What is there and the network does not take, by its own names: a head of other classes. */
  readonly skipped: readonly string[];
  /** The network's variables that they do not give: these begin from the seed. */
  readonly fresh: readonly string[];
}

/** As a line that a user reads. */
export function weightsNote({ address, loaded, skipped, fresh }: TakenWeights): string {
  const some = (names: readonly string[]): string =>
    names.length > 4
      ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`
      : names.join(', ');
  const parts = [
    `${loaded} variables loaded from ${address}`,
    ...(skipped.length > 0 ? [`not taken: ${some(skipped)}`] : []),
    ...(fresh.length > 0 ? [`new: ${some(fresh)}`] : []),
  ];
  return parts.join('; ');
}

export type WeightsPlace =
  | { readonly kind: 'none' }
  | { readonly kind: 'imagenet' }
  /** The best state of an earlier run, by its id or its workflow's. */
  | { readonly kind: 'run'; readonly id: string }
  /** The champion of a model in the registry. */
  | { readonly kind: 'champion'; readonly model: string }
  /** A checkpoint's bundle in a bucket, by its prefix. */
  | { readonly kind: 'bundle'; readonly bucket: string; readonly prefix: string }
  /** Somebody else's file. */
  | { readonly kind: 'file'; readonly address: string };

/** What a value of `model.weights` names. */
export function weightsPlace(value: string): WeightsPlace {
  if (value === 'none' || value === 'imagenet') return { kind: value };
  const run = /^run:(.+)$/.exec(value);
  if (run) return { kind: 'run', id: run[1]! };
  const champion = /^champion:(.+)$/.exec(value);
  if (champion) return { kind: 'champion', model: champion[1]! };
  const bundle = /^s3:\/\/([^/]+)\/(runs\/.+\/variables)$/.exec(value);
  if (bundle) return { kind: 'bundle', bucket: bundle[1]!, prefix: bundle[2]! };
  return { kind: 'file', address: value };
}
