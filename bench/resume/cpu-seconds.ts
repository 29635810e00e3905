/** What the processes of a stack have computed for so far, by their names. */
import { readFileSync } from 'node:fs';
import type { TestStack } from '../../test/support/stack.ts';

/** CPU seconds of a process since its start, in the program and in the system. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** What Linux counts in for programs, on any machine. */
const ticksPerSecond = 100;

const parts = { temporal: 'Temporal', s3: 'S3', cpu: 'data worker', 'gpu-1': 'gpu worker' };

export function cpuSecondsOf(stack: TestStack): Record<string, number> {
  const workers = Object.entries(parts).map(([part, name]) => [name, stack.process(part)!.pid]);
  const processes = [['trainer', stack.trainers()[0]!.pid], ...workers] as [string, number][];
  return Object.fromEntries(processes.map(([name, pid]) => [name, cpuSeconds(pid)]));
}
