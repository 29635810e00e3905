/** What a worker holds back of runs that ended while it did something else. */
import { MockActivityEnvironment } from '@temporalio/testing';
import assert from 'node:assert/strict';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDropEnded } from '../../activities/drop-ended.ts';
import { openUploads } from '../../activities/uploads.ts';
import { runNameKey } from '../../contract/keys.ts';
import { runNameSchema } from '../../contract/manifests.ts';
import { digestOf } from '../../data/digest.ts';
import { openMemoryStore } from '../../storage/memory.ts';
import { movePointer } from '../../storage/pointer.ts';
import { testStep } from '../support/data-services.ts';

const scratch = await mkdtemp(join(tmpdir(), 'nightshift-held-'));
after(() => rm(scratch, { recursive: true }));

/** A worker that holds a state of `run-ended` and one of `run-going`, whose workflow is `going`. */
async function openWorker() {
  const [store, uploads] = [openMemoryStore(), openUploads()];
  const name = { workflowId: 'going', run: 'run-going' };
  await movePointer(store, runNameKey(digestOf('going')), runNameSchema, () => name);
  const held = async (run: string): Promise<string> => {
    const directory = await mkdtemp(join(scratch, 'state-'));
    const saved = { checkpoint: { run, lineage: 'l', step: 1 }, parent: null, directory };
    uploads.hold(
      saved,
      async () => undefined,
      () => true,
    );
    return directory;
  };
  const ended = await held('run-ended');
  const going = await held('run-going');
  const dropEnded = openDropEnded({ store, uploads });
  const segmentBegins = (run: string, running: () => AsyncIterable<string>): Promise<void> =>
    new MockActivityEnvironment().run(() => dropEnded(run, running, testStep()));
  return { uploads, ended, going, segmentBegins };
}

async function* running(): AsyncGenerator<string> {
  yield 'going';
  yield 'just-begun';
}

test('a state of a run that has ended leaves the disk when another one trains, others stay', async () => {
  const { uploads, ended, going, segmentBegins } = await openWorker();
  await segmentBegins('run-another', running);
  await segmentBegins('run-another', running);
  assert.deepEqual(uploads.holding(), ['run-going']);
  while (await stat(ended).catch(() => undefined)) await sleep(10);
  assert.ok(await stat(going));
});

test('a run that one look does not find, between two of its executions, keeps its states', async () => {
  const { uploads, segmentBegins } = await openWorker();
  async function* between(): AsyncGenerator<string> {
    yield 'just-begun';
  }
  uploads.drop('run-ended');
  await segmentBegins('run-another', between);
  await segmentBegins('run-another', running);
  await segmentBegins('run-another', between);
  assert.deepEqual(uploads.holding(), ['run-going']);
});

test('where Temporal can not say what is under way, nothing is thrown away', async () => {
  const { uploads, segmentBegins } = await openWorker();
  await segmentBegins('run-another', () => {
    throw new Error('no server');
  });
  assert.deepEqual(uploads.holding(), ['run-ended', 'run-going']);
});

test('a worker that holds nothing of other runs asks nobody', async () => {
  const { uploads, segmentBegins } = await openWorker();
  uploads.drop('run-ended');
  await segmentBegins('run-going', () => assert.fail('asked'));
  assert.deepEqual(uploads.holding(), ['run-going']);
});
