/** The trainer's process: holds one program and its state, and does what its parent asks, one thing at a time. */
import { failureTypeOf } from '../contract/failures.ts';
import { trainerTitle } from '../contract/trainer-title.ts';
import type { FromTrainer, ToTrainer } from '../model/trainer-messages.ts';
import { openTrainerSession } from '../model/trainer-session.ts';
import type { Request } from '../model/trainer-session.ts';
import { isBrought } from '../model/wanted-shards.ts';

const send = (message: FromTrainer): void => {
  if (message.type === 'step') process.title = trainerTitle(message.step);
  process.send?.(message);
};

/** The parent is gone: what is not saved will be computed again. */
process.once('disconnect', () => process.exit(0));
// Signals to the whole group (Ctrl-C) are the parent's to act on: it asks for a stop.
process.on('SIGINT', () => undefined).on('SIGTERM', () => undefined);

const session = openTrainerSession(send);
let queue: Promise<void> = Promise.resolve();
process.on('message', (message: ToTrainer) => {
  if (message.type === 'stop') session.stop();
  else if (isBrought(message)) session.take(message);
  else queue = queue.then(() => answer(message));
});

async function answer(message: Request): Promise<void> {
  try {
    send(await session.answer(message));
  } catch (error) {
    const failure = error instanceof Error ? error : new Error(String(error));
    const { message: text, stack } = failure;
    const name = failureTypeOf(failure);
    send({ type: 'failed', name, message: text, ...(stack !== undefined && { stack }) });
  }
}
