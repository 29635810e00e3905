/** Parts of a stage, several in one activity: a history has an event or three for each, and a stage thousands of parts. */
import type { PartInput, PartedStage } from '../contract/stages.ts';
import type { Step } from './durable.ts';

/** One after the other. Those that an attempt before has committed are looked at, and not made again. */
export async function eachPart<Stage extends PartedStage>(
  input: PartInput<Stage>,
  step: Step,
  make: (input: PartInput<Stage>) => Promise<void>,
): Promise<void> {
  const { part: first, parts = 1 } = input;
  for (let part = first; part < first + parts; part += 1) {
    step.signal.throwIfAborted();
    if (parts > 1) step.report({ part: part - first + 1, of: parts });
    await make({ ...input, part });
  }
}
