/** What a user may ask of the state that training has reached: to be stored now, or to be validated. */
import { condition, setHandler } from '@temporalio/workflow';
import { checkpointManifestKey } from '../contract/keys.ts';
import type { AskedState, Segment } from '../contract/stages.ts';
import { checkpointNowUpdate, validateNowUpdate } from './messages.ts';
import { refusal, refuseIf } from './refusal.ts';
import type { Steering } from './steering.ts';

export interface Requests {
  /** What the next segment is asked for: it is to end where it is. Undefined: nobody asks. */
  take(): AskedState | undefined;
  /** The segment has come to its end: those are answered that it was asked for. */
  answer(segment: Segment): void;
}

interface Request {
  readonly validation: boolean;
  answer?: Segment;
}

/** Starts taking the updates. The segment under way ends for them, and the next one answers. */
export function openRequests(steering: Steering): Requests {
  let waiting: readonly Request[] = [];
  let served: readonly Request[] = [];
  const ask = async (validation: boolean): Promise<Segment> => {
    const request: Request = { validation };
    waiting = [...waiting, request];
    // One that comes while another is served is served next.
    if (waiting.length === 1) steering.interrupt();
    // A pause or a failure that comes in between may last: nobody is kept waiting for its end.
    let why: string | undefined;
    await condition(() => {
      why = steering.whyNotNow();
      return request.answer !== undefined || why !== undefined;
    });
    if (request.answer) return request.answer;
    waiting = waiting.filter((other) => other !== request);
    throw refusal(why!);
  };
  const validator = (): void => {
    const why = steering.whyNotNow();
    refuseIf(why !== undefined, why!);
  };
  setHandler(
    checkpointNowUpdate,
    async () => {
      const { run, lineage, step } = (await ask(false)).checkpoint;
      return { step, key: checkpointManifestKey(run, lineage, step) };
    },
    { description: 'Store the state that training has reached, and say where it lies.', validator },
  );
  setHandler(validateNowUpdate, async () => (await ask(true)).lookedAt!, {
    description:
      'Validate the state that training has reached. Best state and controllers go by the planned validations alone.',
    validator,
  });
  return {
    take() {
      served = waiting;
      return served.length === 0
        ? undefined
        : { validation: served.some(({ validation }) => validation) };
    },
    answer(segment) {
      for (const request of served) request.answer = segment;
      waiting = waiting.filter((request) => !served.includes(request));
      served = [];
    },
  };
}
