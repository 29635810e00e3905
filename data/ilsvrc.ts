/**
 * What ImageNet's devkit says of the challenge of 2012: the classes, and those of the validation
 * images, whose archive has no folders.
 * Source: the devkit's readme.txt; `meta.mat` numbers the synsets in an order of its own.
 */
import { invalid } from './archive.ts';
import { readMatStructs } from './mat-file.ts';

export const ilsvrcFiles = {
  train: 'ILSVRC2012_img_train.tar',
  validation: 'ILSVRC2012_img_val.tar',
  devkit: 'ILSVRC2012_devkit_t12.tar.gz',
} as const;

/** In the devkit, in whatever folder. */
export const devkitFiles = {
  meta: 'meta.mat',
  truth: 'ILSVRC2012_validation_ground_truth.txt',
} as const;

/**
 * The WordNet ids of the validation images, by their number in the file's name, from 1 on. Throws
 * `InvalidData`.
 */
export function validationClasses(meta: Uint8Array, truth: Uint8Array): readonly string[] {
  const wnids = new Map<number, string>();
  for (const row of readMatStructs(meta, 'synsets', devkitFiles.meta)) {
    const [id, wnid] = [row.get('ILSVRC2012_ID'), row.get('WNID')];
    if (typeof id === 'number' && typeof wnid === 'string') wnids.set(id, wnid);
  }
  const lines = Buffer.from(truth).toString('latin1').trim().split(/\s+/);
  return lines.map((line, index) => {
    const wnid = wnids.get(Number(line));
    if (wnid !== undefined) return wnid;
    throw invalid(
      devkitFiles.truth,
      `line ${index + 1}: no synset in meta.mat has the id '${line}'`,
    );
  });
}

/** The number in `ILSVRC2012_val_00000042.JPEG`. */
export function validationNumber(name: string): number | undefined {
  const match = /(?:^|\/)ILSVRC2012_val_(\d{8})\.JPEG$/.exec(name);
  return match ? Number(match[1]) : undefined;
}
