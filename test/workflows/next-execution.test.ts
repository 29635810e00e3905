/** A run that goes on in one execution of its workflow after another, on a real Temporal server that asks for it early. */
import { Context } from '@temporalio/activity';
import { WithStartWorkflowOperation, WorkflowFailedError } from '@temporalio/client';
import { isCancellation } from '@temporalio/workflow';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WebhookCall } from '../../activities/call-webhook.ts';
import { durable } from '../../activities/durable.ts';
import { NightshiftError } from '../../contract/failures.ts';
import type { RunResult } from '../../contract/progress.ts';
import { cpuQueue } from '../../contract/queues.ts';
import { searchAttributes } from '../../contract/search-attributes.ts';
import type { RunRecord, TrainStepsInput } from '../../contract/stages.ts';
import { runsOf } from '../../cli/runs.ts';
import {
  extendEpochsUpdate,
  pauseUpdate,
  progressQuery,
  resumeUpdate,
  setLearningRateUpdate,
} from '../../workflows/messages.ts';
import { openTrainingRig } from '../support/training-rig.ts';
import { fakeActivities, segmentTo } from './fake-activities.ts';
import type { Activities } from './fake-activities.ts';
import { openHarness, training, until } from './harness.ts';
import type { Ended, Harness } from './harness.ts';

/** About what three segments take. */
const suggestAt = { 'limit.historyCount.suggestContinueAsNew': 70 };

let harness: Harness;
before(async () => void (harness = await openHarness(undefined, suggestAt)));
after(() => harness.stop());

const epochs = 12;
const long = { training: { ...training, epochs, plateau: { patience: 1, factor: 0.5 } } };

test('a run that went on in another execution several times ends with the same bits', async () => {
  const ended: Ended[] = [];
  const usual = await openHarness();
  for (const one of [usual, harness]) {
    const rig = await openTrainingRig();
    ended.push(await one.run(rig.activities, long));
    await rig.remove();
  }
  await usual.stop();
  const [whole, parts] = ended as [Ended, Ended];
  assert.equal(whole.histories.length, 1);
  assert.ok(parts.histories.length >= 3, `${parts.histories.length} executions`);
  for (const { events } of parts.histories) assert.ok(events!.length < 200, `${events!.length}`);
  assert.equal(parts.result.finalDigest, whole.result.finalDigest);
  assert.equal(parts.result.bestStep, whole.result.bestStep);
  assert.equal(parts.result.resumes, whole.result.resumes);
  const steps = ({ progress }: Ended) => progress.training!.validations.map(({ step }) => step);
  assert.deepEqual(steps(parts), steps(whole));
});

test('its webhook is told of one end, by the last execution', async () => {
  const told: string[] = [];
  const callWebhook = async ({ event }: WebhookCall) => void told.push(event.event);
  const trainSteps = async (input: TrainStepsInput) => segmentTo(input);
  const webhook = 'https://example.org/hook';
  const { histories } = await harness.run({ callWebhook, trainSteps }, { ...long, webhook });
  assert.ok(histories.length >= 3);
  assert.deepEqual(told, ['completed']);
});

test('it is one run: by its id, in its record and its progress, and in the list of runs', async () => {
  const records: RunRecord[] = [];
  const asked: TrainStepsInput[] = [];
  const startedAt = Date.now();
  let id = '';
  const { result, progress, histories } = await harness.run(
    {
      keepMilestone: async ({ record }) => void records.push(record),
      async trainSteps(input) {
        asked.push(input);
        return segmentTo(input);
      },
    },
    long,
    async ({ workflowId }) => void (id = workflowId),
  );
  assert.ok(histories.length >= 3);
  assert.deepEqual(
    asked.map(({ reachedStep }) => reachedStep),
    Array.from({ length: epochs }, (_, epoch) => 3 * epoch),
  );
  assert.deepEqual([...new Set(asked.map(({ inputs }) => inputs.run))], [result.run]);
  assert.equal(records.at(-1)!.validations.length, epochs);
  assert.ok(
    records.every(({ execution }, at) => at === 0 || execution.at >= records[at - 1]!.execution.at),
  );
  assert.equal(result.steps, 3 * epochs);
  assert.ok(progress.stages.every(({ status }) => status === 'done'));
  const runs = runsOf(harness.client, new AbortController().signal);
  await until(async () =>
    (await runs.list(100)).some((run) => run.id === id && run.status === 'completed'),
  );
  const listed = (await runs.list(100)).filter((run) => run.id === id);
  assert.equal(listed.length, 1);
  const { seconds, nanos } = histories[1]!.events![0]!.eventTime!;
  const nextBegan = Number(seconds) * 1000 + nanos! / 1e6;
  for (const seen of [listed[0]!, await runs.describe(id)]) {
    assert.ok(seen.startedAt >= startedAt && seen.startedAt < nextBegan, `${seen.startedAt}`);
  }
  assert.deepEqual(await runs.input(id), long);
  const last = await harness.client.workflow.getHandle(id).describe();
  assert.equal(last.typedSearchAttributes.get(searchAttributes.model), 'resnet50v2');
  assert.equal(last.typedSearchAttributes.get(searchAttributes.epoch), epochs);
  assert.ok(last.memo!['settings']);
});

