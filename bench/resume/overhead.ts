/**
 * What checkpoints, S3 and Temporal add to training: the pipeline's time from its first step to its
 * last, against the same trainer with the same shards on local disk, that saves nothing. Twice: the
 * run that makes its shards beside training, and one that finds them made, as where data workers
 * have cores of their own.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { programOf } from '../../activities/train-steps.ts';
import { describeStage, readShardSet } from '../../activities/stages.ts';
import { isValidated, nextMilestone, planTraining, position } from '../../contract/plan.ts';
import type { RunResult } from '../../contract/progress.ts';
import { stepOfCheckpointKey } from '../../contract/keys.ts';
import { cpuQueue } from '../../contract/queues.ts';
import { augmentedShards } from '../../contract/stages.ts';
import type { RunRecord } from '../../contract/stages.ts';
import { checkpointAt, readCheckpoint } from '../../model/checkpoint.ts';
import { readRunRecord } from '../../model/run-record.ts';
import { startTrainer } from '../../model/trainer-client.ts';
import type { LocalShard } from '../../model/trainer-messages.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { startStack } from '../../test/support/stack.ts';
import type { TestStack } from '../../test/support/stack.ts';
import { cpuSeconds, cpuSecondsOf } from './cpu-seconds.ts';

/** Of the bare loop's end: what one saved state costs. */
const stallsMeasured = 5;
const never = 1e9;
/** How often the steps are looked at: to 0.05 % of five minutes; more would take time from what is measured. */
const lookEveryMs = 150;

/** Seconds, and CPU seconds by process, from the first step that is seen to the last. */
interface Span {
  readonly seconds: number;
  readonly cpuSeconds: Readonly<Record<string, number>>;
}

interface PipelineSpan extends Span {
  readonly idleShare: number;
  /** The states before the last, by their steps: saved for the interval; saved as the best so far; uploaded. */
  readonly forInterval: readonly number[];
  readonly asBest: readonly number[];
  readonly uploaded: readonly number[];
}

