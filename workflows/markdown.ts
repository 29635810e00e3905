/** The run's progress as Markdown for the Temporal UI: no tables (it renders them without padding), absolute times. */
import { missedSentence, noChangeSentence, stoppedSentence } from '../contract/progress.ts';
import type {
  HeldStage,
  RunProgress,
  StageProgress,
  TrainingProgress,
} from '../contract/progress.ts';
import { promotionSentence, ruleLine } from '../contract/promotion.ts';
import type { PromotionState } from '../contract/promotion.ts';

const marks = { waiting: '·', running: '▶', done: '✓', failed: '✗', cancelled: '■' } as const;

/** The run as Temporal knows it. */
interface Execution {
  readonly workflowId: string;
  readonly workflowType: string;
}

/** Renders a run's current details. */
export function progressMarkdown(progress: RunProgress, execution: Execution): string {
  const { stages, training, resumed, paused, held, promotion, lastProblem, result } = progress;
  const lines = ['```', ...stages.map(stageLine), '```'];
  if (paused) lines.push('', '**Paused**: the update `resume` goes on.');
  if (held) lines.push('', ...heldLines(held, training));
  if (resumed) lines.push('', ...resumedLines(resumed));
  if (training) lines.push(...trainingLines(training, paused));
  if (training) lines.push(...costLines(training, progress.pricePerHour));
  if (promotion) lines.push(...promotionLines(promotion));
  if (lastProblem) lines.push('', `Last problem, ${clock(lastProblem.at)}: ${lastProblem.message}`);
  if (!result) lines.push(...goOnLines(progress, execution));
  else if ('noChange' in result) lines.push('', noChangeSentence(result.noChange));
  else {
    const { example, missedMinAccuracy: missed } = result;
    lines.push(
      '',
      `**Test accuracy ${percent(result.testAccuracy)}** on ${result.testSamples} images (best model: step ${result.bestStep}).`,
      `Image \`${example.id}\`: ${example.predicted} (${percent(example.probability)})${
        example.predicted === example.label ? '' : `, but it is ${example.label}`
      }.`,
      ...(missed === undefined ? [] : [missedSentence(result.validationAccuracy, missed)]),
      '',
      `Report: \`${result.reportKey}\` in the bucket; \`npx nightshift status ${execution.workflowId}\` shows where it lies.`,
    );
  }
  return lines.join('\n');
}

/** What to press, or why nothing: also for one that is terminated later, which can't say it then. */
function goOnLines(
  { stages, failureReportKey }: RunProgress,
  { workflowId, workflowType }: Execution,
): string[] {
  const ended = stages.find(({ status }) => status === 'failed' || status === 'cancelled');
  const again = 'start it again with the same input: what is made already is found in the bucket';
  const resumption =
    `start a \`trainingPipeline\` with the input \`{ "resumeFrom": "${workflowId}" }\` ` +
    `(or \`npx nightshift resume ${workflowId}\`)`;
  const isTraining = workflowType === 'trainingPipeline';
  if (!ended && !isTraining) return [];
  if (!ended) {
    return [
      '',
      `A worker or a server that dies needs no one: the run goes on by itself. If the run is ended, ${resumption}.`,
    ];
  }
  const { name, note = 'no reason was given' } = ended;
  const goOn = isTraining ? `${resumption}: it goes on from the last checkpoint` : again;
  if (ended.status === 'cancelled') return ['', `**Cancelled** in \`${name}\`. To go on, ${goOn}.`];
  const remedy =
    name === 'configure'
      ? 'The result lists what is wrong. Correct it under _More Actions_, _Start Workflow Like This One_.'
      : `Once the cause is gone, ${goOn}.`;
  const page = failureReportKey ? ['', `Report: \`${failureReportKey}\` in the bucket.`] : [];
  return ['', `**Failed** in \`${name}\`: ${note}`, '', remedy, ...page];
}

function promotionLines(promotion: PromotionState): string[] {
  const lines = ['', `**Promotion**: ${promotionSentence(promotion)}`];
  if (promotion.status === 'awaiting approval') {
    lines.push('The updates `approvePromotion` and `rejectPromotion` decide, with who and why.');
  }
  return [...lines, ...promotion.gate.rules.map((rule) => `- ${ruleLine(rule)}`)];
}

function heldLines(
  { stage, at, message }: HeldStage,
  training: TrainingProgress | undefined,
): string[] {
  return [
    `**Held** since ${clock(at)}: the stage \`${stage}\` has failed.`,
    `> ${message.replaceAll('\n', '\n> ')}`,
    '',
    `Mend what is wrong, then send the update \`retry\` (_More Actions_): the stage is tried again, and what is done stays done.${
      stage === 'train' ? inHeldTraining(training) : ''
    } _Cancel_ ends the run.`,
  ];
}

/** What can be told it, besides: of what has not begun nothing is there to finish with, and a stop is the last word. */
function inHeldTraining(training: TrainingProgress | undefined): string {
  if (training?.stopped) return '';
  const otherRate = ' Before that, `setLearningRate` sets another rate';
  return training
    ? `${otherRate}; \`stopAndFinish\` finishes by what was trained.`
    : `${otherRate}.`;
}

