/** Which class an image belongs to, by the folders that it lies in. */
import type { Side } from '../contract/manifests.ts';

export interface ClassOfImage {
  readonly class: string;
  /** The dataset's own split, where it has one. */
  readonly side?: Side | undefined;
  /** What is not to be divided by the split: the photos of one patient, say. */
  readonly group?: string | undefined;
}

/** Why an image belongs to no class. */
export interface NoClass {
  readonly problem: string;
}

const sideNames: ReadonlyMap<string, Side> = new Map([
  ['train', 'train'],
  ['val', 'validation'],
  ['valid', 'validation'],
  ['validation', 'validation'],
  ['test', 'test'],
]);

/** The side that a folder or a column calls so. */
export const sideNamed = (name: string): Side | undefined => sideNames.get(name.toLowerCase());

const layouts =
  'class folders lie at the top or in one top folder, there or in train, val (or validation) and test';

/**
 * Takes the names of a dataset's images in turn, and tells each one's class. The first name that
 * lies in a class folder sets the layout (`image.jpg` is the file):
 * `class/image.jpg`, `top/class/image.jpg`, `train/class/image.jpg` or `top/train/class/image.jpg`.
 */
export function openClassFolders(): (name: string) => ClassOfImage | NoClass {
  let first: { name: string; layout: string } | undefined;
  return (name) => {
    const folders = name.split('/').slice(0, -1);
    const found = classOf(folders);
    if ('problem' in found) return found;
    const { layout, ...image } = found;
    first ??= { name, layout };
    if (layout === first.layout) return image;
    return { problem: `it lies elsewhere than '${first.name}': ${layouts}` };
  };
}

function classOf(folders: readonly string[]): (ClassOfImage & { layout: string }) | NoClass {
  const name = folders.at(-1);
  const above = folders.slice(0, -1);
  const side = sideOf(above.at(-1));
  const top = side ? above.slice(0, -1) : above;
  if (name === undefined || (top.length === 0 && !side && sideOf(name))) {
    return { problem: `it lies in no class folder: ${layouts}` };
  }
  if (top.length > 1) return { problem: `it lies too deep: ${layouts}` };
  return { class: name, side, layout: [...top, side ? 'side' : '', ''].join('/') };
}

const sideOf = (folder: string | undefined): Side | undefined =>
  folder === undefined ? undefined : sideNamed(folder);
