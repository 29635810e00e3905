/** The task queues: who takes what. */

/** Workflows and data activities. A start from the Temporal UI names this queue. */
export const cpuQueue = 'cpu';

/** Model activities: training, validation, prediction. One at a time a worker. */
export const gpuQueue = 'gpu';
