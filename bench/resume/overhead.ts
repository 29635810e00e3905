/**
 * What checkpoints, S3 and Temporal add to training: the pipeline's time from its first step to its
 * last, against the same trainer with the same shards on local disk, that saves nothing.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { programOf } from '../../activities/train-steps.ts';
import { describeStage, readShardSet } from '../../activities/stages.ts';
import { isValidated, nextMilestone, planTraining, position } from '../../contract/plan.ts';
import type { RunResult } from '../../contract/progress.ts';
import { cpuQueue } from '../../contract/queues.ts';
import { augmentedShards } from '../../contract/stages.ts';
import type { RunRecord } from '../../contract/stages.ts';
import { checkpointAt } from '../../model/checkpoint.ts';
import { readRunRecord } from '../../model/run-record.ts';
import { checkpointChain } from '../../model/run-trace.ts';
import { startTrainer } from '../../model/trainer-client.ts';
import type { LocalShard } from '../../model/trainer-messages.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { startStack } from '../../test/support/stack.ts';
import type { TestStack } from '../../test/support/stack.ts';

/** Of the bare loop's end: what one saved state costs. */
const stallsMeasured = 5;
const never = 1e9;

export async function measureOverhead(archive: string, minutes: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-bench-overhead-'));
  try {
    const { result, seconds, record, saved, shards } = await runWhole(archive, minutes, folder);
    const bare = await runBare(record, shards, folder);
    const meanStallMs = bare.stallsMs.reduce((sum, ms) => sum + ms, 0) / bare.stallsMs.length;
    const figures = {
      minutes: seconds / 60,
      steps: result.steps,
      pipelineSeconds: seconds,
      bareSeconds: bare.seconds,
      overheadPercent: 100 * (seconds / bare.seconds - 1),
      idlePercent: 100 * result.idleShare,
      savedStates: saved,
      longestStallMs: Math.max(...bare.stallsMs),
      stallPercent: (saved * meanStallMs) / 10 / seconds,
      load: loadavg()[0],
    };
    console.log(JSON.stringify(figures));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The pipeline in servers of its own, which end with it; what it trained on stays in `folder`. */
async function runWhole(archive: string, minutes: number, folder: string) {
  const stack = await startStack();
  try {
    const pipeline = await runPipeline(stack, archive, minutes);
    const { run, steps } = pipeline.result;
    const record = (await readRunRecord(stack.store, run))!;
    const last = checkpointAt(record.inputs, record.timeline, steps);
    const saved = (await checkpointChain(stack.store, last)).length;
    return { ...pipeline, record, saved, shards: await fetchShards(stack.store, record, folder) };
  } finally {
    await stack.stop();
  }
}

/** With the default settings; as many epochs as fill the minutes at about 800 images a second. */
async function runPipeline(
  stack: TestStack,
  archive: string,
  minutes: number,
): Promise<{ result: RunResult; seconds: number }> {
  const limit = Math.min(10_000, Math.ceil(minutes * 10_000));
  const epochs = Math.max(1, Math.round((minutes * 60 * 800) / (0.6 * limit)));
  const handle = await stack.client.workflow.start('trainingPipeline', {
    workflowId: 'overhead',
    taskQueue: cpuQueue,
    args: [{ dataset: { source: resolve(archive), limit }, training: { epochs } }],
  });
  const over = new AbortController();
  const watching = watchSteps(stack, over.signal);
  const result = (await handle.result()) as RunResult;
  over.abort();
  return { result, seconds: await watching };
}

/** From the first step that is seen to the last, in seconds. */
async function watchSteps(stack: TestStack, over: AbortSignal): Promise<number> {
  let [firstAt, lastAt, before] = [0, 0, 0];
  while (!over.aborted) {
    const step = stack.trainers()[0]?.step ?? 0;
    if (step !== before) lastAt = performance.now();
    if (before === 0) firstAt = lastAt;
    before = step;
    await sleep(10, undefined, { signal: over }).catch(() => undefined);
  }
  return (lastAt - firstAt) / 1000;
}

interface Shards {
  readonly epochs: readonly LocalShard[][];
  readonly validation: LocalShard[];
}

async function fetchShards(
  store: ObjectStore,
  { inputs }: RunRecord,
  folder: string,
): Promise<Shards> {
  const fetch = async (digest: string, name: string): Promise<LocalShard[]> => {
    const { shards } = await readShardSet(store, digest);
    return Promise.all(
      shards.map(async ({ key, samples }, index) => {
        const path = join(folder, `${name}-${index}.tfrecord`);
        await store.getToFile(key, path);
        return { path, samples };
      }),
    );
  };
  const epochs: LocalShard[][] = [];
  for (let epoch = 0; epoch < inputs.config.training.epochs; epoch += 1) {
    const { digest } = await describeStage(store, augmentedShards(inputs, epoch));
    epochs.push(await fetch(digest, `epoch-${epoch}`));
  }
  return { epochs, validation: await fetch(inputs.validation, 'validation') };
}

async function runBare(
  { inputs, timeline }: RunRecord,
  shards: Shards,
  folder: string,
): Promise<{ seconds: number; stallsMs: number[] }> {
  const { training, seed } = inputs.config;
  const plan = planTraining(inputs.samples, training);
  const script = new URL('../../workers/trainer.ts', import.meta.url);
  const trainer = await startTrainer(script, programOf(inputs), () => {
    throw new Error('its shards are here');
  });
  const stallsMs: number[] = [];
  let [firstAt, lastAt] = [0, 0];
  const advance = async (fromStep: number, toStep: number, saveAt: number[]): Promise<void> => {
    const { epoch } = position(plan, fromStep);
    const request = {
      ...{ plan, training, timeline, seed, fromStep, toStep, saveAt },
      ...{ seconds: never, saveEverySeconds: never, statePrefix: join(folder, 'state') },
      ...{ records: 'images' as const, shards: shards.epochs[epoch]! },
    };
    await trainer.ask({ type: 'advance', request }, (event) => {
      if (event.type === 'saved') stallsMs.push(event.saved.stallMs);
      if (event.type === 'step') firstAt ||= performance.now();
      if (event.type === 'step') lastAt = performance.now();
    });
  };
  try {
    await trainer.ask({ type: 'load', source: { kind: 'initial', seed } });
    for (let step = 0; step < plan.steps;) {
      const target = nextMilestone(plan, step);
      await advance(step, target, []);
      step = target;
      if (isValidated(plan, step) && step < plan.steps) {
        await trainer.ask({
          ...({ type: 'evaluate', records: 'images' } as const),
          shards: shards.validation,
        });
      }
    }
    const seconds = (lastAt - firstAt) / 1000;
    await trainer.ask({ type: 'load', source: { kind: 'initial', seed } });
    const steps = Array.from({ length: stallsMeasured }, (_, index) => index + 1);
    await advance(0, stallsMeasured, steps);
    return { seconds, stallsMs };
  } finally {
    trainer.kill();
  }
}
