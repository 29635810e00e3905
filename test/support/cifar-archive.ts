/** An archive in CIFAR's binary layout for whole-pipeline tests: real images where they are at hand, else made ones. */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeCifarRecord } from '../../data/cifar-records.ts';
import { madeImage, realCifar } from '../data/support.ts';

/** The path of an archive with at least 300 images of ten classes. */
export async function cifarArchive(): Promise<string> {
  return realCifar ?? madeArchive(200);
}

/** An archive of made images, so many in each of its two files. */
export async function madeArchive(imagesPerFile: number): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'nightshift-cifar-'));
  const folder = join(root, 'cifar-10-batches-bin');
  await mkdir(folder);
  for (const [file, first] of [
    ['data_batch_1.bin', 0],
    ['test_batch.bin', imagesPerFile],
  ] as const) {
    const records = Array.from({ length: imagesPerFile }, (_, index) =>
      encodeCifarRecord((first + index) % 10, madeImage(first + index)),
    );
    await writeFile(join(folder, file), Buffer.concat(records));
  }
  const names = Array.from({ length: 10 }, (_, label) => `class ${label}\n`);
  await writeFile(join(folder, 'batches.meta.txt'), names.join(''));
  const path = join(root, 'made.tar.gz');
  execFileSync('tar', ['czf', path, '-C', root, 'cifar-10-batches-bin']);
  return path;
}