function resumedLines({ run, step, changes }: NonNullable<RunProgress['resumed']>): string[] {
  const from = step === 0 ? 'which had no checkpoint: all begins anew' : `from step ${step}`;
  const others =
    changes.length === 0 ? [] : [`Changed: ${changes.map((one) => `\`${one}\``).join(', ')}`];
  return [`Goes on with run \`${run}\`, ${from}.`, ...others];
}

function stageLine({ name, status, done, total, startedAt, endedAt, note }: StageProgress): string {
  const parts = total === undefined ? '' : `${done}/${total}`;
  const bar = total === undefined || status !== 'running' ? '' : progressBar((done ?? 0) / total);
  const time =
    startedAt === undefined
      ? ''
      : endedAt === undefined
        ? `since ${clock(startedAt)}`
        : `${((endedAt - startedAt) / 1000).toFixed(1)} s`;
  return [marks[status], name.padEnd(9), time.padEnd(14), bar, parts, note ?? '']
    .filter((part) => part !== '')
    .join(' ');
}

/** A line each of place, loss, accuracy, time to go and checkpoint. */
function trainingLines(training: TrainingProgress, paused = false): string[] {
  const { step, steps, stepsPerEpoch, epochs, at, hardware, resumes } = training;
  const epoch = Math.min(epochs, Math.floor(step / stepsPerEpoch) + 1);
  const place = [`Epoch ${epoch} of ${epochs}, step ${step} of ${steps}`];
  if (at !== undefined) place.push(`at ${clock(at)}`);
  if (hardware) place.push(`on ${hardware}`);
  const text = ['', place.join(', ')];
  if (training.stopped) text.push('', stoppedSentence(steps, training.stopped));
  if (training.loss !== undefined) text.push('', lossLine(training, paused));
  if (training.validations.length > 0) text.push('', accuracyLine(training));
  if (!paused) text.push(...timeToGo(training));
  const { durableStep, durableAt } = training;
  const since = durableAt ? `, since ${clock(durableAt)}` : '';
  const durable = durableStep > 0 ? `step ${durableStep}${since}` : 'none yet';
  text.push('', `Newest durable checkpoint: ${durable}.`);
  if (resumes > 0) text.push('', `Resumed ${resumes === 1 ? 'once' : `${resumes} times`}.`);
  return text;
}

/** Of training: what it took of the machine's time, by its price. */
function costLines(
  { trainerSeconds }: TrainingProgress,
  pricePerHour: number | undefined,
): string[] {
  if (pricePerHour === undefined || trainerSeconds === undefined) return [];
  const hours = trainerSeconds / 3600;
  const cost = (hours * pricePerHour).toFixed(2);
  return [
    '',
    `Cost so far: ${cost}, for ${hours.toFixed(2)} h of a trainer at ${pricePerHour} an hour.`,
  ];
}

function lossLine(
  { loss, losses = [], learningRate, imagesPerSecond }: TrainingProgress,
  paused: boolean,
): string {
  const parts = [`Loss \`${sparkline(losses)}\` ${loss!.toFixed(3)}`];
  if (learningRate !== undefined) {
    parts.push(`learning rate ${Number(learningRate.toPrecision(3))}`);
  }
  if (imagesPerSecond !== undefined && !paused)
    parts.push(`${imagesPerSecond.toFixed(0)} images/s`);
  return parts.join(', ');
}

function accuracyLine({ validations, best }: TrainingProgress): string {
  const last = validations.at(-1)!;
  const curve = sparkline(validations.map(({ accuracy }) => accuracy));
  const bestSoFar = best ? `, best ${percent(best.accuracy)} at step ${best.step}` : '';
  return `Validation accuracy \`${curve}\` ${percent(last.accuracy)} at step ${last.step}${bestSoFar}`;
}

/** When the last step is expected, as fast as the last ones were. */
function timeToGo({ step, steps, batchSize, imagesPerSecond, at }: TrainingProgress): string[] {
  if (at === undefined || !imagesPerSecond || step === steps) return [];
  const leftMs = (1000 * (steps - step) * batchSize) / imagesPerSecond;
  return ['', `Training ends about ${minute(at + leftMs)}.`];
}

const sparks = '▁▂▃▄▅▆▇█';

/** The last 40 values as bars between the smallest and the largest. */
function sparkline(values: readonly number[]): string {
  const shown = values.slice(-40);
  const low = Math.min(...shown);
  const span = Math.max(...shown) - low || 1;
  return shown.map((value) => sparks[Math.round(((value - low) / span) * 7)]).join('');
}

function progressBar(share: number): string {
  const full = Math.round(share * 20);
  return '█'.repeat(full) + '░'.repeat(20 - full);
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

const clock = (at: number): string => `${new Date(at).toISOString().slice(11, 19)} UTC`;

/** `2026-11-25 14:03 UTC`: it may be another day. */
const minute = (at: number): string =>
  `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
