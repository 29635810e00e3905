/** What the trainer's process holds between requests: its program, the batches of the epoch in hand. */
import { writeFile } from 'node:fs/promises';
import type { Numerics } from '../contract/timeline.ts';
import { NightshiftError, failureTypeOf } from '../contract/failures.ts';
import { position } from '../contract/plan.ts';
import { openBatches, prepareBatches } from '../data/batches.ts';
import type { Batches, FetchShard } from '../data/batches.ts';
import { extractFeatures } from './extract-features.ts';
import { tensorflowVersion, usesGpu } from './graph/session.ts';
import { describeHardware, gpuName } from './hardware.ts';
import { limitMemory, outOfMemory } from './out-of-memory.ts';
import { architectureOf, openProgram } from './program.ts';
import type { Program } from './program.ts';
import { inputOf, recordBytes } from './records.ts';
import { readTensors } from './safetensors.ts';
import { advance, openRecord, saveRecord } from './trainer.ts';
import type { StepRecord } from './trainer.ts';
import type {
  AdvanceRequest,
  Evaluation,
  FromTrainer,
  ProgramRequest,
  ToTrainer,
  TrainerShard,
} from './trainer-messages.ts';
import { openWantedShards } from './wanted-shards.ts';

/** What is answered, one after the other. */
export type Request = Exclude<ToTrainer, { type: 'stop' | 'shard' | 'no-shard' }>;

export interface TrainerSession {
  answer(message: Request): Promise<FromTrainer>;
  /** Takes a shard that it wants, at any time. */
  take(message: Extract<ToTrainer, { type: 'shard' | 'no-shard' }>): void;
  /** Ends what is under way after its batch: training saves, anything else throws `WorkerShutdown`. */
  stop(): void;
}

/** Images a session call in evaluation: its memory is that of a forward pass. */
const evaluationBatchSize = 256;

export function openTrainerSession(emit: (event: FromTrainer) => void): TrainerSession {
  let opened: { request: ProgramRequest; program: Program } | undefined;
  /** The epoch's batches as the last segment left them: the next one goes on there. */
  let open: { key: string; batches: Batches } | undefined;
  /** What was done since the last saved state; undefined once another state was loaded. */
  let record: StepRecord | undefined;
  let stopping = new AbortController();
  const wanted = openWantedShards(emit);

  const current = (): { request: ProgramRequest; program: Program } => {
    if (!opened) throw new Error('the trainer has no program yet');
    return opened;
  };
  const batchesFor = async (request: AdvanceRequest): Promise<Batches> => {
    const { plan, seed, fromStep, shards, records } = request;
    const key = batchesKey(request, fromStep);
    if (open?.key === key) return open.batches;
    open?.batches.close();
    const { epoch, sampleInEpoch } = position(plan, fromStep);
    const batches = openBatches(
      {
        shardSamples: samplesOf(shards),
        shuffle: { seed, epoch },
        batchSize: plan.batchSize,
        fromPosition: sampleInEpoch,
        imageBytes: recordBytes(records, current().program),
      },
      wanted.of(shards),
    );
    open = { key, batches };
    return batches;
  };

  return {
    stop: () =>
      stopping.abort(new NightshiftError('WorkerShutdown', 'the trainer was told to stop')),
    take: (message) => wanted.take(message),
    async answer(message) {
      try {
        return await respond(message);
      } catch (error) {
        if (!opened || !(error instanceof Error)) throw error;
        throw failureTypeOf(error) === 'OutOfMemory'
          ? outOfMemory(opened.request, error.message)
          : error;
      }
    },
  };

  async function respond(message: Request): Promise<FromTrainer> {
    stopping = new AbortController();
    const stop = stopping.signal;
    switch (message.type) {
      case 'look-for-gpu':
        return { type: 'looked-for-gpu', found: usesGpu, tensorflow: tensorflowVersion };
      case 'program': {
        prepareBatches();
        opened = openRequested(message.request);
        const { program } = opened;
        return {
          type: 'ready',
          numerics: numericsOf(program, message.request),
          featureGraph: program.featureGraphDigest,
        };
      }
      case 'load': {
        const { program } = current();
        const { source } = message;
        // A GPU's memory is its own, and its driver reserves more addresses than there is memory.
        if (!usesGpu) limitMemory();
        record = undefined;
        // Another state may be another run's, whose shards are others.
        open?.batches.close();
        open = undefined;
        if (source.kind === 'checkpoint') program.restore(source.prefix);
        else if (source.kind === 'weights') program.restoreWeights(source.prefix);
        else {
          program.initialize(source.seed);
          if (source.weights !== undefined) program.assign(readTensors(source.weights));
        }
        return { type: 'done' };
      }
      case 'advance': {
        const { request } = message;
        const batches = await batchesFor(request);
        record ??= openRecord(request.fromStep);
        const advanced = await advance(current().program, batches, record, request, {
          stop,
          onStep: (event) => emit({ type: 'step', ...event }),
          onSaved: (saved) => emit({ type: 'saved', saved }),
        });
        if (advanced.failure) batches.close();
        open = advanced.failure ? undefined : { key: batchesKey(request, advanced.step), batches };
        return { type: 'advanced', ...advanced };
      }
      case 'save': {
        const saved = record && saveRecord(current().program, record, message.statePrefix, message);
        if (saved) emit({ type: 'saved', saved });
        return { type: 'done' };
      }
      case 'evaluate': {
        const { request, program } = current();
        const fetch = wanted.of(message.shards);
        const evaluation = await evaluate(program, request, message, fetch, stop, (samples) =>
          emit({ type: 'evaluating', samples }),
        );
        return { type: 'evaluated', evaluation };
      }
      case 'extract': {
        const { request, program } = current();
        await extractFeatures(program, request.classes, message, (seconds) => {
          stop.throwIfAborted();
          emit({ type: 'extracting', seconds });
        });
        return { type: 'done' };
      }
    }
  }
}

