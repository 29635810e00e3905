/** The activities of a model worker: what runs in its trainer. */
import type { PartInput, Predictions, TrainStepsInput } from '../contract/stages.ts';
import { openDropEnded } from './drop-ended.ts';
import { durableIn } from './durable.ts';
import { handBack } from './hand-back.ts';
import { eachPart } from './part-pages.ts';
import { predictShard } from './predict-shard.ts';
import { resolveNumerics } from './resolve-numerics.ts';
import type { ResolveNumericsInput } from './resolve-numerics.ts';
import { runningWorkflows } from './running-workflows.ts';
import type { ModelServices } from './services.ts';
import { trainSteps } from './train-steps.ts';

export function modelActivities(services: ModelServices) {
  const durable = durableIn(services.scratch);
  const dropEnded = openDropEnded(services);
  return {
    resolveNumerics: (input: ResolveNumericsInput) =>
      durable((step) => resolveNumerics(services, input, step)),
    trainSteps: (input: TrainStepsInput) =>
      durable(async (step) => {
        await dropEnded(input.inputs.run, runningWorkflows, step);
        return trainSteps(services, input, step);
      }),
    handBack: (input: TrainStepsInput) => durable(() => handBack(services, input)),
    predictShard: (input: PartInput<Predictions>) =>
      durable((step) => eachPart(input, step, (part) => predictShard(services, part, step))),
  };
}

export type ModelActivities = ReturnType<typeof modelActivities>;
