/** `nightshift doctor`: looks at all that a run needs, and says of what is wrong how to mend it. */
import { exitCodes, printJson, printLine } from './cli.ts';
import type { Cli, ExitCode } from './cli.ts';
import { broken, doubtful, reasonOf } from './doctor/finding.ts';
import type { Finding } from './doctor/finding.ts';
import { machineFindings } from './doctor/machine.ts';
import { storeFindings } from './doctor/store.ts';
import { targetOf } from './doctor/target.ts';
import type { Target } from './doctor/target.ts';
import { temporalFindings } from './doctor/temporal.ts';

/** The exit code is 1 when anything fails. */
export async function doctor(
  { root, out, colors }: Cli,
  { json = false }: { readonly json?: boolean },
  look: (root: string) => AsyncIterable<Finding> = lookAround,
): Promise<ExitCode> {
  const findings: Finding[] = [];
  for await (const finding of look(root)) {
    findings.push(finding);
    if (!json) printLine(out, findingLine(finding, colors));
  }
  if (json) printJson(out, findings);
  return findings.some(({ status }) => status === 'fail') ? exitCodes.failed : exitCodes.ok;
}

async function* lookAround(root: string): AsyncGenerator<Finding> {
  let target: Target;
  try {
    target = await targetOf(root);
  } catch (error) {
    yield broken('settings', reasonOf(error), 'correct these variables');
    return;
  }
  const { settings, servers } = target;
  yield* machineFindings(settings);
  if (!servers) {
    yield doubtful(
      'servers',
      "this clone's own are not up, and the environment names none",
      '`npm start` or `npm run dev` starts them; TEMPORAL_ADDRESS names others',
    );
    return;
  }
  yield* temporalFindings(servers);
  yield* storeFindings(settings, servers.credentials);
}

function findingLine({ check, status, found, remedy }: Finding, colors: Cli['colors']): string {
  const colour = { ok: colors.green, warn: colors.yellow, fail: colors.red }[status];
  const advice = remedy === undefined ? '' : `; ${remedy}`;
  return `${colour(status.padEnd(4))}  ${check.padEnd(18)}  ${found}${advice}`;
}
