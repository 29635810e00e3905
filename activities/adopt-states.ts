/** Makes the state to go on from and the best states of another run one's own: it may let go of them, or be deleted. */
import { log } from '@temporalio/activity';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkpointManifestSchema } from '../contract/manifests.ts';
import { planOf } from '../contract/plan.ts';
import { bestOf } from '../contract/stages.ts';
import type {
  CheckpointReference,
  Takeover,
  TrainingInputs,
  ValidatedState,
} from '../contract/stages.ts';
import type { Decision } from '../contract/timeline.ts';
import { adoptCheckpoint, checkpointAt, manifestKeyOf } from '../model/checkpoint.ts';
import type { CheckpointContext } from '../model/checkpoint.ts';
import { readManifest } from '../storage/commit.ts';
import { DamagedObject, ObjectNotFound } from '../storage/store.ts';
import type { Step } from './durable.ts';
import type { DataServices } from './services.ts';
import { intact } from './stages.ts';

/** What was taken over. */
export interface AdoptInput {
  readonly inputs: TrainingInputs & { readonly origin: CheckpointReference };
  readonly timeline: readonly Decision[];
  readonly validations: readonly ValidatedState[];
}

/**
 * The state to go on from and the validations, with the run's own states in the place of the
 * other's: as many of the best as are kept, every byte of them read. The others' weights stay where
 * they are, and count as gone.
 */
export async function adoptStates(
  services: DataServices,
  { inputs, timeline, validations }: AdoptInput,
  step: Step,
): Promise<Pick<Takeover, 'origin' | 'validations'>> {
  const plan = planOf(inputs, timeline);
  const context = { inputs, timeline, validations, plan };
  const reachedAgain = validations.filter((one) => one.step > inputs.origin.step);
  // What lies beyond the state to go on from is trained to again, and saved.
  const own = new Map(
    reachedAgain.map((one) => [one.step, checkpointAt(inputs, timeline, one.step)]),
  );
  // Should it be gone by now, the first segment says so.
  const origin = checkpointAt(inputs, timeline, inputs.origin.step);
  await adopt(services, context, inputs.origin, origin);
  let missing = inputs.config.training.keepCheckpoints.best;
  for (const { step: at, checkpoint } of bestOf(validations)) {
    if (missing === 0) break;
    if (own.has(at)) continue;
    step.signal.throwIfAborted();
    // As it was computed: a fork's own lineage is another, and goes on from no state but the one.
    const copy = at === origin.step ? origin : { ...checkpoint, run: inputs.run };
    if (!(await adopt(services, context, checkpoint, copy))) continue;
    own.set(at, copy);
    missing -= 1;
  }
  const ownOf = (one: ValidatedState) => ({ ...one, checkpoint: own.get(one.step) ?? null });
  return { origin, validations: validations.map(ownOf) };
}

/** Whether the copy is there: it may be since an attempt or an execution before. */
async function adopt(
  { store, scratch }: DataServices,
  context: CheckpointContext,
  from: CheckpointReference,
  to: CheckpointReference,
): Promise<boolean> {
  const there = await intact(() =>
    readManifest(store, manifestKeyOf(to), checkpointManifestSchema, { deep: true }),
  );
  if (there && !there.pruned) return true;
  const folder = await mkdtemp(join(scratch, 'adopt-'));
  try {
    await adoptCheckpoint(store, context, from, folder, to);
    return true;
  } catch (error) {
    if (!(error instanceof DamagedObject || error instanceof ObjectNotFound)) throw error;
    log.warn(`the state of step ${from.step} can't be taken over: ${error.message}`, {
      step: from.step,
    });
    return false;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
