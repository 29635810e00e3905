/** `nightshift verify-resume`: trains undisturbed and again under kills, and compares the two to the last bit. */
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { checkInput } from './check-input.ts';
import { CommandError, exitCodes, printJson, printLine } from './cli.ts';
import type { Cli, ExitCode } from './cli.ts';
import { describeInput, inputOf } from './input.ts';
import type { InputOptions, RunInput } from './input.ts';
import { onInterrupt } from './interrupt.ts';
import { findShortfalls } from './verification/account.ts';
import type { Account } from './verification/account.ts';
import { findDifferences } from './verification/compare.ts';
import { planKills } from './verification/plan.ts';
import { InputRefused, runTrial } from './verification/trial.ts';
import type { Trial, TrialSettings } from './verification/trial.ts';
import { duration } from './view/format.ts';
import { openRenderer } from './view/renderer.ts';
import type { Renderer } from './view/renderer.ts';
import { costSentence, isProof, verificationLines } from './view/verification.ts';
import type { Verification, VerifiedRun } from './view/verification.ts';

export interface VerifyResumeOptions extends Pick<InputOptions, 'source' | 'set'> {
  readonly kills: number;
  readonly seed: number;
  readonly json?: boolean;
}

/** Real, and small: a state to save every few seconds, validations that lower the learning rate on the way. */
export const workload = {
  dataset: { source: 'cifar10', limit: 1_200 },
  training: {
    epochs: 16,
    batchSize: 32,
    validateEverySteps: 40,
    checkpointEverySteps: 16,
    plateau: { patience: 1 },
  },
} satisfies RunInput;

/** Throws `CommandError` for an input that can't be trained on, as far as it can be told without servers, before any is up. */
export async function verifyResume(cli: Cli, options: VerifyResumeOptions): Promise<ExitCode> {
  const { json = false } = options;
  const input = inputOf(options, cli.cwd, workload);
  checkInput(input);
  await checkSource(options.source, input);
  const folder = await mkdtemp(join(tmpdir(), `nightshift-verify-${process.pid}-`));
  let renderer = openRenderer(cli, json);
  /** Another run: what was said of the one before is no news of this one. */
  const nextView = (): Renderer => {
    renderer.end();
    renderer = openRenderer(cli, json);
    return renderer;
  };
  const interruption = onInterrupt(() => {
    renderer.end();
    renderer.note('Ctrl-C: the servers and workers of this trial are killed.');
  });
  let keep = false;
  try {
    const found = await verify(input, options, { folder, nextView, signal: interruption.signal });
    renderer.end();
    keep = !isProof(found);
    const verification = keep ? { ...found, folder } : found;
    if (json) printJson(cli.out, verification);
    else for (const line of verificationLines(verification, cli.colors)) printLine(cli.out, line);
    return keep ? exitCodes.failed : exitCodes.ok;
  } catch (error) {
    renderer.end();
    if (interruption.signal.aborted) return exitCodes.interrupted;
    keep = !(error instanceof InputRefused);
    if (keep) renderer.note(`Servers' data and logs of the trial: ${folder}`);
    throw error;
  } finally {
    if (!keep) await rm(folder, { recursive: true, force: true });
    interruption.dispose();
  }
}

/** Throws `CommandError` where a path leads to no file. */
async function checkSource(given: string | undefined, { dataset }: RunInput): Promise<void> {
  const { source } = dataset as { readonly source: string };
  if (!isAbsolute(source)) return;
  await access(source).catch((error: Error) => {
    throw new CommandError(
      `--source ${given ?? source}: can't be read (${error.message}); give the path of an archive, or leave it out for cifar10.`,
    );
  });
}

interface Surroundings {
  readonly folder: string;
  readonly nextView: () => Renderer;
  readonly signal: AbortSignal;
}

/** Each of the two runs in servers of its own: neither can find what the other made. */
async function verify(
  input: RunInput,
  { kills: planned, seed }: VerifyResumeOptions,
  { folder, nextView, signal }: Surroundings,
): Promise<Verification> {
  let renderer = nextView();
  const trial = (run: string, how: Partial<TrialSettings>): Promise<Trial> =>
    runTrial({
      directory: join(folder, run),
      ...{ run, input, signal, kills: [], show: renderer.show },
      ...{ onKill: () => undefined, onResume: () => undefined, ...how },
    });
  renderer.note(`Trains twice with ${describeInput(input)}: first undisturbed`);
  const undisturbed = await trial('undisturbed', {});

  renderer = nextView();
  const kills = planKills(planned, undisturbed.result.steps, seed);
  renderer.note(
    `Undisturbed it took ${duration(1000 * undisturbed.seconds)}. Now the same under ${planned} kills, by the plan of seed ${seed}`,
  );
  const startedAt = performance.now();
  const killed = await trial('killed', {
    kills,
    onKill: ({ target, signal: name }, account) =>
      renderer.note(
        `kill ${account.costs.length}/${planned} after step ${account.step}: ${target} by ${name}${timeToGo(account, undisturbed.result.steps, startedAt)}`,
      ),
    onResume: (cost) => renderer.note(costSentence(cost)),
  });
  return {
    undisturbed: verified(undisturbed),
    killed: verified(killed),
    planned,
    costs: killed.costs,
    intervalSteps: undisturbed.intervalSteps,
    samples: undisturbed.trace.train.length,
    epochs: undisturbed.trace.ledger.length / undisturbed.trace.train.length,
    differences: findDifferences(undisturbed.trace, killed.trace),
    shortfalls: findShortfalls(killed.costs, planned, undisturbed.intervalSteps),
  };
}

function verified({ result, seconds }: Trial): VerifiedRun {
  const { run, steps, finalDigest, modelDigest } = result;
  return { run, steps, seconds, finalDigest, modelDigest };
}

/** By the pace so far, kills included. */
function timeToGo({ step }: Account, steps: number, startedAt: number): string {
  if (step === 0 || step === steps) return '';
  const elapsedMs = performance.now() - startedAt;
  return `, about ${duration((elapsedMs / step) * (steps - step))} to go`;
}
