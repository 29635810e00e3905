/** What a run takes over from another one: its newest whole state at or below a step, and all that led there. */
import { log } from '@temporalio/activity';
import type { Config } from '../contract/config.ts';
import { changeText, changesBetween, refusedChanges, trainingIdentity } from '../contract/forks.ts';
import { planOf, planTraining } from '../contract/plan.ts';
import type {
  CheckpointReference,
  RunRecord,
  Takeover,
  ValidatedState,
} from '../contract/stages.ts';
import type { Decision } from '../contract/timeline.ts';
import { inWindow } from '../contract/window.ts';
import { digestOf } from '../data/digest.ts';
import { checkpointsDownFrom, readCheckpoint } from '../model/checkpoint.ts';
import { DamagedObject, ObjectNotFound } from '../storage/store.ts';
import type { CallOptions, ObjectStore } from '../storage/store.ts';
import { invalid } from './invalid-config.ts';

const readsAtOnce = 16;

interface TakeoverPlace extends CallOptions {
  /** The state to go on from; undefined: the newest. */
  readonly step: number | undefined;
}

/**
 * Throws `InvalidConfig` when a setting has changed that the state can't go on with, when there is
 * no state of exactly `step`, or when the state is beyond the last step.
 */
export async function takeOver(
  store: ObjectStore,
  record: RunRecord,
  config: Config,
  { step, signal }: TakeoverPlace,
): Promise<Takeover> {
  const { run, workflowId, inputs, timeline } = record;
  const changes = changesBetween(inputs.config, config);
  const origin = await newestState(store, record, { step, signal });
  const refused = origin ? refusedChanges(changes) : [];
  if (refused.length > 0) throw invalid(refused);
  const isChanged = (keys: RegExp): boolean => changes.some(({ key }) => keys.test(key));
  // What is asked for now stands above an extension from before.
  const { steps } = isChanged(/^training\.epochs$/)
    ? planTraining(inputs.samples, config.training)
    : planOf({ ...inputs, config }, timeline.filter(isNoStop));
  if (origin && origin.step > steps) {
    throw invalid([
      `training.epochs: ${config.training.epochs} end after step ${steps}, but the state to go on from is of step ${origin.step}; give more, or an earlier step`,
    ]);
  }
  const forked =
    origin !== null &&
    digestOf(trainingIdentity(inputs.config)) !== digestOf(trainingIdentity(config));
  // A training that was stopped is over, unless something else is asked of it.
  const goesOn = forked || step !== undefined || isChanged(whereItEnds);
  // Without a step and with the same settings it is the same run, wherever it broke off.
  const reached = step === undefined && !forked ? record.step : (origin?.step ?? 0);
  const validations = await withUsableWeights(
    store,
    record.validations.filter((one) => origin && one.step <= reached),
    { signal },
  );
  // Who goes back behind the step that a rule was changed at takes it from there on.
  const inherited = (from: number | undefined): number | undefined =>
    from === undefined ? undefined : Math.min(from, reached);
  // A rule that changed decides nothing of what has been.
  const plateauFrom =
    digestOf(inputs.config.training.plateau ?? null) === digestOf(config.training.plateau ?? null)
      ? inherited(inputs.plateauFrom)
      : reached;
  const earlyStopFrom =
    isChanged(/^training\.earlyStop\b/) || (goesOn && !timeline.every(isNoStop))
      ? reached
      : inherited(inputs.earlyStopFrom);
  // What was validated beyond the state, and whose weights are lost, is so again: it may be the best.
  const lost = validations.find((one) => one.step > origin!.step && one.checkpoint === null);
  return {
    run,
    workflowId,
    origin,
    forked,
    forkedFrom: forked
      ? { lineage: origin.lineage, step: origin.step }
      : (inputs.forkedFrom ?? null),
    ...(origin && plateauFrom !== undefined && { plateauFrom }),
    ...(origin && earlyStopFrom !== undefined && { earlyStopFrom }),
    step: origin ? (lost?.step ?? reached) : 0,
    inputs,
    timeline: timeline.filter(
      (decision) => origin && decision.fromStep <= reached && (!goesOn || isNoStop(decision)),
    ),
    validations: validations.filter(({ step: at }) => at < (lost?.step ?? Infinity)),
    changes: changes.map(changeText),
  };
}

/** The settings that say where training ends, and that no state's bits depend on. */
const whereItEnds = /^(training\.(earlyStop|target)|budget)\b/;

const isNoStop = ({ stop }: Decision): boolean => stop === undefined;

/** Every byte of it is read: what comes later may rely on it. */
async function newestState(
  store: ObjectStore,
  { run, workflowId, inputs, timeline }: RunRecord,
  { step, signal }: TakeoverPlace,
): Promise<CheckpointReference | null> {
  const upTo = step ?? Number.MAX_SAFE_INTEGER;
  const warn = ({ step: damaged }: CheckpointReference, { message }: Error): void =>
    log.warn(`checkpoint of step ${damaged} can't be used, an older one must do: ${message}`, {
      ...{ run, step: damaged },
    });
  const downFrom = (from: number, deep: boolean) =>
    checkpointsDownFrom(store, inputs, timeline, from, warn, { deep, signal });
  for await (const { lineage, step: newest } of downFrom(upTo, true)) {
    if (step === undefined || newest === step) return { run, lineage, step: newest };
    break;
  }
  if (step === undefined) return inputs.origin ?? null;
  const whole: number[] = [];
  for await (const manifest of downFrom(Number.MAX_SAFE_INTEGER, false)) whole.push(manifest.step);
  throw invalid([
    `resumeFrom.step: run ${workflowId} has no whole checkpoint of step ${step}: ${
      whole.length > 0
        ? `give one of those it has: ${whole.join(', ')} (training.keepCheckpoints says how many stay)`
        : 'it has none at all; leave the step out to begin anew'
    }`,
  ]);
}

/** A state whose weights were let go of can't be the best one any more. */
function withUsableWeights(
  store: ObjectStore,
  validations: readonly ValidatedState[],
  options: CallOptions,
): Promise<ValidatedState[]> {
  return inWindow(validations, readsAtOnce, async (one) => {
    if (one.checkpoint === null) return one;
    const manifest = await readCheckpoint(store, one.checkpoint, options).catch(ifGone);
    return manifest && !manifest.pruned ? one : { ...one, checkpoint: null };
  });
}

function ifGone(error: unknown): undefined {
  if (!(error instanceof DamagedObject || error instanceof ObjectNotFound)) throw error;
}
