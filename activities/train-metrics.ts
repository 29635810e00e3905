/** What operators watch of a worker's trainer: the SDK's meter serves it beside its own metrics. */
import type { metricMeter } from '@temporalio/activity';
import type { TrainerEvent } from '../model/trainer-client.ts';
import type { Advanced } from '../model/trainer-messages.ts';

export interface TrainMetrics {
  /** The trainer has loaded a state of a run that had begun before. */
  resumed(lostSteps: number): void;
  onEvent(event: TrainerEvent): void;
  /** Steps that were taken, waiting included. */
  onPiece(piece: Pick<Advanced, 'images' | 'seconds' | 'waitSeconds'>): void;
  /** Of the newest checkpoint in the store. */
  checkpointAge(seconds: number): void;
  /** A segment has ended: nothing is trained until the next begins. */
  idle(): void;
}

/** Counters count whole things, so times in them are milliseconds. */
export function trainMetrics(meter: typeof metricMeter): TrainMetrics {
  const gauge = (name: string, unit: string, meaning: string) =>
    meter.createGauge(`nightshift_${name}`, 'float', unit, meaning);
  const counter = (name: string, unit: string, meaning: string) =>
    meter.createCounter(`nightshift_${name}`, unit, meaning);

  const stepDuration = meter.createHistogram(
    'nightshift_step_duration',
    'float',
    'seconds',
    'From one step to the next',
  );
  const step = gauge('step', '', 'Steps taken of the run that trains');
  const loss = gauge('loss', '', 'Loss of the last step');
  const speed = gauge('images_per_second', '1/s', 'Images trained a second, waiting included');
  const age = gauge(
    'durable_checkpoint_age_seconds',
    's',
    'Age of the newest checkpoint in the store, while it trains',
  );
  const images = counter('images', '', 'Images trained on');
  const trainMs = counter('training_milliseconds', 'ms', 'Time in training, waiting included');
  const waitMs = counter(
    'wait_milliseconds',
    'ms',
    'Time in which training waited for data or the store',
  );
  const stalls = counter('stalls', '', 'How often training stood still to save a state');
  const stallMs = counter('stall_milliseconds', 'ms', 'Time in which it stood still');
  const resumes = counter('resumes', '', 'How often training went on from a loaded state');
  const lost = counter('lost_steps', '', 'Steps that are taken again after a resume');

  let lastStepAt: number | undefined;
  return {
    resumed(lostSteps) {
      resumes.add(1);
      lost.add(lostSteps);
    },
    onEvent(event) {
      const now = performance.now();
      const before = lastStepAt;
      // What lies between two steps is a step only where nothing else happened.
      lastStepAt = event.type === 'step' ? now : undefined;
      if (event.type === 'saved') {
        stalls.add(1);
        stallMs.add(Math.round(event.saved.stallMs));
      }
      if (event.type !== 'step') return;
      if (before !== undefined) stepDuration.record((now - before) / 1000);
      step.set(event.step);
      loss.set(event.loss);
      speed.set(event.imagesPerSecond);
    },
    onPiece(piece) {
      lastStepAt = undefined;
      images.add(piece.images);
      trainMs.add(Math.round(1000 * piece.seconds));
      waitMs.add(Math.round(1000 * piece.waitSeconds));
    },
    checkpointAge: (seconds) => age.set(seconds),
    idle() {
      lastStepAt = undefined;
      speed.set(0);
      age.set(0);
    },
  };
}
