/** `nightshift promote` and `nightshift rollback`: which version of a model counts, decided by a person. */
import { hostname, userInfo } from 'node:os';
import { NoSuchRun, orderDeadlineMs } from './ask.ts';
import { CommandError, exitCodes, printJson, printLine } from './cli.ts';
import type { Cli, ExitCode } from './cli.ts';
import { connect } from './connect.ts';
import type { Servers } from './connect.ts';
import { percent, shortDigest } from './view/format.ts';

export interface DecisionOptions {
  readonly why?: string;
  readonly json?: boolean;
}

export interface PromoteOptions extends DecisionOptions {
  readonly model?: string;
  /** Keep the champion there is. */
  readonly reject?: boolean;
}

/**
 * Makes a run's best state the champion: of the model that it is trained for, or of `model`. For a
 * run that awaits approval it is the approval.
 */
export async function promote(
  cli: Cli,
  run: string,
  { model, why, reject = false, json = false }: PromoteOptions,
  open: typeof connect = connect,
): Promise<ExitCode> {
  const servers = await open(cli.root);
  try {
    const { runs, registry } = servers;
    // What Temporal has lost, or knows by its name only, the store may still have. Of anything else
    // nobody can tell whether it awaits approval.
    const progress = await runs.progress(run, orderDeadlineMs).catch((error: unknown) => {
      if (error instanceof NoSuchRun) return undefined;
      throw error;
    });
    const promotion = progress?.promotion;
    const by = person();
    if (
      promotion?.status === 'awaiting approval' &&
      (model ?? promotion.model) === promotion.model
    ) {
      const reason = why ?? `${reject ? 'rejected' : 'approved'} on the command line`;
      await runs.decide(run, !reject, { by, why: reason });
      if (json) printJson(cli.out, { run, model: promotion.model, approved: !reject });
      else printLine(cli.out, `Run ${run} is told: ${reject ? 'rejected' : 'approved'}.`);
      return exitCodes.ok;
    }
    if (reject) {
      throw new CommandError(`Run ${run} awaits no approval: there is nothing to reject.`);
    }
    const name = model ?? promotion?.model;
    if (name === undefined) {
      const found = progress
        ? `Run ${run} was not trained for a model`
        : `The Temporal server has no run of the name '${run}'`;
      throw new CommandError(`${found}: say which it is to be the champion of, with --model.`);
    }
    const input = { model: name, run, by, ...(why !== undefined && { why }) };
    say(cli, await registry.promote(input), json);
    return exitCodes.ok;
  } finally {
    await servers.close();
  }
}

/** Makes an earlier version the champion again: `to`, or the one that the present champion replaced. */
export async function rollback(
  cli: Cli,
  model: string,
  { to, why, json = false }: DecisionOptions & { readonly to?: string },
  open: typeof connect = connect,
): Promise<ExitCode> {
  const servers = await open(cli.root);
  try {
    const decided = await servers.registry.rollBack({
      ...{ model, by: person() },
      ...(to !== undefined && { to }),
      ...(why !== undefined && { why }),
    });
    say(cli, decided, json);
    return exitCodes.ok;
  } finally {
    await servers.close();
  }
}

/** Who decides, as the history names them. */
export const person = (): string => `${userInfo().username}@${hostname()}`;

type Decided = Awaited<
  ReturnType<Servers['registry']['promote'] | Servers['registry']['rollBack']>
>;

function say({ out }: Cli, decided: Decided, json: boolean): void {
  if (json) printJson(out, decided);
  else printLine(out, decidedSentence(decided));
}

function decidedSentence({ outcome, champion, version }: Decided): string {
  const { workflowId, digest, metrics } = version;
  const facts = `version ${shortDigest(digest)}, test accuracy ${percent(metrics.accuracy)} on ${metrics.samples} images`;
  return outcome === 'champion already'
    ? `The champion of ${champion.model} is the model of run ${workflowId} already (${facts}).`
    : `The champion of ${champion.model} is now the model of run ${workflowId} (${facts}), generation ${champion.generation}.`;
}
