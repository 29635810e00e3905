/** A verification of resuming in lines: what each kill cost, and what came of it. Pure. */
import type { Colors } from '../cli.ts';
import type { KillCost } from '../verification/account.ts';
import { count } from './format.ts';

/** All that was found. */
export interface Verification {
  readonly undisturbed: VerifiedRun;
  readonly killed: VerifiedRun;
  /** Kills that were planned. */
  readonly planned: number;
  readonly costs: readonly KillCost[];
  /** What a kill may cost at most, in steps. */
  readonly intervalSteps: number;
  readonly samples: number;
  readonly epochs: number;
  /** A sentence each. */
  readonly differences: readonly string[];
  /** What was promised and not kept beside the bits, a sentence each. */
  readonly shortfalls: readonly string[];
  /** Where everything lies, when it is no proof. */
  readonly folder?: string;
}

/** Whether kills were seen to change nothing, and to cost no more than they may. */
export const isProof = ({ differences, shortfalls }: Verification): boolean =>
  differences.length === 0 && shortfalls.length === 0;

export interface VerifiedRun {
  readonly run: string;
  readonly steps: number;
  readonly seconds: number;
  readonly finalDigest: string;
  readonly modelDigest: string;
}

export function verificationLines(verification: Verification, colors: Colors): string[] {
  return ['', ...tableLines(verification.costs), '', ...verdictLines(verification, colors)];
}

const columns = [
  '#',
  'what',
  'how',
  'at step',
  'steps lost',
  'next step',
  'next new step',
] as const;

function tableLines(costs: readonly KillCost[]): string[] {
  const rows = costs.map((cost, index) => [
    String(index + 1),
    cost.target,
    cost.signal,
    count(cost.atStep),
    count(cost.lostSteps),
    secondsLater(cost.resumedSeconds),
    secondsLater(cost.newStepSeconds),
  ]);
  const all = [[...columns], ...rows];
  const widths = columns.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const isText = (column: number): boolean => column === 1 || column === 2;
  return all.map((row) =>
    row
      .map((cell, column) =>
        isText(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join('  ')
      .trimEnd(),
  );
}

/** Training may have been done already. */
const secondsLater = (seconds: number | undefined): string =>
  seconds === undefined ? '-' : `${seconds.toFixed(1)} s`;

function verdictLines(verification: Verification, colors: Colors): string[] {
  const { undisturbed, costs, planned, intervalSteps, samples, epochs } = verification;
  const { differences, shortfalls, folder } = verification;
  const lost = Math.max(0, ...costs.map(({ lostSteps }) => lostSteps));
  const kills = costs.length === 1 ? '1 kill' : `${costs.length} kills`;
  const left = planned - costs.length;
  const verdict = differences.length > 0 ? 'Not the same' : 'The same bits, but no proof,';
  return [
    `At most ${count(lost)} steps were lost by a kill; one interval is ${count(intervalSteps)}.`,
    ...(left > 0 ? [colors.yellow(`The run had ended before ${left} more could come.`)] : []),
    ...(isProof(verification)
      ? [
          colors.green(
            `The same to the last bit after ${kills}: final weights ${short(undisturbed.finalDigest)}, best weights ${short(undisturbed.modelDigest)}, the loss of each of ${count(undisturbed.steps)} steps, and each of ${count(samples)} training samples once an epoch for ${epochs} epochs, in the same order.`,
          ),
        ]
      : [
          colors.red(`${verdict} after ${kills}:`),
          ...[...differences, ...shortfalls].map((problem) => colors.red(`  ${problem}`)),
          `Servers' data and logs of both runs: ${folder}`,
        ]),
  ];
}

const short = (digest: string): string => digest.slice(0, 12);

/** One kill, once the run goes on after it. */
export function costSentence(cost: KillCost): string {
  const lost = cost.lostSteps === 1 ? '1 step' : `${count(cost.lostSteps)} steps`;
  return `the run goes on ${secondsLater(cost.resumedSeconds)} later, ${lost} lost`;
}
