/**
 * Folders that each belong to one process, side by side below one root: what a killed process
 * left behind, the next one finds.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface ProcessFolder {
  readonly path: string;
  /**
   * Folders of processes that are no more. One whose id the system has given to another process
   * since stays until that one has ended too.
   */
  readonly left: readonly string[];
}

/** Makes a new folder of this process's own below `root`. */
export async function openProcessFolder(root: string): Promise<ProcessFolder> {
  const path = join(root, `${process.pid}-${randomUUID()}`);
  await mkdir(path, { recursive: true });
  const left: string[] = [];
  for (const name of await readdir(root)) {
    const folder = join(root, name);
    if (!(await isOwned(folder, Number.parseInt(name, 10)))) left.push(folder);
  }
  return { path, left };
}

/** One of our own id may be of a process that ran before us: in a container it is always the same. */
async function isOwned(folder: string, pid: number): Promise<boolean> {
  if (pid !== process.pid) return isAlive(pid);
  const facts = await stat(folder).catch(() => undefined);
  return facts !== undefined && facts.mtimeMs >= performance.timeOrigin;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
