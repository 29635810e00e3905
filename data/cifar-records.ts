/**
 * CIFAR's binary layout: files of records (a label, then a red, a green and a blue plane of 32x32),
 * and a text file with a class name a line. CIFAR-100 has a label of 20 coarse classes before that
 * of its 100 fine ones, which are those that are learnt.
 * Source: https://www.cs.toronto.edu/~kriz/cifar.html
 */
import { NightshiftError } from '../contract/failures.ts';
import { sha256 } from './digest.ts';
import type { Sample } from './sample-list.ts';

/** Height and width of an image, in pixels. */
export const cifarImageSize = 32;
const planeBytes = cifarImageSize ** 2;

/** Labels before each image, a byte each; the last one counts. */
export type LabelBytes = 1 | 2;
const recordBytesOf = (labelBytes: LabelBytes): number => labelBytes + 3 * planeBytes;

/** A dataset in its canonical form: the batch files, by name, and the names of the classes. */
export interface CifarDataset {
  readonly files: readonly CifarFile[];
  readonly classes: readonly string[];
  readonly labelBytes: LabelBytes;
  readonly samples: number;
}

export interface CifarFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * Checks the files and puts them in canonical order (by name). Throws `InvalidData` on fewer
 * than two classes, on a file that is not whole records, and on a label no class has.
 */
export function cifarDataset(
  files: readonly CifarFile[],
  classes: readonly string[],
  labelBytes: LabelBytes = 1,
): CifarDataset {
  const recordBytes = recordBytesOf(labelBytes);
  if (classes.length < 2) {
    throw new NightshiftError(
      'InvalidData',
      `${classes.length} class names, but a classifier has at least 2 to tell apart`,
    );
  }
  let samples = 0;
  for (const { name, bytes } of files) {
    const over = bytes.length % recordBytes;
    if (over !== 0 || bytes.length === 0) {
      throw new NightshiftError(
        'InvalidData',
        `${name}: ${bytes.length} bytes are not whole records of ${recordBytes}: the file is cut short, or not in CIFAR's binary layout`,
      );
    }
    for (let start = 0; start < bytes.length; start += recordBytes) {
      const label = bytes[start + labelBytes - 1]!;
      if (label < classes.length) continue;
      throw new NightshiftError(
        'InvalidData',
        `${name}, record ${start / recordBytes}: label ${label}, but there are ${classes.length} classes (0 to ${classes.length - 1}): the file is damaged, or not in CIFAR's binary layout`,
      );
    }
    samples += bytes.length / recordBytes;
  }
  const byName = files.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return { files: byName, classes, labelBytes, samples };
}

/** An image of planes with its channels side by side: [32, 32, 3]. */
export function decodePlanes(planes: Uint8Array): Uint8Array {
  const image = new Uint8Array(3 * planeBytes);
  for (let channel = 0; channel < 3; channel += 1) {
    const plane = channel * planeBytes;
    for (let pixel = 0; pixel < planeBytes; pixel += 1) {
      image[pixel * 3 + channel] = planes[plane + pixel]!;
    }
  }
  return image;
}

/** One record of a batch file of CIFAR-10: a label, and the planes that `decodePlanes` reads. */
export function encodeCifarRecord(label: number, image: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(recordBytesOf(1));
  bytes[0] = label;
  for (let channel = 0; channel < 3; channel += 1) {
    const plane = 1 + channel * planeBytes;
    for (let pixel = 0; pixel < planeBytes; pixel += 1) {
      bytes[plane + pixel] = image[pixel * 3 + channel]!;
    }
  }
  return bytes;
}

/**
 * The samples of one batch file. A sample's content is its pixels, not its label; its own side is
 * by the name of the file.
 */
export function cifarSamples(
  name: string,
  bytes: Uint8Array,
  labelBytes: LabelBytes = 1,
): Sample[] {
  const recordBytes = recordBytesOf(labelBytes);
  const stem = name.replace(/\.bin$/, '');
  return Array.from({ length: bytes.length / recordBytes }, (_, record) => {
    const start = record * recordBytes;
    const offset = start + labelBytes;
    const length = 3 * planeBytes;
    return {
      id: `${stem}/${String(record).padStart(5, '0')}`,
      file: name,
      offset,
      length,
      label: bytes[offset - 1]!,
      sha256: sha256(bytes.subarray(offset, offset + length)),
      side: name.startsWith('test') ? 'test' : 'train',
    };
  });
}
