/** What Temporal's list of runs can be filtered by. The names are ours alone: a namespace may be shared. */

export const searchAttributes = {
  /** The stage it is in; of one that has ended, the last. */
  stage: { name: 'NightshiftStage', type: 'KEYWORD' },
  /** The name in the registry it is to be promoted to; without one, the network's. */
  model: { name: 'NightshiftModel', type: 'KEYWORD' },
  /** The dataset's digest. */
  dataset: { name: 'NightshiftDataset', type: 'KEYWORD' },
  /** The best validation accuracy so far, from 0 to 1. */
  bestAccuracy: { name: 'NightshiftBestAccuracy', type: 'DOUBLE' },
  /** Epochs that are done. */
  epoch: { name: 'NightshiftEpoch', type: 'INT' },
} as const;

type Attributes = typeof searchAttributes;

export type SearchValues = {
  readonly [name in keyof Attributes]?: Attributes[name]['type'] extends 'KEYWORD'
    ? string
    : number;
};