test('pauses and rates are taken in any of its executions, and hold in the next', async () => {
  const timelines = new Map<number, TrainStepsInput['timeline']>();
  let [holdsAt, isHeld] = [0, true];
  const { histories } = await harness.run(
    {
      async trainSteps(input) {
        timelines.set(input.toStep, input.timeline);
        if (input.toStep === 24) {
          holdsAt = 24;
          await until(() => !isHeld);
        }
        return segmentTo(input);
      },
    },
    { training: { ...training, epochs } },
    async (handle) => {
      await until(() => holdsAt === 24);
      const again = harness.client.workflow.getHandle(handle.workflowId);
      const paused = again.executeUpdate(pauseUpdate);
      await again.executeUpdate(setLearningRateUpdate, { args: [0.05] });
      isHeld = false;
      await paused;
      await again.executeUpdate(resumeUpdate);
    },
  );
  assert.ok(histories.length >= 3);
  assert.ok(!timelines.get(24)!.some(({ learningRate }) => learningRate === 0.05));
  const { fromStep } = timelines.get(27)!.find(({ learningRate }) => learningRate === 0.05)!;
  assert.ok(fromStep === 21 || fromStep === 24, `${fromStep}`);
  assert.deepEqual(timelines.get(36)!.at(-1)!.learningRate, 0.05);
});

test('what the next execution is told before all else is taken as by the one before', async () => {
  const trainSteps: Activities['trainSteps'] = async (input) => segmentTo(input);
  const { histories } = await harness.run({ trainSteps }, long);
  const goesOn = histories[1]!.events!.at(-1)!.workflowExecutionContinuedAsNewEventAttributes!;
  const args = goesOn.input!.payloads!.map(
    ({ data }) => JSON.parse(new TextDecoder().decode(data)) as unknown,
  );
  await harness.run({ trainSteps }, long, async () => {
    const startWorkflowOperation = new WithStartWorkflowOperation('trainingPipeline', {
      ...{ workflowId: randomUUID(), taskQueue: cpuQueue, args },
      workflowIdConflictPolicy: 'FAIL',
    });
    await harness.client.workflow.executeUpdateWithStart(extendEpochsUpdate, {
      ...{ startWorkflowOperation, args: [{ epochs: epochs + 1 }] },
    });
    const handle = await startWorkflowOperation.workflowHandle();
    const { steps } = (await handle.result()) as RunResult;
    assert.equal(steps, 3 * (epochs + 1));
  });
});

test('what a trainer was at work is counted over all its executions', async () => {
  const asked: TrainStepsInput[] = [];
  const trainSteps: Activities['trainSteps'] = async (input) => {
    asked.push(input);
    return segmentTo(input, { trainerSeconds: 60 });
  };
  const budget = { hours: (8 * 60) / 3_600 };
  const spent = await harness.run({ trainSteps }, { ...long, budget });
  assert.ok(spent.histories.length >= 3, `${spent.histories.length} executions`);
  assert.deepEqual(asked.at(-1)!.timeline.at(-1), { fromStep: 24, stop: 'budget' });
  assert.equal(spent.result.steps, 24);
});

test('it does not go on in another one while an epoch’s shards are on their way, or after a failure', async () => {
  let failed = 0;
  const made = new Set<number>();
  const { histories, result } = await harness.run(
    {
      async augmentShard({ stage }) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        assert.ok(!made.has(stage.view), `view ${stage.view} is made again`);
        made.add(stage.view);
      },
      openStage: async (stage) => ({
        ...(await fakeActivities({}).openStage(stage)),
        sealed: stage.kind === 'augmented' && made.has(stage.view),
      }),
      trainSteps: (input) =>
        durable(async () => {
          failed += 1;
          if (failed % 3 === 0) throw new NightshiftError('TrainerDied', 'killed');
          return segmentTo(input, { loadedStep: failed % 3 === 1 ? input.reachedStep : null });
        }),
    },
    { training: { ...training, epochs } },
  );
  assert.ok(histories.length >= 3);
  assert.equal(made.size, epochs);
  assert.ok(result.resumes >= epochs / 3);
});

test('nor while a state may lie beyond the milestone, where a pause has interrupted the way to the next', async () => {
  const executions = new Map<number, Set<string>>();
  let pausesAt = 0;
  const { histories } = await harness.run(
    {
      trainSteps: (input) =>
        durable(async (step) => {
          const { toStep } = input;
          const { runId } = Context.current().info.workflowExecution!;
          const before = executions.get(toStep);
          executions.set(toStep, new Set(before).add(runId));
          if (before) return segmentTo(input);
          pausesAt = toStep;
          await until(() => {
            step.report('training');
            return step.signal.aborted;
          });
          await sleep(300);
          throw new Error('stopped');
        }),
    },
    { training: { ...training, epochs } },
    async ({ workflowId }) => {
      const latest = harness.client.workflow.getHandle(workflowId);
      for (let toStep = 3; toStep <= 3 * epochs; toStep += 3) {
        await until(() => pausesAt === toStep);
        // It is told to go on again before it has handed back.
        const paused = latest.executeUpdate(pauseUpdate);
        await until(async () => (await latest.query(progressQuery)).paused === true);
        await latest.executeUpdate(resumeUpdate);
        await paused;
      }
    },
  );
  assert.ok(histories.length >= 3);
  for (const [toStep, { size }] of executions) assert.equal(size, 1, `to step ${toStep}`);
});

test('one that is cancelled in a later execution ends cancelled', async () => {
  let handedBack = 0;
  const cancelled = harness.run(
    {
      trainSteps: (input) =>
        durable(async (step) => {
          if (input.toStep < 36) return segmentTo(input);
          handedBack = input.toStep;
          await until(() => {
            step.report('training');
            return step.signal.aborted;
          });
          throw new Error('stopped');
        }),
    },
    { training: { ...training, epochs } },
    async (handle) => {
      await until(() => handedBack === 36);
      await harness.client.workflow.getHandle(handle.workflowId).cancel();
    },
  );
  await assert.rejects(cancelled, (error) => {
    assert.ok(error instanceof WorkflowFailedError);
    assert.ok(isCancellation(error.cause));
    return true;
  });
});
