/** ImageNet's challenge of 2012, from the archives that it is published as. */
import { invalid } from '../../data/archive.ts';
import { ByteReader } from '../../data/byte-reader.ts';
import { devkitFiles, validationClasses, validationNumber } from '../../data/ilsvrc.ts';
import { readTar } from '../../data/tar.ts';
import { streamRanges } from '../../storage/ranges.ts';
import type { RangedSource } from '../../storage/ranges.ts';
import { openArchive } from './archive.ts';
import { contentOf, isUnusable } from './source.ts';
import type { Cursor, ImageSource, SourceFile } from './source.ts';

export interface IlsvrcArchives {
  /** A tar of a tar a class, called by its WordNet id. */
  readonly train: RangedSource;
  /** A tar of images without folders. */
  readonly validation: RangedSource;
  readonly devkit: RangedSource;
}

/** Training images first, then those of validation: the own split has no test side. */
export function ilsvrcImages(archives: IlsvrcArchives, identity: unknown): ImageSource {
  const { train, validation, devkit } = archives;
  return {
    identity: { ilsvrc2012: identity },
    totalBytes: train.size + validation.size,
    async *files([archive = 0, ...place]) {
      const classes = await readClasses(devkit); // what is wrong with it shows before the long way
      if (archive === 0) yield* trainingFiles(train, place);
      const from = archive === 0 ? 0 : place[0]!;
      yield* validationFiles(validation, classes, from, train.size);
    },
  };
}

/** `outer`: where the class's tar begins; `inner`: where reading it goes on. */
async function* trainingFiles(
  bytes: RangedSource,
  [outer = 0, inner = 0]: Cursor,
): AsyncGenerator<SourceFile> {
  const reader = new ByteReader(streamRanges(bytes, outer), outer);
  let [start, from] = [outer, inner];
  try {
    for await (const tar of readTar(reader, 'the training archive')) {
      const wnid = /(?:^|\/)(n\d{8})\.tar$/.exec(tar.name)?.[1];
      if (wnid === undefined) {
        throw invalid('the training archive', `has '${tar.name}', where a tar a class is wanted`);
      }
      const images = new ByteReader(tar.bytes());
      await images.skip(from);
      for await (const file of readTar(images, tar.name)) {
        const content = await contentOf(file);
        const next = [0, start, file.next];
        const name = `train/${wnid}/${file.name}`;
        const readBytes = reader.position;
        yield { name, class: { class: wnid, side: 'train' }, content, next, readBytes };
      }
      [start, from] = [tar.next, 0];
    }
  } finally {
    await reader.close();
  }
}

async function* validationFiles(
  bytes: RangedSource,
  classes: readonly string[],
  from: number,
  before: number,
): AsyncGenerator<SourceFile> {
  for await (const [file, readBytes] of openArchive(bytes, 'tar', from)) {
    const number = validationNumber(file.name);
    const wnid = number === undefined ? undefined : classes[number - 1];
    if (wnid === undefined) {
      throw invalid(
        'the validation archive',
        `has '${file.name}', of which the devkit's ${classes.length} labels say nothing`,
      );
    }
    yield {
      name: `val/${wnid}/${file.name}`,
      class: { class: wnid, side: 'validation' },
      content: await contentOf(file),
      next: [1, file.next],
      readBytes: before + readBytes(),
    };
  }
}

async function readClasses(devkit: RangedSource): Promise<readonly string[]> {
  const found = new Map<string, Uint8Array>();
  for await (const [file] of openArchive(devkit, 'tar.gz', 0)) {
    const wanted = Object.values(devkitFiles).find((name) => file.name.endsWith(`/${name}`));
    if (wanted === undefined) continue;
    const content = await contentOf(file);
    if (!isUnusable(content)) found.set(wanted, content);
  }
  const [meta, truth] = [found.get(devkitFiles.meta), found.get(devkitFiles.truth)];
  if (meta && truth) return validationClasses(meta, truth);
  throw invalid('the devkit', `has no '${devkitFiles.meta}' or no '${devkitFiles.truth}'`);
}
