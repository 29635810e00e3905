/** A run as lines that stay: one a change of stage, one a validation, and in between one every ten seconds. */
import type { StageProgress, TrainingProgress, Validation } from '../../contract/progress.ts';
import { promotionSentence } from '../../contract/promotion.ts';
import type { PromotionState } from '../../contract/promotion.ts';
import { clock, count, duration, lossText, percent } from './format.ts';
import { downloadSentence, heldLines, pausedSentence, trainingSentence } from './run-view.ts';
import { downloadNow, takeoverSentence, trainingNow, troubleNow } from './snapshot.ts';
import type { RunSnapshot } from './snapshot.ts';

/** The longest silence while something moves, and the shortest time between two lines about it. */
const betweenLinesMs = 10_000;

/** Remembers what was said; each snapshot gives the lines that are new. */
export function openPlainView(): (snapshot: RunSnapshot) => string[] {
  const statuses = new Map<StageProgress['name'], StageProgress['status']>();
  let hardwareSaid: string | undefined;
  let validatedStep = 0;
  let problemAt = 0;
  let retrySaid: string | undefined;
  let away = false;
  let takeoverSaid = false;
  let pausedSaid: string | undefined;
  let heldSaid: number | undefined;
  let promotionSaid: PromotionState['status'] | undefined;
  let movedAt = -Infinity;

  function* newMilestones(training: TrainingProgress): Generator<string> {
    const { hardware, validations, best } = training;
    if (hardware !== hardwareSaid) yield `train: on ${hardware}`;
    hardwareSaid = hardware;
    for (const validation of validations.filter(({ step }) => step > validatedStep)) {
      yield validationSentence(validation, validation.step === best?.step);
    }
    // A run that went back validates the same steps again.
    validatedStep = validations.at(-1)?.step ?? 0;
  }

  function* newLines(snapshot: RunSnapshot): Generator<string> {
    const { at, progress, awaySince } = snapshot;
    if (progress?.resumed && !takeoverSaid) yield takeoverSentence(progress.resumed);
    takeoverSaid ||= progress?.resumed !== undefined;
    for (const stage of progress?.stages ?? []) {
      const { name, status } = stage;
      const before = statuses.get(name) ?? 'waiting';
      const isOver = status !== 'waiting' && status !== 'running';
      if (status !== before && !isOver) yield stageSentence(stage);
      if (name === 'train' && progress?.training) yield* newMilestones(progress.training);
      if (status !== before && isOver) yield stageSentence(stage);
      if (status !== before) movedAt = at;
      statuses.set(name, status);
    }
    if (progress) {
      const paused = progress.paused ? pausedSentence(snapshot) : undefined;
      const isOver = !progress.stages.some(({ status }) => status === 'running');
      if (paused !== pausedSaid && !isOver) yield paused ?? 'goes on';
      pausedSaid = paused;
    }
    const held = progress?.held;
    if (held && held.at !== heldSaid) yield* heldLines(held, progress.training);
    heldSaid = held?.at;
    const promotion = progress?.promotion;
    if (promotion && promotion.status !== promotionSaid) {
      promotionSaid = promotion.status;
      yield promotionSentence(promotion);
    }
    const problem = progress?.lastProblem;
    if (problem && problem.at > problemAt) {
      problemAt = problem.at;
      yield `problem: ${problem.message}`;
    }
    const retry = troubleNow(snapshot);
    if (retry && retry !== retrySaid) yield retry;
    retrySaid = retry;
    if (away !== (awaySince !== undefined)) {
      away = !away;
      yield away ? 'waiting for Temporal' : 'Temporal is back';
    }
    if (!away && at - movedAt >= betweenLinesMs) {
      const moving = movementSentence(snapshot);
      if (moving) {
        movedAt = at;
        yield moving;
      }
    }
  }

  return (snapshot) => [...newLines(snapshot)].map((line) => `${clock(snapshot.at)} ${line}`);
}

function stageSentence({ name, status, startedAt, endedAt, note }: StageProgress): string {
  const took =
    startedAt === undefined || endedAt === undefined ? '' : duration(endedAt - startedAt);
  switch (status) {
    case 'done':
      return `${name}: done in ${took}${note ? `, ${note}` : ''}`;
    case 'failed':
      // Why, the run's outcome says below.
      return `${name}: failed after ${took}`;
    case 'cancelled':
      return `${name}: cancelled after ${took}`;
    case 'waiting':
    case 'running':
      return `${name}: started`;
  }
}

function validationSentence({ step, accuracy, top5, loss }: Validation, isBest: boolean): string {
  return `validation at step ${count(step)}: accuracy ${percent(accuracy)}, top-5 ${percent(top5)}, loss ${lossText(loss)}${isBest ? ', the best so far' : ''}`;
}

/** Where the running stage is, when it is one that takes its time. */
function movementSentence(snapshot: RunSnapshot): string | undefined {
  const { stages = [], paused = false, held } = snapshot.progress ?? {};
  const running = stages.find(({ status }) => status === 'running');
  if (!running || paused || held) return undefined;
  const training = running.name === 'train' ? trainingNow(snapshot) : undefined;
  if (training) {
    const { durableStep, durableAt } = training;
    const since = durableAt === undefined ? '' : ` at ${clock(durableAt)}`;
    const durable = durableStep > 0 ? `step ${count(durableStep)}${since}` : 'none yet';
    return `train: ${trainingSentence(training)}, last durable checkpoint: ${durable}`;
  }
  const download = running.name === 'ingest' ? downloadNow(snapshot) : undefined;
  if (download) return `ingest: ${downloadSentence(download)}`;
  return running.total === undefined
    ? undefined
    : `${running.name}: ${count(running.done ?? 0)}/${count(running.total)}`;
}
