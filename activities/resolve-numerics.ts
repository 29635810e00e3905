/** Says what training will compute with on this worker; its trainer is warm from then on. */
import type { Config } from '../contract/config.ts';
import type { Numerics } from '../contract/timeline.ts';
import type { Conventions } from '../contract/weights.ts';
import type { Step } from './durable.ts';
import type { ModelServices } from './services.ts';
import { programFor } from './trainer-host.ts';

export interface ResolveNumericsInput {
  readonly config: Config;
  readonly classes: readonly string[];
  readonly conventions: Conventions;
}

export async function resolveNumerics(
  { trainer }: Pick<ModelServices, 'trainer'>,
  { config, classes, conventions }: ResolveNumericsInput,
  { signal }: Step,
): Promise<Numerics> {
  const program = programFor(config, classes.length, conventions);
  return trainer.use(program, signal, async ({ client }) => client.numerics);
}
