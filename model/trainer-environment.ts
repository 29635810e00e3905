/** The environment variables that a process computes under: what changes its arithmetic, its speed or its memory. */

/** This process's, without what would change the arithmetic unseen: the numerics of a run name all it depends on. */
export function trainerEnvironment(): NodeJS.ProcessEnv {
  const foreign = /^(TF_|ONEDNN_|DNNL_|OMP_|KMP_|MKL_|XLA_)/;
  return {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name))),
    // On a GPU: the same bits each time, at the cost of the fastest kernels; memory as it is needed.
    TF_DETERMINISTIC_OPS: '1',
    TF_CUDNN_USE_AUTOTUNE: '0',
    NVIDIA_TF32_OVERRIDE: '0',
    TF_FORCE_GPU_ALLOW_GROWTH: 'true',
    // A heap a thread keeps what other threads could use; at two threads one is as fast.
    MALLOC_ARENA_MAX: '1',
  };
}
