/** What predictions are worth: accuracies, loss, per class, and what was taken for what. */

/** A prediction beside the truth; probabilities by class. */
export interface ScoredPrediction {
  readonly label: number;
  readonly predicted: number;
  readonly probabilities: readonly number[];
}

export interface ClassMetrics {
  /** Of all predicted as this class, the share that is; 0 when none was predicted. */
  readonly precision: number;
  /** Of all of this class, the share that was predicted as it; 0 when there is none. */
  readonly recall: number;
  /** The harmonic mean of both. */
  readonly f1: number;
  /** Samples of this class. */
  readonly support: number;
}

export interface Metrics {
  readonly samples: number;
  /** In [0, 1]. */
  readonly accuracy: number;
  readonly top5: number;
  /** Mean cross-entropy in nats. */
  readonly loss: number;
  readonly classes: readonly ClassMetrics[];
  /** [label][predicted] */
  readonly confusion: readonly (readonly number[])[];
}

/** A probability that float32 rounds to 0 counts as the smallest one. */
const smallestProbability = 1e-38;

export function summarise(predictions: Iterable<ScoredPrediction>, classes: number): Metrics {
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  const sums = { samples: 0, right: 0, inTop5: 0, loss: 0 };
  for (const { label, predicted, probabilities } of predictions) {
    const own = probabilities[label]!;
    confusion[label]![predicted]! += 1;
    sums.samples += 1;
    sums.right += predicted === label ? 1 : 0;
    sums.inTop5 += probabilities.filter((other) => other > own).length < 5 ? 1 : 0;
    sums.loss -= Math.log(Math.max(own, smallestProbability));
  }
  const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
  return {
    samples: sums.samples,
    accuracy: share(sums.right, sums.samples),
    top5: share(sums.inTop5, sums.samples),
    loss: share(sums.loss, sums.samples),
    confusion,
    classes: confusion.map((row, index) => {
      const right = row[index]!;
      const support = row.reduce((sum, count) => sum + count, 0);
      const predicted = confusion.reduce((sum, other) => sum + other[index]!, 0);
      const precision = share(right, predicted);
      const recall = share(right, support);
      return { precision, recall, f1: share(2 * precision * recall, precision + recall), support };
    }),
  };
}
