/** Real photographs: JPEG files to views of 224 px by random resized crop, rotation and colour jitter. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { contest, ratesTable } from './contest.ts';
import type { Contestant } from './contest.ts';
import type { Row } from './row.ts';

const contestants: readonly Contestant[] = [
  { name: 'Nightshift, from base images', script: 'ours.ts', variant: 'decoded once' },
  { name: 'Nightshift, decoding each time', script: 'ours.ts', variant: 'decoding' },
  { name: 'torchvision v2, PIL', script: 'torchvision_peer.py', variant: 'PIL' },
  { name: 'torchvision v2, tensors', script: 'torchvision_peer.py', variant: 'tensors' },
  { name: 'Albumentations', script: 'albumentations_peer.py', variant: '' },
  { name: 'tf.data with Keras layers', script: 'tf_peer.py', variant: '' },
];

export const photographsRow: Row = {
  name: 'photographs',
  about: 'JPEG files of --archive to views of 224 px: random resized crop, rotation, colour jitter',
  async measure(options) {
    if (!options.archive) throw new Error('--archive: a .tar.gz of .jpg files is needed');
    const photos = mkdtempSync(join(tmpdir(), 'nightshift-photos-'));
    try {
      execFileSync('tar', ['-xzf', options.archive, '-C', photos]);
      const figures = await contest(contestants, 224, photos, options);
      return { table: ratesTable(figures), figures };
    } finally {
      rmSync(photos, { recursive: true });
    }
  },
};