function openRequested(request: ProgramRequest): { request: ProgramRequest; program: Program } {
  const { model, training, classes, conventions } = request;
  const program = openProgram({
    model,
    architecture: architectureOf(model, conventions.topology),
    step: training,
    classes,
    compute: precisionOf(request),
    pretrained: model.weights !== 'none',
    scaling: conventions.pixels,
    mixing: request.mixing,
  });
  return { request, program };
}

/** `auto`: bfloat16 where the processor multiplies it. */
function precisionOf({ training }: ProgramRequest): Numerics['precision'] {
  if (training.precision !== 'auto') return training.precision;
  return describeHardware().bfloat16 ? 'bfloat16' : 'float32';
}

function numericsOf(program: Program, request: ProgramRequest): Numerics {
  const { instructions, threads } = describeHardware();
  return {
    graph: program.graphDigest,
    tensorflow: tensorflowVersion,
    device: usesGpu ? gpuName() : 'cpu',
    instructions,
    threads,
    precision: precisionOf(request),
  };
}

/** Names the batches that stand at a step: other shards, or another place in them, are others. */
function batchesKey({ plan, seed, shards, fromStep }: AdvanceRequest, step: number): string {
  const { epoch } = position(plan, fromStep);
  return JSON.stringify({ epoch, seed, step, samples: samplesOf(shards) });
}

const samplesOf = (shards: readonly TrainerShard[]): number[] =>
  shards.map(({ samples }) => samples);

/** Evaluates every record once; with `rows`, writes what the model made of each. */
async function evaluate(
  program: Program,
  request: ProgramRequest,
  { shards, records, rows }: Extract<ToTrainer, { type: 'evaluate' }>,
  fetch: FetchShard,
  stop: AbortSignal,
  onBatch: (samples: number) => void,
): Promise<Evaluation> {
  const batches = openBatches(
    {
      shardSamples: samplesOf(shards),
      batchSize: Math.min(evaluationBatchSize, request.training.microBatchSize ?? Infinity),
      fromPosition: 0,
      imageBytes: recordBytes(records, program),
    },
    fetch,
  );
  const lines: string[] = [];
  const sums = { samples: 0, loss: 0, accuracy: 0, top5: 0 };
  try {
    for (let batch = await batches.next(stop); batch; batch = await batches.next(stop)) {
      stop.throwIfAborted();
      const evaluated = program.evaluate(inputOf(batch, records));
      sums.samples += batch.labels.length;
      sums.loss += evaluated.lossSum;
      sums.accuracy += evaluated.correct;
      sums.top5 += evaluated.inTop5;
      for (const [index, id] of rows ? batch.ids.entries() : []) {
        const first = index * request.classes;
        const row = {
          id,
          label: rows!.classes[batch.labels[index]!],
          predicted: rows!.classes[evaluated.predicted[index]!],
          probabilities: [...evaluated.probabilities.subarray(first, first + request.classes)],
        };
        lines.push(`${JSON.stringify(row)}\n`);
      }
      batch.release();
      onBatch(sums.samples);
      // Lets the parent's messages in.
      await new Promise(setImmediate);
    }
  } finally {
    batches.close();
  }
  if (rows) await writeFile(rows.path, lines.join(''));
  const { samples } = sums;
  return {
    samples,
    loss: sums.loss / samples,
    accuracy: sums.accuracy / samples,
    top5: sums.top5 / samples,
  };
}
