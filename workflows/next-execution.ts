/**
 * A run goes on in another execution of its workflow where the history has become long: a server
 * ends one that is too long, and each worker that takes the run over replays it all.
 */
import { makeContinueAsNewFunc, patched, workflowInfo } from '@temporalio/workflow';
import type { RunProgress } from '../contract/progress.ts';
import type { TrainingInputs } from '../contract/stages.ts';
import type { TakenWeights } from '../contract/weights.ts';
import type { trainingPipeline } from './pipeline.ts';
import type { CarriedTraining } from './train.ts';

/** What a run has prepared before it trains. */
export interface PreparedRun {
  readonly preset: string;
  readonly inputs: TrainingInputs;
  /** Digest of the base set that is predicted at the end. */
  readonly test: string;
  readonly taken: TakenWeights | null;
}

/** All that the next execution is given; what both training and progress hold comes once. */
export interface CarriedRun {
  readonly prepared: PreparedRun;
  readonly training: CarriedTraining;
  readonly progress: RunProgress;
}

/** Leaves room for an epoch's shards that are on their way, below the 4,096 at which a server asks for it. */
const mostEvents = 3_000;

/** Also when the server says so, by its own limits or by the bytes. */
export function isHistoryLong(): boolean {
  const { historyLength, continueAsNewSuggested } = workflowInfo();
  // An execution that was longer before this could be goes on in another one from now on.
  return (continueAsNewSuggested || historyLength >= mostEvents) && patched('next-execution');
}

/** Ends this execution; its input stays the first argument, for whoever begins the run anew. */
export function goOnInNext(input: unknown, carried: CarriedRun): Promise<never> {
  const { memo } = workflowInfo();
  const [first] = carried.progress.stages;
  const next = makeContinueAsNewFunc<typeof trainingPipeline>({
    memo: { ...memo, startedAt: first!.startedAt },
  });
  return next(input, carried);
}
