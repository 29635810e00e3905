/** `nightshift promote` and `nightshift rollback`: which version of a model counts, decided by a person. */
import { hostname, userInfo } from 'node:os';
import { exitCodes, printJson, printLine } from './cli.ts';
import type { Cli, ExitCode } from './cli.ts';
import { connect } from './connect.ts';
import type { Servers } from './connect.ts';
import { percent, shortDigest } from './view/format.ts';

export interface DecisionOptions {
  readonly why?: string;
  readonly json?: boolean;
}

/** Makes a run's best state the champion of a model. */
export function promote(
  cli: Cli,
  run: string,
  { model, why, json }: DecisionOptions & { readonly model: string },
  open: typeof connect = connect,
): Promise<ExitCode> {
  const input = { model, run, by: person(), ...(why !== undefined && { why }) };
  return decide(cli, ({ registry }) => registry.promote(input), json, open);
}

/** Makes an earlier version the champion again: `to`, or the one that the present champion replaced. */
export function rollback(
  cli: Cli,
  model: string,
  { to, why, json }: DecisionOptions & { readonly to?: string },
  open: typeof connect = connect,
): Promise<ExitCode> {
  const input = {
    ...{ model, by: person() },
    ...(to !== undefined && { to }),
    ...(why !== undefined && { why }),
  };
  return decide(cli, ({ registry }) => registry.rollBack(input), json, open);
}

/** Who decides, as the history names them. */
export const person = (): string => `${userInfo().username}@${hostname()}`;

type Decided = Awaited<
  ReturnType<Servers['registry']['promote'] | Servers['registry']['rollBack']>
>;

async function decide(
  { root, out }: Cli,
  order: (servers: Servers) => Promise<Decided>,
  json = false,
  open: typeof connect = connect,
): Promise<ExitCode> {
  const servers = await open(root);
  try {
    const decided = await order(servers);
    if (json) printJson(out, decided);
    else printLine(out, decidedSentence(decided));
    return exitCodes.ok;
  } finally {
    await servers.close();
  }
}

function decidedSentence({ outcome, champion, version }: Decided): string {
  const { workflowId, digest, metrics } = version;
  const facts = `version ${shortDigest(digest)}, test accuracy ${percent(metrics.accuracy)} on ${metrics.samples} images`;
  return outcome === 'champion already'
    ? `The champion of ${champion.model} is the model of run ${workflowId} already (${facts}).`
    : `The champion of ${champion.model} is now the model of run ${workflowId} (${facts}), generation ${champion.generation}.`;
}
