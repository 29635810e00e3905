/** What a training segment says while it goes on: the heartbeat's details, and the alarm when nothing becomes durable. */
import { log } from '@temporalio/activity';
import type { TrainHeartbeat } from '../contract/progress.ts';
import type { TrainStepsInput } from '../contract/stages.ts';
import type { TrainerEvent } from '../model/trainer-client.ts';
import type { Step } from './durable.ts';
import { durableOf } from './saved-states.ts';
import type { Begin } from './saved-states.ts';
import type { TrainMetrics } from './train-metrics.ts';
import type { Uploads } from './uploads.ts';

/** A newest checkpoint older than so many intervals means that the store gets nothing any more. */
const intervalsUntilAlarm = 3;
/** Between two reports of steps: what they say costs as much as it is read. */
const betweenReportsMs = 500;

export interface HeartbeatSource {
  readonly step: Step;
  readonly uploads: Uploads;
  readonly input: TrainStepsInput;
  readonly begin: Begin;
  readonly metrics: TrainMetrics;
  /** From one saved state to the next. */
  readonly intervalSeconds: () => number;
  /** How long the trainer has been held. */
  readonly trainerSeconds: () => number;
}

/** Takes the trainer's events and reports them. */
export function heartbeatOf(
  source: HeartbeatSource,
  clock = (): number => performance.now(),
): (event: TrainerEvent) => void {
  const { step, uploads, input, begin, metrics, intervalSeconds, trainerSeconds } = source;
  const { run } = input.inputs;
  let alarmed = false;
  let reportedAt = -Infinity;
  let beat: TrainHeartbeat = {
    step: begin.step,
    loss: 0,
    learningRate: 0,
    imagesPerSecond: 0,
    durableStep: durableOf(uploads, input, begin, begin.step).step,
    trainerSeconds: trainerSeconds(),
    phase: 'loading',
  };
  return (event) => {
    const at = clock();
    if (event.type === 'step' && at - reportedAt < betweenReportsMs) return;
    reportedAt = at;
    const ageSeconds = uploads.ageSeconds(run);
    metrics.checkpointAge(ageSeconds);
    const isLate = ageSeconds > intervalsUntilAlarm * intervalSeconds();
    const alarm = isLate
      ? `no checkpoint has become durable for ${Math.round(ageSeconds)} s, expected every ${Math.round(intervalSeconds())} s: is the store there?`
      : undefined;
    if (alarm !== undefined && !alarmed) log.warn(`run ${run}: ${alarm}`, { run, step: beat.step });
    alarmed = isLate;
    const { alarm: _alarm, durableAt: _at, ...rest } = beat;
    const now = { ...rest, ...changeBy(event) };
    const durable = durableOf(uploads, input, begin, now.step);
    beat = {
      ...now,
      durableStep: durable.step,
      trainerSeconds: trainerSeconds(),
      ...(durable.at !== null && { durableAt: durable.at }),
      ...(alarm !== undefined && { alarm }),
    };
    step.report(beat);
  };
}

const phases = {
  saved: 'saving',
  evaluating: 'validating',
  extracting: 'computing features',
} as const;

function changeBy(event: TrainerEvent): Partial<TrainHeartbeat> {
  if (event.type !== 'step') return { phase: phases[event.type] };
  const { step, loss, learningRate, imagesPerSecond } = event;
  return { step, loss, learningRate, imagesPerSecond, phase: 'training' };
}
