/** What a training segment says while it goes on: the heartbeat's details, and the alarm when nothing becomes durable. */
import { log, metricMeter } from '@temporalio/activity';
import type { TrainHeartbeat } from '../contract/progress.ts';
import type { TrainerEvent } from '../model/trainer-client.ts';
import type { Step } from './durable.ts';
import type { Uploads } from './uploads.ts';

/** A newest checkpoint older than so many intervals means that the store gets nothing any more. */
const intervalsUntilAlarm = 3;

export interface HeartbeatSource {
  readonly step: Step;
  readonly uploads: Uploads;
  readonly run: string;
  /** The step the segment began from, whose state is in the store or is the initial one. */
  readonly beginStep: number;
  /** From one saved state to the next. */
  readonly intervalSeconds: () => number;
}

/** Takes the trainer's events and reports them. */
export function heartbeatOf(source: HeartbeatSource): (event: TrainerEvent) => void {
  const { step, uploads, run, beginStep, intervalSeconds } = source;
  const age = metricMeter.createGauge(
    'nightshift_durable_checkpoint_age',
    'float',
    's',
    'Age of the newest checkpoint that is in the store',
  );
  let alarmed = false;
  let beat: TrainHeartbeat = {
    step: beginStep,
    loss: 0,
    learningRate: 0,
    imagesPerSecond: 0,
    durableStep: beginStep,
    phase: 'loading',
  };
  return (event) => {
    const durable = uploads.durable(run);
    const ageSeconds = uploads.ageSeconds(run);
    age.set(ageSeconds);
    const isLate = ageSeconds > intervalsUntilAlarm * intervalSeconds();
    const alarm = isLate
      ? `no checkpoint has become durable for ${Math.round(ageSeconds)} s, expected every ${Math.round(intervalSeconds())} s: is the store there?`
      : undefined;
    if (alarm !== undefined && !alarmed) log.warn(`run ${run}: ${alarm}`);
    alarmed = isLate;
    const { alarm: _before, ...rest } = beat;
    beat = {
      ...rest,
      ...changeBy(event),
      ...(durable && { durableStep: durable.step, durableAt: durable.at }),
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
