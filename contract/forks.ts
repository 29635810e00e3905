/** A run that goes on from another one's state: which settings may be others, and which can't. */
import { budgetSeconds } from './budget.ts';
import type { Config } from './config.ts';
import { weightsPlace } from './weights.ts';

/** One key of the configuration whose value is another; undefined: not set. */
export interface ConfigChange {
  readonly key: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** The keys, `a.b.c`, in which two configurations differ, in the order of their names. */
export function changesBetween(before: Config, after: Config): ConfigChange[] {
  const [old, now] = [new Map(leaves(before, '')), new Map(leaves(after, ''))];
  return [...new Set([...old.keys(), ...now.keys()])]
    .toSorted()
    .map((key) => ({ key, before: old.get(key), after: now.get(key) }))
    .filter(({ before: a, after: b }) => a !== b);
}

function* leaves(value: unknown, path: string): Generator<[string, unknown]> {
  if (typeof value !== 'object' || value === null) {
    if (value !== undefined) yield [path, value];
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    yield* leaves(inner, path === '' ? key : `${path}.${key}`);
  }
}

interface UnsafeChange {
  readonly keys: RegExp;
  /** Of these changes only; of all without it. */
  readonly when?: (before: unknown, after: unknown) => boolean;
  readonly reason: string;
}

/** What must stay as it is where a state is gone on from; every key that is not here may change. */
const unsafe: readonly UnsafeChange[] = [
  {
    keys: /^seed$/,
    reason: 'the order of the samples follows from it, and some would come twice, others never',
  },
  { keys: /^dataset\./, reason: 'the state was trained on these images' },
  { keys: /^model\.(?!dropout$|batchNormMomentum$)/, reason: 'the state is of this network' },
  { keys: /^training\.batchSize$/, reason: 'the place in the epoch is counted in it' },
  {
    keys: /^training\.optimizer\.name$/,
    reason: "the state holds this optimizer's slots",
  },
  {
    keys: /^training\.optimizer\.centered$/,
    when: isOfSameOptimizer,
    reason: 'the state has a slot for it, or none',
  },
  {
    keys: /^training\.optimizer\.momentum$/,
    when: (before, after) => isOfSameOptimizer(before, after) && (before === 0) !== (after === 0),
    reason: 'the state has a slot for it, or none',
  },
  {
    keys: /^training\.averageDecay$/,
    when: (before, after) => (before === undefined) !== (after === undefined),
    reason: 'the state has averages, or none',
  },
];

/** A key that another optimizer does not have is no setting that anyone changed. */
function isOfSameOptimizer(before: unknown, after: unknown): boolean {
  return before !== undefined && after !== undefined;
}

/** A line for each change that is refused: the key, both values, and why. */
export function refusedChanges(changes: readonly ConfigChange[]): string[] {
  return changes.flatMap((change) => {
    const { key, before, after } = change;
    const found = unsafe.find(
      ({ keys, when = () => true }) => keys.test(key) && when(before, after),
    );
    return found ? [`${changeText(change)} is not possible: ${found.reason}`] : [];
  });
}

/** `training.epochs: 5 -> 10` */
export const changeText = ({ key, before, after }: ConfigChange): string =>
  `${key}: ${shown(before)} -> ${shown(after)}`;

const shown = (value: unknown): string => (value === undefined ? 'unset' : JSON.stringify(value));

/**
 * The part of a configuration that a state's bits depend on, beside the data and the decisions:
 * two runs that agree in it are one run, told apart by their names only.
 */
export function trainingIdentity({ seed, augment, model, training }: Config): unknown {
  const {
    validateEverySteps: _validate,
    checkpointEverySteps: _steps,
    checkpointEverySeconds: _seconds,
    keepCheckpoints: _keep,
    plateau: _plateau,
    earlyStop: _earlyStop,
    target: _target,
    minAccuracy: _least,
    sliceSeconds: _slice,
    strict: _strict,
    ...computed
  } = training;
  const { keepDays: _days, ...augmented } = augment;
  return { seed, augment: augmented, model, training: computed };
}

/**
 * What is new in a run for a model, beside its dataset: another one of these is trained although no
 * image is new. How often is validated counts here, as do the plateau and what ends training:
 * rates and the best state follow from them. Which champion of the model it begins with does not, nor where the images come from.
 */
export function nightIdentity(config: Config): unknown {
  const { source: _source, sha256: _sha256, maxBadImages: _bad, ...dataset } = config.dataset;
  const { weightsSha256, ...model } = config.model;
  const { validateEverySteps, plateau, earlyStop, target } = config.training;
  const { promotion } = config;
  const place = weightsPlace(model.weights);
  const isWarm =
    promotion?.warmStart === 'champion' ||
    (place.kind === 'champion' && place.model === promotion?.model);
  const begin = isWarm ? { weights: 'champion' } : { weightsSha256 };
  const training = trainingIdentity({ ...config, model: { ...model, ...begin } });
  const ends = { earlyStop, target, budgetSeconds: budgetSeconds(config.budget) };
  return { dataset, training, decisions: { validateEverySteps, plateau, ...ends } };
}
