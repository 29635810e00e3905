/** The trainers below a worker, and how far each is: asked of the system, which answers when all else is down. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { stepOfTitle } from '../../contract/trainer-title.ts';
import { identify } from './process-identity.mjs';
import type { ProcessIdentity } from './process-identity.mjs';

export interface TrainerProcess extends ProcessIdentity {
  /** The steps it has taken its run to; undefined before the first one. */
  readonly step: number | undefined;
}

/** A worker has other children too: tsx starts a compiler. */
const isTrainer = (title: string): boolean => /workers\/trainer\.|^nightshift trainer/.test(title);

export function trainersBelow({ pid }: ProcessIdentity): TrainerProcess[] {
  const children = process.platform === 'linux' ? childrenOnLinux(pid) : childrenElsewhere(pid);
  return children
    .filter(({ title }) => isTrainer(title))
    .map((child) => ({ identity: identify(child.pid), step: stepOfTitle(child.title) }))
    .filter(({ identity }) => identity !== undefined)
    .map(({ identity, step }) => ({ ...identity!, step }));
}

interface Child {
  readonly pid: number;
  readonly title: string;
}

function childrenOnLinux(pid: number): Child[] {
  const pids = readOr('', `/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean);
  return pids.map((child) => ({
    pid: Number(child),
    title: readOr('', `/proc/${child}/cmdline`).replaceAll('\0', ' '),
  }));
}

function childrenElsewhere(parent: number): Child[] {
  const table = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' });
  return table
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
    .filter((match) => Number(match?.[2]) === parent)
    .map((match) => ({ pid: Number(match![1]), title: match![3]! }));
}

/** A process may end while it is looked at. */
function readOr(otherwise: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}
