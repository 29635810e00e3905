/** The rows of sealed predictions, file by file: of a large test set they are gigabytes. */
import type { ShardSetManifest } from '../contract/manifests.ts';
import { readFileOf } from '../storage/commit.ts';
import type { CallOptions, ObjectStore } from '../storage/store.ts';

/** A row of the predictions' JSON Lines. */
export interface PredictionRow {
  readonly id: string;
  readonly label: string;
  readonly predicted: string;
  readonly probabilities: readonly number[];
}

/** Throws `DamagedObject` when a file is not as it was sealed. */
export async function* predictionRows(
  store: ObjectStore,
  { files }: ShardSetManifest,
  options: CallOptions,
): AsyncGenerator<PredictionRow> {
  for (const file of files) {
    const bytes = await readFileOf(store, file, options);
    for (const line of Buffer.from(bytes).toString().split('\n')) {
      if (line !== '') yield JSON.parse(line) as PredictionRow;
    }
  }
}
