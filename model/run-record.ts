/** The record of a run in the store: what its workflow knows, for the run that goes on from it. */
import {
  isRunRecordKey,
  runNameKey,
  runPrefix,
  runRecordKey,
  runsPrefix,
  stepOfCheckpointKey,
} from '../contract/keys.ts';
import { checkpointManifestSchema, runNameSchema, runRecordSchema } from '../contract/manifests.ts';
import type { CheckpointManifest, StoredRunRecord } from '../contract/manifests.ts';
import type { RunRecord } from '../contract/stages.ts';
import { digestOf } from '../data/digest.ts';
import { readManifest } from '../storage/commit.ts';
import { movePointer, readPointer } from '../storage/pointer.ts';
import { DamagedObject } from '../storage/store.ts';
import type { CallOptions, ObjectStore } from '../storage/store.ts';
import { checkpointAt } from './checkpoint.ts';

/**
 * Writes it, unless a later execution or revision is there: one that was reset may still be
 * writing. Returns whether it is the run's record then, by this attempt or one before.
 */
export async function writeRunRecord(
  store: ObjectStore,
  record: RunRecord,
  options: CallOptions = {},
): Promise<boolean> {
  const { run, workflowId } = record;
  const write = (current: StoredRunRecord | undefined): StoredRunRecord | undefined =>
    current && isLater(current, record) ? undefined : { version: 1, ...record };
  const there = await movePointer(store, runRecordKey(run), runRecordSchema, write, options);
  const name = runNameKey(digestOf(workflowId));
  const point = (current: { run: string } | undefined) =>
    current?.run === run ? undefined : { workflowId, run };
  await movePointer(store, name, runNameSchema, point, options);
  return !isLater(there!, record);
}

function isLater({ execution: a }: StoredRunRecord, { execution: b }: RunRecord): boolean {
  return a.id === b.id ? a.revision > b.revision : a.at > b.at;
}

/**
 * The record of a run, by the run's id or by its workflow's; undefined when the store knows none.
 * For one that is damaged the newest checkpoint's manifest must do.
 */
export async function readRunRecord(
  store: ObjectStore,
  name: string,
  options: CallOptions = {},
): Promise<RunRecord | undefined> {
  const run = await runCalled(store, name, options);
  try {
    const record = await readPointer(store, runRecordKey(run), runRecordSchema, options);
    if (record) return record;
  } catch (error) {
    if (!(error instanceof DamagedObject)) throw error;
  }
  return recordFromCheckpoints(store, run, options);
}

/**
 * A run's id by its workflow's; any other name is taken for the run's own. A pointer that is damaged
 * or lost is made anew from the runs' records.
 */
export async function runCalled(
  store: ObjectStore,
  name: string,
  options: CallOptions = {},
): Promise<string> {
  const key = runNameKey(digestOf(name));
  const pointer = await readPointer(store, key, runNameSchema, options).catch(ifDamaged);
  if (pointer) return pointer.run;
  for await (const _ of store.list(runPrefix(name), options)) return name;
  const run = await newestRunOf(store, name, options);
  if (run === undefined) return name;
  await movePointer(
    store,
    key,
    runNameSchema,
    (current) => (current ? undefined : { workflowId: name, run }),
    options,
  );
  return run;
}

/** The run whose record names this workflow; of several the newest. */
async function newestRunOf(
  store: ObjectStore,
  workflowId: string,
  options: CallOptions,
): Promise<string | undefined> {
  let newest: StoredRunRecord | undefined;
  for await (const { key } of store.list(runsPrefix, options)) {
    if (!isRunRecordKey(key)) continue;
    const record = await readPointer(store, key, runRecordSchema, options).catch(ifDamaged);
    if (record?.workflowId !== workflowId) continue;
    if (!newest || record.execution.at > newest.execution.at) newest = record;
  }
  return newest?.run;
}

/** What the newest manifest that can be read says of its run. */
async function recordFromCheckpoints(
  store: ObjectStore,
  run: string,
  options: CallOptions,
): Promise<RunRecord | undefined> {
  const found: { key: string; step: number; at: number }[] = [];
  for await (const { key, lastModified } of store.list(runPrefix(run), options)) {
    const step = stepOfCheckpointKey(key);
    if (step !== undefined) found.push({ key, step, at: lastModified.getTime() });
  }
  // A store tells times by the second, and two checkpoints may share one.
  found.sort((a, b) => b.at - a.at || b.step - a.step);
  for (const { key } of found) {
    const manifest = await readManifest(store, key, checkpointManifestSchema, options).catch(
      ifDamaged,
    );
    if (manifest) return recordOf(manifest);
  }
  return undefined;
}

function recordOf({ run, step, inputs, timeline, validations }: CheckpointManifest): RunRecord {
  return {
    run,
    workflowId: run,
    execution: { id: '', at: 0, revision: 0 },
    preset: '',
    inputs,
    timeline,
    validations: validations.map((one) => ({
      ...one,
      checkpoint:
        one.step > (inputs.origin?.step ?? 0) ? checkpointAt(inputs, timeline, one.step) : null,
    })),
    step,
  };
}

function ifDamaged(error: unknown): undefined {
  if (!(error instanceof DamagedObject)) throw error;
}
