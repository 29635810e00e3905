/** `nightshift set`: another learning rate, or more epochs, for a run that trains. */
import { CommandError, exitCodes, printJson, printLine } from './cli.ts';
import type { Cli, ExitCode } from './cli.ts';
import { connect } from './connect.ts';
import type { Setting } from './input.ts';
import type { Runs } from './runs.ts';

/** What can be set on the way, and from when on that holds. */
const knobs: Readonly<Record<string, Knob>> = {
  'learning-rate': {
    set: (runs, run, rate) => runs.setLearningRate(run, rate),
    holds: 'from the next milestone on',
  },
  epochs: {
    set: (runs, run, epochs) => runs.extendEpochs(run, epochs),
    holds: 'in all, to which schedules of the learning rate stretch',
  },
};

interface Knob {
  readonly set: (runs: Runs, run: string, value: number) => Promise<void>;
  readonly holds: string;
}

/** Each setting is an order of its own: those before one that the run refuses hold. */
export async function set(
  cli: Cli,
  run: string,
  settings: readonly Setting[],
  { json = false }: { readonly json?: boolean },
  open: typeof connect = connect,
): Promise<ExitCode> {
  const orders = settings.map(orderOf);
  const servers = await open(cli.root);
  try {
    for (const { name, knob, value } of orders) {
      await knob.set(servers.runs, run, value);
      if (!json) printLine(cli.out, `Run ${run}: ${name} ${value}, ${knob.holds}.`);
    }
    const taken = Object.fromEntries(orders.map(({ name, value }) => [name, value]));
    if (json) printJson(cli.out, { run, set: taken });
    return exitCodes.ok;
  } finally {
    await servers.close();
  }
}

function orderOf({ path, value }: Setting): { name: string; knob: Knob; value: number } {
  const name = path.join('.');
  const knob = Object.hasOwn(knobs, name) ? knobs[name] : undefined;
  const names = Object.keys(knobs).join(' and ');
  if (!knob) {
    throw new CommandError(
      `${name} can not be set while a run trains, only ${names}; \`npx nightshift resume\` with --set goes on with other settings.`,
      exitCodes.usage,
    );
  }
  if (typeof value === 'number') return { name, knob, value };
  throw new CommandError(`${name}=${JSON.stringify(value)}: must be a number.`, exitCodes.usage);
}
