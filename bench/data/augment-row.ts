/** Augmentation as for CIFAR: pad and crop, flip, rotation and colour jitter, at 32 px. */
import { contest, ratesTable } from './contest.ts';
import type { Contestant } from './contest.ts';
import type { Row } from './row.ts';

const contestants: readonly Contestant[] = [
  { name: 'Nightshift', script: 'ours.ts', variant: '' },
  { name: 'torchvision v2, PIL', script: 'torchvision_peer.py', variant: 'PIL' },
  { name: 'torchvision v2, tensors', script: 'torchvision_peer.py', variant: 'tensors' },
  { name: 'Albumentations', script: 'albumentations_peer.py', variant: '' },
  { name: 'tf.data with Keras layers', script: 'tf_peer.py', variant: '' },
];

export const augmentRow: Row = {
  name: 'augment-32',
  about: 'augmentation of 32 px images: pad and crop, flip, rotation, colour jitter',
  async measure(options) {
    const figures = await contest(contestants, 32, '', options);
    return { table: ratesTable(figures), figures };
  },
};
