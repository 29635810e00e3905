/** The environment variables that a process computes under: what changes its arithmetic, its speed or its memory. */
import { availableParallelism } from 'node:os';

/** This process's, without what would change the arithmetic unseen: the numerics of a run name all it depends on. */
export function trainerEnvironment(): NodeJS.ProcessEnv {
  const foreign = /^(TF_|ONEDNN_|DNNL_|OMP_|KMP_|MKL_|XLA_)/;
  const { NODE_OPTIONS: options = '' } = process.env;
  return {
    // A heap a thread keeps what other threads could use; two threads are as fast with one, many
    // would wait for its lock.
    ...(availableParallelism() <= 2 && { MALLOC_ARENA_MAX: '1' }),
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name))),
    // A step makes little in JavaScript: room for 16 MiB of new objects, twice, would stay unused.
    NODE_OPTIONS: `--max-semi-space-size=1 ${options}`,
    // On a GPU: the same bits each time, at the cost of the fastest kernels; memory as it is needed.
    TF_DETERMINISTIC_OPS: '1',
    TF_CUDNN_USE_AUTOTUNE: '0',
    NVIDIA_TF32_OVERRIDE: '0',
    TF_FORCE_GPU_ALLOW_GROWTH: 'true',
  };
}
