/** A run as a terminal shows it: a line a stage, and what training is at. Pure. */
import { stoppedSentence } from '../../contract/progress.ts';
import type { HeldStage, StageProgress, TrainingProgress } from '../../contract/progress.ts';
import { promotionSentence, ruleLine } from '../../contract/promotion.ts';
import type { PromotionState } from '../../contract/promotion.ts';
import type { Colors } from '../cli.ts';
import { clock, count, duration, megabytes, percent, progressBar, threeDigits } from './format.ts';
import { downloadNow, takeoverSentence, trainingNow, troubleNow } from './snapshot.ts';
import type { DownloadNow, RunSnapshot, TrainingNow } from './snapshot.ts';

/** The lines that show the run as it stands. */
export function runLines(snapshot: RunSnapshot, colors: Colors): string[] {
  const { at, progress, awaySince } = snapshot;
  const training = trainingNow(snapshot);
  const lines: string[] = [];
  if (progress?.resumed) lines.push(takeoverSentence(progress.resumed));
  for (const stage of progress?.stages ?? []) {
    lines.push(stageLine(withParts(stage, snapshot, training), at, colors));
    if (stage.name === 'train' && stage.status === 'running') {
      const what = training ? trainingLines(training, at) : [trainerStarts];
      lines.push(...what.map((line) => `    ${line}`));
    }
  }
  const stopped = progress?.training?.stopped;
  if (stopped && !progress.result) lines.push(stoppedSentence(progress.training.steps, stopped));
  if (progress?.promotion && !progress.result) lines.push(...promotionLines(progress.promotion));
  if (progress?.paused) lines.push(colors.yellow(pausedSentence(snapshot)));
  if (progress?.held) lines.push(...heldLines(progress.held, progress.training).map(colors.red));
  if (!progress && awaySince === undefined) {
    lines.push(colors.dim('waiting for a worker to take the run up'));
  }
  const problem = progress?.lastProblem;
  if (problem && !progress.result) {
    lines.push(colors.yellow(`! ${clock(problem.at)} ${problem.message}`));
  }
  const retry = troubleNow(snapshot);
  if (retry) lines.push(colors.yellow(`! ${retry}`));
  if (awaySince !== undefined) {
    lines.push(colors.yellow(`! waiting for Temporal, for ${duration(at - awaySince)}`));
  }
  return lines;
}

function promotionLines(promotion: PromotionState): string[] {
  return [
    ...promotion.gate.rules.map((rule) => `    ${ruleLine(rule)}`),
    `    ${promotionSentence(promotion)}`,
  ];
}

/** Before training the trainer is asked what it computes with. */
const trainerStarts = 'the trainer starts';

/** What of a paused run is safe, and how it goes on: `run` names it where others may be paused too. */
export function pausedSentence({ progress, activities }: RunSnapshot, run?: string): string {
  if (activities.some(({ type }) => type === 'trainSteps' || type === 'handBack')) {
    return 'pausing: its state is being saved and stored';
  }
  const goesOn = `\`npx nightshift resume${run === undefined ? '' : ` ${run}`}\` goes on`;
  const { step = 0, durableStep = 0 } = progress?.training ?? {};
  if (step === 0) return `paused: its GPU is free; ${goesOn}`;
  if (durableStep >= step) {
    return `paused: its state after step ${count(step)} is stored, its GPU free; ${goesOn}`;
  }
  const newest =
    durableStep > 0
      ? `the newest stored state is that after step ${count(durableStep)}`
      : 'no state is stored';
  return `paused after step ${count(step)}, but ${newest}: what came since is trained again; ${goesOn}`;
}

/** What has broken, and what to do. */
export function heldLines(
  { stage, at, message }: HeldStage,
  training: TrainingProgress | undefined,
): string[] {
  const goesOn = stage === 'train' && training && !training.stopped;
  return [
    `held since ${clock(at)}: the stage ${stage} has failed: ${message}`,
    'mend what is wrong, then `npx nightshift retry` tries it again; or cancel the run',
    ...(goesOn
      ? [
          'before that, `npx nightshift set <run> learning-rate=..` sets another rate; `npx nightshift stop` finishes by what was trained',
        ]
      : []),
  ];
}

