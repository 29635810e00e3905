/** When a server counts as gone; the servers here only say what a script tells them to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { keepServer } from '../../infra/local/keep-server.ts';
import { identify } from '../../infra/local/process-identity.mjs';
import type { Server } from '../../infra/local/servers.ts';

const pace = { lookEveryMs: 1, lookAgainMs: 1, silences: 3 };

/** Keeps a server that answers as told, then for ever; what happened to it. */
async function keep(
  answers: boolean[],
  starts: (() => Server)[] = [],
  alive = true,
): Promise<string[]> {
  const happened: string[] = [];
  const closing = new AbortController();
  const server: Server = {
    address: '127.0.0.1:1',
    process: alive ? identify(process.pid)! : { pid: process.pid, startedAt: 'long ago' },
    answers: async () => answers.shift() ?? true,
    stop: async () => void happened.push('stopped'),
  };
  const startAgain = async (): Promise<Server> => {
    happened.push('started');
    return (starts.shift() ?? (() => ({ ...server, process: identify(process.pid)! })))();
  };
  const say = ({ message }: { message: string }): void => void happened.push(message);
  const kept = keepServer('s3', server, startAgain, say, closing.signal, pace);
  await sleep(100);
  closing.abort();
  await kept;
  return happened;
}

test('a server that is silent now and then is left alone', async () => {
  assert.deepEqual(await keep([true, false, false, true, false, false, true]), []);
});

test('a server that lives but stays silent is stopped and started again', async () => {
  assert.deepEqual(await keep([true, false, false, false]), [
    's3 runs but does not answer; starting it again',
    'stopped',
    'started',
  ]);
});

test('a server that can not be started again is tried until it can', async () => {
  const failing = (): never => {
    throw new Error('the port is taken');
  };
  assert.deepEqual(await keep([], [failing], false), [
    's3 ended; starting it again',
    'started',
    'the port is taken',
    's3 ended; starting it again',
    'started',
  ]);
});
