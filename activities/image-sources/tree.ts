/** The files of a folder or a bucket's prefix. */
import { inOrder } from '../../data/in-order.ts';
import type { Tree } from '../../storage/trees.ts';
import { maxFileBytes, tooLarge } from './source.ts';
import type { Content, ImageSource, SourceFile } from './source.ts';

/** Hides the way to the store; each may have 32 MiB. */
const readsAtOnce = 8;

export function treeImages(tree: Tree, identity: unknown): ImageSource {
  return {
    identity: { tree: identity },
    totalBytes: tree.files.reduce((sum, { size }) => sum + size, 0),
    async *files([from = 0]) {
      let readBytes = tree.files.slice(0, from).reduce((sum, { size }) => sum + size, 0);
      const entries = tree.files.entries();
      const rest = async function* () {
        for (const entry of entries) if (entry[0] >= from) yield entry;
      };
      yield* inOrder(rest(), readsAtOnce, async ([index, file]): Promise<SourceFile> => {
        const content: Content =
          file.size > maxFileBytes
            ? tooLarge(file.size)
            : ((await tree.read(file)) ?? { problem: 'it is gone since the folder was listed' });
        readBytes += file.size;
        return { name: file.name, content, next: [index + 1], readBytes };
      });
    },
  };
}
