/** Training segments that are stopped on their way, for tests of what stops them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { durable } from '../../activities/durable.ts';
import type { Segment, TrainStepsInput } from '../../contract/stages.ts';
import { segmentTo } from './fake-activities.ts';
import type { Activities } from './fake-activities.ts';
import { until } from './harness.ts';

/** A segment that trains until it is stopped, then needs a while to save and hand back. */
export function segmentUntilStopped(onHandedBack: () => void): Promise<Segment> {
  return durable(async (step) => {
    while (!step.signal.aborted) {
      step.report('training');
      await sleep(30);
    }
    await sleep(300);
    onHandedBack();
    throw new Error('stopped');
  });
}

/** Segments that come to their end, but for the first one to step 6: it is stopped. */
export function stoppedBeforeStep6(asked: TrainStepsInput[]) {
  let [training6, handedBack] = [false, false];
  const trainSteps: Activities['trainSteps'] = (input) => {
    asked.push(input);
    if (input.toStep !== 6 || training6) return Promise.resolve(segmentTo(input));
    training6 = true;
    return segmentUntilStopped(() => void (handedBack = true));
  };
  return {
    trainSteps,
    trainsTo6: () => until(() => training6),
    handedBack: () => handedBack,
  };
}
