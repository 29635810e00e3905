/** The run's progress as Markdown for the Temporal UI: no tables (it renders them without padding), absolute times. */
import { noChangeSentence } from '../contract/progress.ts';
import type { RunProgress, StageProgress, TrainingProgress } from '../contract/progress.ts';
import { promotionSentence, ruleLine } from '../contract/promotion.ts';
import type { PromotionState } from '../contract/promotion.ts';

const marks = { waiting: '·', running: '▶', done: '✓', failed: '✗', cancelled: '■' } as const;

/** Renders the current details of a run. */
export function progressMarkdown(progress: RunProgress): string {
  const { stages, training, resumed, paused, promotion, lastProblem, result } = progress;
  const lines = ['```', ...stages.map(stageLine), '```'];
  if (paused) lines.push('', '**Paused**: the update `resume` goes on.');
  if (resumed) lines.push('', ...resumedLines(resumed));
  if (training) lines.push(...trainingLines(training, paused));
  if (promotion) lines.push(...promotionLines(promotion));
  if (lastProblem) lines.push('', `Last problem, ${clock(lastProblem.at)}: ${lastProblem.message}`);
  if (result && 'noChange' in result) lines.push('', noChangeSentence(result.noChange));
  else if (result) {
    const { example } = result;
    lines.push(
      '',
      `**Test accuracy ${percent(result.testAccuracy)}** on ${result.testSamples} images (best model: step ${result.bestStep}).`,
      `Image \`${example.id}\`: ${example.predicted} (${percent(example.probability)})${
        example.predicted === example.label ? '' : `, but it is ${example.label}`
      }.`,
      `Report: \`${result.reportKey}\``,
    );
  }
  return lines.join('\n');
}

function promotionLines(promotion: PromotionState): string[] {
  const lines = ['', `**Promotion**: ${promotionSentence(promotion)}`];
  if (promotion.status === 'awaiting approval') {
    lines.push('The updates `approvePromotion` and `rejectPromotion` decide, with who and why.');
  }
  return [...lines, ...promotion.gate.rules.map((rule) => `- ${ruleLine(rule)}`)];
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

function trainingLines(training: TrainingProgress, paused = false): string[] {
  const { step, steps, stepsPerEpoch, epochs, loss, imagesPerSecond, best } = training;
  const epoch = Math.min(epochs, Math.floor(step / stepsPerEpoch) + 1);
  const lines = ['', `Epoch ${epoch} of ${epochs}, step ${step} of ${steps}`];
  if (loss !== undefined) lines.push(`, loss ${loss.toFixed(3)}`);
  if (imagesPerSecond !== undefined && !paused) {
    lines.push(`, ${imagesPerSecond.toFixed(0)} images/s`);
  }
  if (training.hardware) lines.push(`, on ${training.hardware}`);
  const text = [lines.slice(0, 2).join('\n') + lines.slice(2).join('')];
  if (training.validations.length > 0) {
    const accuracies = training.validations.map(({ accuracy }) => accuracy);
    text.push(
      '',
      `Validation accuracy \`${sparkline(accuracies)}\` ${percent(accuracies.at(-1) ?? 0)}` +
        (best ? `, best ${percent(best.accuracy)} at step ${best.step}` : ''),
    );
  }
  const { durableStep, durableAt, resumes } = training;
  const since = durableAt ? `, since ${clock(durableAt)}` : '';
  const durable = durableStep > 0 ? `step ${durableStep}${since}` : 'none yet';
  text.push('', `Newest durable checkpoint: ${durable}.`);
  if (resumes > 0) text.push('', `Resumed ${resumes === 1 ? 'once' : `${resumes} times`}.`);
  return text;
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
