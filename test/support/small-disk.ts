/** A disk that is soon full, where this machine lets a test mount one. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SmallDisk {
  readonly path: string;
  /** Leaves no room. */
  fill(): Promise<void>;
  /** Gives the room back. */
  free(): Promise<void>;
  remove(): Promise<void>;
}

/** Of a quarter of a megabyte; a string says why there is none. */
export async function openSmallDisk(): Promise<SmallDisk | string> {
  if (process.platform !== 'linux') return 'a tmpfs is mounted on Linux only';
  const path = await mkdtemp(join(tmpdir(), 'nightshift-disk-'));
  const filling = join(path, 'filling');
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', path], { stdio: 'pipe' });
  } catch (error) {
    await rm(path, { recursive: true });
    return `no file system may be mounted here: ${(error as Error).message.trim()}`;
  }
  return {
    path,
    fill: () =>
      writeFile(filling, Buffer.alloc(1 << 20)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOSPC') throw error;
      }),
    free: () => rm(filling),
    async remove() {
      execFileSync('umount', [path]);
      await rm(path, { recursive: true });
    },
  };
}