/** What training is at, in up to three lines. */
function trainingLines(training: TrainingNow, at: number): string[] {
  const lines = [trainingSentence(training)];
  const { lastValidation, best, hardware, durableStep, durableAt, resumes } = training;
  const validation = lastValidation
    ? `validation accuracy ${percent(lastValidation.accuracy)} at step ${count(lastValidation.step)}`
    : 'not validated yet';
  const bestSoFar =
    best && best.step !== lastValidation?.step
      ? `, best ${percent(best.accuracy)} at step ${count(best.step)}`
      : '';
  lines.push(`${validation}${bestSoFar}${hardware ? `; on ${hardware}` : ''}`);
  const age =
    durableAt === undefined ? '' : `, ${clock(durableAt)} (${duration(at - durableAt)} ago)`;
  const checkpoint = durableStep > 0 ? `step ${count(durableStep)}${age}` : 'none yet';
  lines.push(
    `last durable checkpoint: ${checkpoint}${resumes > 0 ? `; resumed ${times(resumes)}` : ''}`,
  );
  return lines;
}

/** Epoch, step, speed, loss, learning rate and time to go, as far as they are known. */
export function trainingSentence(training: TrainingNow): string {
  const { epoch, epochs, step, steps, phase, imagesPerSecond, loss, learningRate, etaMs } =
    training;
  const parts = [`epoch ${epoch}/${epochs}`, `step ${count(step)}/${count(steps)}`];
  if (phase && phase !== 'training') parts.push(phase);
  if (imagesPerSecond !== undefined) parts.push(`${count(imagesPerSecond)} images/s`);
  if (loss !== undefined) parts.push(`loss ${loss.toFixed(3)}`);
  if (learningRate !== undefined) parts.push(`learning rate ${threeDigits(learningRate)}`);
  if (etaMs !== undefined) parts.push(`ETA ${duration(etaMs)}`);
  return parts.join(', ');
}

interface StageWithParts extends StageProgress {
  /** The parts in words, when they are not plain numbers. */
  readonly parts?: string;
}

/** Training counts its steps, and ingest its bytes, by heartbeat. */
function withParts(
  stage: StageProgress,
  snapshot: RunSnapshot,
  training: TrainingNow | undefined,
): StageWithParts {
  if (stage.status !== 'running') return stage;
  if (stage.name === 'train' && training) {
    return { ...stage, done: training.step, total: training.steps };
  }
  const download = stage.name === 'ingest' ? downloadNow(snapshot) : undefined;
  if (!download) return stage;
  const parts = { parts: downloadSentence(download) };
  return download.total === undefined
    ? { ...stage, ...parts }
    : { ...stage, ...parts, done: download.bytes, total: download.total };
}

/** How far a download is. */
export function downloadSentence({ bytes, total }: DownloadNow): string {
  return total === undefined
    ? `downloaded ${megabytes(bytes)}`
    : `downloaded ${megabytes(bytes)} of ${megabytes(total)}`;
}

function stageLine(stage: StageWithParts, at: number, colors: Colors): string {
  const { name, status, done = 0, total, parts, startedAt, endedAt, note } = stage;
  const marks = {
    waiting: colors.dim('·'),
    running: colors.cyan('▶'),
    done: colors.green('✓'),
    failed: colors.red('✗'),
    cancelled: colors.yellow('■'),
  };
  const label = name.padEnd(9);
  const time = startedAt === undefined ? '' : duration((endedAt ?? at) - startedAt);
  const pieces = [
    marks[status],
    status === 'waiting' ? colors.dim(label) : label,
    time.padStart(9),
  ];
  if (status === 'running' && total) {
    const share = done / total;
    pieces.push(
      ` ${colors.cyan(progressBar(share))}`,
      `${Math.floor(100 * share)} %`.padStart(5),
      '',
    );
  }
  if (parts) pieces.push(parts);
  else if (total && status !== 'waiting') pieces.push(` ${count(done)}/${count(total)}`);
  if (note) pieces.push(` ${note}`);
  return pieces.join(' ').trimEnd();
}

const times = (value: number): string => (value === 1 ? 'once' : `${value} times`);
