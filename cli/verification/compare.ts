/** Whether two trainings were the same: their weights, the loss of each step, the samples of each epoch. Pure. */

export interface TrainingTrace {
  /** SHA-256 of the variables after the last step, and of the best state. */
  readonly finalDigest: string;
  readonly modelDigest: string;
  /** Ids of the training samples. */
  readonly train: readonly string[];
  /** One loss a step. */
  readonly losses: readonly number[];
  /** Ids of the samples really read, in the order of the steps. */
  readonly ledger: readonly string[];
}

/** What differs, a sentence each; empty: nothing does. */
export function findDifferences(undisturbed: TrainingTrace, killed: TrainingTrace): string[] {
  return [
    ...digestDifference('final weights', undisturbed.finalDigest, killed.finalDigest),
    ...digestDifference('best weights', undisturbed.modelDigest, killed.modelDigest),
    ...lossDifference(undisturbed.losses, killed.losses),
    ...ledgerProblems('the undisturbed run', undisturbed),
    ...ledgerProblems('the run under kills', killed),
    ...orderDifference(undisturbed.ledger, killed.ledger),
  ];
}

function digestDifference(what: string, expected: string, got: string): string[] {
  return expected === got ? [] : [`${what}: SHA-256 ${expected} undisturbed, ${got} under kills`];
}

function lossDifference(expected: readonly number[], got: readonly number[]): string[] {
  if (expected.length !== got.length) {
    return [`losses: of ${expected.length} steps undisturbed, of ${got.length} under kills`];
  }
  const different = expected.flatMap((loss, step) => (Object.is(loss, got[step]) ? [] : [step]));
  const [first] = different;
  return first === undefined
    ? []
    : [
        `losses: ${different.length} of ${expected.length} differ, the first in step ${first + 1}: ${expected[first]} undisturbed, ${got[first]} under kills`,
      ];
}

/** Each sample once an epoch. */
function ledgerProblems(whose: string, { train, ledger }: TrainingTrace): string[] {
  const samples = new Set(train);
  const problems: string[] = [];
  for (let epoch = 1; (epoch - 1) * samples.size < ledger.length; epoch += 1) {
    const read = ledger.slice((epoch - 1) * samples.size, epoch * samples.size);
    const once = new Set(read.filter((id) => samples.has(id)));
    if (once.size < samples.size) {
      problems.push(
        `samples: in epoch ${epoch} ${whose} read ${once.size} of ${samples.size} training samples, in ${read.length} readings`,
      );
    }
  }
  return problems;
}

function orderDifference(expected: readonly string[], got: readonly string[]): string[] {
  if (expected.length !== got.length) {
    return [`samples: ${expected.length} read undisturbed, ${got.length} under kills`];
  }
  const first = expected.findIndex((id, index) => id !== got[index]);
  return first < 0
    ? []
    : [
        `samples: the order differs from number ${first + 1} on: ${expected[first]} undisturbed, ${got[first]} under kills`,
      ];
}
