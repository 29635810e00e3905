/** Says what training will compute with on this worker; its trainer is warm from then on. */
import type { Config } from '../contract/config.ts';
import type { Numerics } from '../contract/timeline.ts';
import type { ModelServices } from './services.ts';

export interface ResolveNumericsInput {
  readonly config: Config;
  readonly classes: readonly string[];
}

export async function resolveNumerics(
  services: ModelServices,
  { config, classes }: ResolveNumericsInput,
): Promise<Numerics> {
  const { model, training } = config;
  const program = { model, training, classes: classes.length };
  return services.trainer.use(program, async ({ client }) => client.numerics);
}
