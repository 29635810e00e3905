/**
 * Records test/histories anew, on a real Temporal server: for a workflow that no run is at. Once
 * it is released a changed workflow must replay the histories as they are; new ones are added.
 */
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { mkdir, writeFile } from 'node:fs/promises';
import { durable } from '../../activities/durable.ts';
import { configSchema } from '../../contract/config.ts';
import { NightshiftError } from '../../contract/failures.ts';
import { pauseUpdate, resumeUpdate, setLearningRateUpdate } from '../../workflows/messages.ts';
import { segmentTo } from './fake-activities.ts';
import type { Activities } from './fake-activities.ts';
import { openHarness, until } from './harness.ts';
import type { Ended, Harness } from './harness.ts';
import { takeoverAt } from './takeovers.ts';

/** Two epochs of three steps. */
const training = { batchSize: 20, epochs: 2, validateEverySteps: 3 };

const recordings: Record<string, (harness: Harness) => Promise<Ended>> = {
  undisturbed: (harness) => harness.run({}, { training }),

  retried: (harness) =>
    harness.run(
      { trainSteps: failing('TrainerDied', 'ShardsMissing', 'DamagedObject') },
      { training },
    ),

  steered(harness) {
    let begun = false;
    const trainSteps: Activities['trainSteps'] = (input) =>
      durable(async (step) => {
        if (input.toStep === 6 && !begun) {
          begun = true;
          await until(() => {
            step.report('training');
            return step.signal.aborted;
          });
          throw new Error('stopped');
        }
        return segmentTo(input);
      });
    return harness.run({ trainSteps }, { training }, async (handle) => {
      await until(() => begun);
      await handle.executeUpdate(pauseUpdate);
      await handle.executeUpdate(setLearningRateUpdate, { args: [0.5] });
      await handle.executeUpdate(resumeUpdate);
    });
  },

  'taken-over': (harness) =>
    harness.run({
      resolveConfig: async () => ({
        preset: 'quickstart',
        config: configSchema.parse({ training }),
        takeover: takeoverAt(3, []),
      }),
    }),

  /** One in the middle of several executions. */
  async 'gone-on'() {
    const early = await openHarness(undefined, { 'limit.historyCount.suggestContinueAsNew': 70 });
    const ended = await early.run({}, { training: { ...training, epochs: 12 } });
    await early.stop();
    return { ...ended, history: ended.histories[1]! };
  },
};

/** Those that are named; without names, all. */
const asked = process.argv.slice(2);

/** Segments that come to their end, once these failures are over. */
function failing(...types: NightshiftError['type'][]): Activities['trainSteps'] {
  return (input) =>
    durable(async () => {
      const type = types.shift();
      if (!type) return segmentTo(input);
      throw new NightshiftError(type, `made ${type}`, { details: { epoch: 0 } });
    });
}

const opened = await openHarness();
await mkdir(new URL('../histories/', import.meta.url), { recursive: true });
for (const [name, record] of Object.entries(recordings)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const { history } = await record(opened);
  const path = new URL(`../histories/${name}.json`, import.meta.url);
  // Stack traces have the paths of the machine.
  const text = historyToJSON(history).replaceAll(process.cwd(), '/nightshift');
  await writeFile(path, `${text}\n`);
}
await opened.stop();
