/** How often a state is saved while training goes on. */
import type { TrainingConfig } from '../contract/config.ts';

/** What saving one state cost last time, in seconds: training stood still, and the machine was busy uploading. */
export interface SavingCost {
  readonly stallSeconds: number;
  readonly uploadSeconds: number;
}

/** Before anything was measured: two hundred megabytes, to a store on the same machine. */
const assumedCost: SavingCost = { stallSeconds: 0.4, uploadSeconds: 0.5 };

const mostOverhead = 0.01;
/**
 * What an upload takes from training, as a share of its time: it hashes and sends beside it, and a
 * store on the same machine writes. Where it has cores of its own it costs nothing.
 */
const uploadShare = 2;
const longestSeconds = 600;

/**
 * Seconds from one saved state to the next. `auto`: so many that saving costs at most 1 % of the
 * time, but no more than ten minutes. One that is set is what a crash loses at most: a state is
 * saved as much earlier as its upload takes, or half of it where that takes longer.
 */
export function checkpointInterval(
  { checkpointEverySeconds }: Pick<TrainingConfig, 'checkpointEverySeconds'>,
  { stallSeconds, uploadSeconds }: SavingCost = assumedCost,
): number {
  if (checkpointEverySeconds !== 'auto') {
    return Math.max(checkpointEverySeconds / 2, checkpointEverySeconds - uploadSeconds);
  }
  const seconds = (stallSeconds + uploadShare * uploadSeconds) / mostOverhead;
  return Math.min(seconds, longestSeconds);
}

/** The same in steps; `uploadSteps`: how many go by while a state is uploaded, undefined while nobody knows. */
export function checkpointSteps(everySteps: number, uploadSteps: number = everySteps): number {
  return Math.max(Math.ceil(everySteps / 2), everySteps - Math.ceil(uploadSteps));
}
