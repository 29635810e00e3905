/** How a run ended, in lines: the results, or what went wrong and what to do next. Pure. */
import { join, relative } from 'node:path';
import type { FailureType } from '../../contract/failures.ts';
import { missedSentence, noChangeSentence, stoppedSentence } from '../../contract/progress.ts';
import type { RunResult } from '../../contract/progress.ts';
import { promotionSentence } from '../../contract/promotion.ts';
import type { Colors } from '../cli.ts';
import type { Outcome } from '../runs.ts';
import { count, lossText, percent } from './format.ts';

/** Where what the run made can be found. */
export interface Place {
  /** What the run is called. */
  readonly run: string;
  /** The folder that holds the bucket's objects as plain files; absent when the store is elsewhere. */
  readonly objects?: string;
  /** What paths below it are printed relative to. */
  readonly cwd: string;
  /** The run's page in the Temporal UI, where its address is known. */
  readonly page?: string;
  /** Of the page that a run has left that failed. */
  readonly failureReportKey?: string;
}

export function outcomeLines(outcome: Outcome, place: Place, colors: Colors): string[] {
  switch (outcome.status) {
    case 'completed':
      return 'noChange' in outcome.result
        ? [noChangeSentence(outcome.result.noChange), ...pageLine(place)]
        : resultLines(outcome.result, place, colors);
    case 'cancelled':
      return [colors.yellow('The run was cancelled.'), goOn(place), ...pageLine(place)];
    case 'failed':
      return [
        colors.red(`The run failed: ${outcome.type}: ${outcome.message}`),
        ...remedyLines(outcome, place),
        ...reportLine(place),
        ...pageLine(place),
      ];
  }
}

function resultLines(result: RunResult, place: Place, colors: Colors): string[] {
  const { example, predictionsKeys, stopped, notBitEqual, resumes, promotion } = result;
  const { missedMinAccuracy: missed } = result;
  const accuracy = colors.bold(`Test accuracy ${percent(result.testAccuracy)}`);
  const right = example.predicted === example.label;
  const verdict = right
    ? colors.green(', which it is')
    : colors.red(`, but it is ${example.label}`);
  const [firstPredictions = '', ...more] = predictionsKeys;
  return [
    `${accuracy} on ${count(result.testSamples)} images (top-5 ${percent(result.testTop5)}, loss ${lossText(result.testLoss)}).`,
    `Best model: after step ${count(result.bestStep)} of ${count(result.steps)}, validation accuracy ${percent(result.validationAccuracy)}${resumes > 0 ? `; resumed ${resumes === 1 ? 'once' : `${resumes} times`}` : ''}.`,
    ...(missed === undefined
      ? []
      : [colors.yellow(missedSentence(result.validationAccuracy, missed))]),
    ...(stopped ? [stoppedSentence(result.steps, stopped)] : []),
    ...notBitEqual.map((why) => `Not bit-equal to an undisturbed run ${why}.`),
    ...(promotion ? [promotionSentence(promotion)] : []),
    `A random test image, ${example.id}: predicted ${example.predicted} (${percent(example.probability)})${verdict}.`,
    `Report       ${pathOf(result.reportKey, place)}`,
    `Predictions  ${pathOf(firstPredictions, place)}${more.length > 0 ? ` and ${more.length} more` : ''}`,
    `Model        ${pathOf(result.modelPrefix, place)}.*`,
    ...pageLine(place),
  ];
}

/** The file that holds an object, relative to where the user stands when it lies below; else the object's key. */
function pathOf(key: string, { objects, cwd }: Place): string {
  if (objects === undefined) return key;
  const file = join(objects, key);
  const path = relative(cwd, file);
  return path.startsWith('..') ? file : path;
}

function reportLine(place: Place): string[] {
  const { failureReportKey: key } = place;
  return key === undefined ? [] : [`Report       ${pathOf(key, place)}`];
}

/** The line that names the run's page, where there is one. */
export function pageLine({ page }: Place): string[] {
  return page === undefined ? [] : [`Temporal UI  ${page}`];
}

const goOn = ({ run }: Place): string =>
  `\`npx nightshift resume ${run}\` goes on from its last checkpoint, or begins anew where there is none.`;

/** A run that can't be gone on with: the problem itself says what to give instead. */
const isOfResumeFrom = (problem: string): boolean => problem.startsWith('resumeFrom');

function remedyLines(outcome: Extract<Outcome, { status: 'failed' }>, place: Place): string[] {
  if (outcome.problems?.every(isOfResumeFrom)) return [];
  return [remedies[outcome.type as FailureType] ?? `Once the cause is gone: ${goOn(place)}`];
}

/** What to do next, by what went wrong. */
const remedies: Partial<Record<FailureType, string>> = {
  InvalidConfig:
    'Correct these keys and start again; contract/config.ts says what every key means.',
  InvalidData:
    'Give another --source, or --set model.weights=<path or address>, as it says, and start again.',
  StorageAccess: "Check the store's address, bucket and credentials, and start again.",
  Diverged:
    'Start again with a smaller learning rate, such as --set training.learningRate.initial=0.0003.',
};
