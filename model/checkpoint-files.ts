/** The files of a saved state: TensorFlow's bundle, and the record of the steps since the state before. */

/** The prefix's last part, as SaveV2 and RestoreV2 take it. */
export const bundleName = 'variables';
export const bundleFiles = ['variables.index', 'variables.data-00000-of-00001'] as const;

/** Little-endian float32, one loss a step. */
export const lossesFile = 'losses.f32';
/** The ids of the samples really read, a line a sample, in the order of the steps. */
export const ledgerFile = 'ledger.txt';
