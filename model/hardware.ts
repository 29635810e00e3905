/** What this machine computes with: as much as the bits of a step depend on. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, arch, cpus } from 'node:os';

export interface Hardware {
  /** The widest vector instructions, in oneDNN's order of preference. */
  readonly instructions: string;
  readonly threads: number;
  /** Whether bfloat16 products are done in hardware. */
  readonly bfloat16: boolean;
  readonly processor: string;
}

const families: readonly (readonly [flag: string, name: string])[] = [
  ['amx_bf16', 'amx-bf16'],
  ['avx512_bf16', 'avx512-bf16'],
  ['avx512_vnni', 'avx512-vnni'],
  ['avx512f', 'avx512'],
  ['avx_vnni', 'avx2-vnni'],
  ['avx2', 'avx2'],
  ['bf16', 'neon-bf16'],
];

/** Reads the processor's flags (Linux); elsewhere the architecture's name stands for them. */
export function describeHardware(): Hardware {
  const flags = processorFlags();
  const family = families.find(([flag]) => flags.has(flag));
  return {
    instructions: family?.[1] ?? arch(),
    threads: availableParallelism(),
    bfloat16: family?.[1].endsWith('bf16') ?? false,
    processor: cpus()[0]?.model ?? arch(),
  };
}

/** The first GPU's name, as its driver has it. */
export function gpuName(): string {
  const args = ['--query-gpu=name', '--format=csv,noheader'];
  return execFileSync('nvidia-smi', args, { encoding: 'utf8' }).split('\n')[0]!.trim();
}

function processorFlags(): ReadonlySet<string> {
  try {
    const line = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'));
    return new Set(line?.[1]?.split(' '));
  } catch {
    return new Set();
  }
}