export async function measureOverhead(archive: string, minutes: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-bench-overhead-'));
  try {
    const { making, made, record, steps, stateBytes, shards } = await runTwice(
      archive,
      minutes,
      folder,
    );
    const bare = await runBare(record, shards, folder);
    const meanStallMs = bare.stallsMs.reduce((sum, ms) => sum + ms, 0) / bare.stallsMs.length;
    const figuresOf = ({ seconds, idleShare, ...span }: PipelineSpan) => ({
      seconds,
      overheadPercent: 100 * (seconds / bare.seconds - 1),
      idlePercent: 100 * idleShare,
      stallPercent: ((span.forInterval.length + span.asBest.length) * meanStallMs) / 10 / seconds,
      uploadedMegabytes: (span.uploaded.length * stateBytes) / 1e6,
      ...span,
    });
    const figures = {
      steps,
      shardsMadeBeside: figuresOf(making),
      shardsMadeBefore: figuresOf(made),
      bare: { seconds: bare.seconds, cpuSeconds: bare.cpuSeconds },
      longestStallMs: Math.max(...bare.stallsMs),
      load: loadavg()[0],
    };
    console.log(JSON.stringify(figures, (_, value: unknown) => rounded(value), 2));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const rounded = (value: unknown): unknown =>
  typeof value === 'number' ? Math.round(100 * value) / 100 : value;

/** The pipeline in servers of its own, which end with it; what it trained on stays in `folder`. */
async function runTwice(archive: string, minutes: number, folder: string) {
  const stack = await startStack();
  try {
    const { span: making } = await runPipeline(stack, archive, minutes);
    const { span: made, record, last } = await runPipeline(stack, archive, minutes);
    const stateBytes = last.files.reduce((sum, { size }) => sum + size, 0);
    const shards = await fetchShards(stack.store, record, folder);
    return { making, made, record, steps: last.step, stateBytes, shards };
  } finally {
    await stack.stop();
  }
}

/** With the default settings; as many epochs as fill the minutes at about 800 images a second. */
async function runPipeline(stack: TestStack, archive: string, minutes: number) {
  const limit = Math.min(10_000, Math.ceil(minutes * 10_000));
  const epochs = Math.max(1, Math.round((minutes * 60 * 800) / (0.6 * limit)));
  const handle = await stack.client.workflow.start('trainingPipeline', {
    workflowId: `overhead-${crypto.randomUUID()}`,
    taskQueue: cpuQueue,
    args: [{ dataset: { source: resolve(archive), limit }, training: { epochs } }],
  });
  const over = new AbortController();
  const watching = watchSteps(stack, over.signal);
  const { run, steps, idleShare } = (await handle.result()) as RunResult;
  over.abort();
  const record = (await readRunRecord(stack.store, run))!;
  const last = await readCheckpoint(
    stack.store,
    checkpointAt(record.inputs, record.timeline, steps),
  );
  const asBest = record.validations
    .filter(({ step, accuracy }, index) => {
      const before = record.validations.slice(0, index);
      return step < steps && before.every((one) => one.accuracy < accuracy);
    })
    .map(({ step }) => step);
  const uploaded = (await storedSteps(stack.store, run)).filter((step) => step < steps);
  const forInterval = uploaded.filter((step) => !asBest.includes(step));
  const span = { ...(await watching), idleShare, forInterval, asBest, uploaded };
  return { span, record, last };
}

async function storedSteps(store: ObjectStore, run: string): Promise<number[]> {
  const steps: number[] = [];
  for await (const { key } of store.list(`runs/${run}/`)) {
    const step = stepOfCheckpointKey(key);
    if (step !== undefined) steps.push(step);
  }
  return steps.toSorted((a, b) => a - b);
}

async function watchSteps(stack: TestStack, over: AbortSignal): Promise<Span> {
  let before = stack.trainers()[0]?.step;
  let [first, last]: { at: number; cpu: Record<string, number> }[] = [];
  while (!over.aborted) {
    const step = stack.trainers()[0]?.step;
    if (step !== undefined && step !== before) {
      last = { at: performance.now(), cpu: cpuSecondsOf(stack) };
      first ??= last;
    }
    before = step;
    await sleep(lookEveryMs, undefined, { signal: over }).catch(() => undefined);
  }
  return {
    seconds: (last!.at - first!.at) / 1000,
    cpuSeconds: Object.fromEntries(
      Object.entries(last!.cpu).map(([name, seconds]) => [name, seconds - first!.cpu[name]!]),
    ),
  };
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
): Promise<Span & { stallsMs: number[] }> {
  const { training, seed } = inputs.config;
  const plan = planTraining(inputs.samples, training);
  const script = new URL('../../workers/trainer.ts', import.meta.url);
  const trainer = await startTrainer(script, programOf(inputs), () => {
    throw new Error('its shards are here');
  });
  const stallsMs: number[] = [];
  let [firstAt, lastAt, firstCpu, lastCpu] = [0, 0, 0, 0];
  const advance = async (fromStep: number, toStep: number, saveAt: number[]): Promise<void> => {
    const { epoch } = position(plan, fromStep);
    const request = {
      ...{ plan, training, timeline, seed, fromStep, toStep, saveAt },
      ...{ seconds: never, saveEverySeconds: never, statePrefix: join(folder, 'state') },
      ...{ records: 'images' as const, shards: shards.epochs[epoch]! },
    };
    await trainer.ask({ type: 'advance', request }, (event) => {
      if (event.type === 'saved') stallsMs.push(event.saved.stallMs);
      if (event.type !== 'step') return;
      [lastAt, lastCpu] = [performance.now(), cpuSeconds(trainer.pid)];
      firstAt ||= lastAt;
      firstCpu ||= lastCpu;
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
    const trainerSeconds = lastCpu - firstCpu;
    await trainer.ask({ type: 'load', source: { kind: 'initial', seed } });
    const steps = Array.from({ length: stallsMeasured }, (_, index) => index + 1);
    await advance(0, stallsMeasured, steps);
    return { seconds, cpuSeconds: { trainer: trainerSeconds }, stallsMs };
  } finally {
    trainer.kill();
  }
}
