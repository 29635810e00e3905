/** The call of a webhook, to a real HTTP server: what is signed, and what counts as not heard. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, beforeEach, test } from 'node:test';
import { callWebhook } from '../../activities/call-webhook.ts';
import { webhookAddressSchema } from '../../contract/webhook.ts';
import { testStep } from '../support/data-services.ts';

const key = 'a key of enough length';
const event = { event: 'cancelled', run: 'r', workflowId: 'night' } as const;

let server: Server;
let address: string;
let status: number;
let heard: { headers: IncomingHttpHeaders; body: string }[];
before(async () => {
  const hear = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    heard.push({ headers: request.headers, body: await text(request) });
    response.writeHead(status, { location: '/elsewhere' }).end();
  };
  server = createServer((request, response) => void hear(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?token=secret`;
});
after(() => server.close());
beforeEach(() => {
  heard = [];
  status = 204;
});

const call = (webhook: string, settings: object = { key }) =>
  callWebhook({ webhook: settings }, { webhook, event }, testStep());

test('a receiver with the key can tell that time and body are as they were sent', async () => {
  await call(address);
  const [{ headers, body }] = heard as [(typeof heard)[number]];
  const timestamp = headers['nightshift-timestamp'] as string;
  const signature = createHmac('sha256', key).update(`${timestamp}.${body}`).digest('hex');
  assert.equal(headers['nightshift-signature'], `sha256=${signature}`);
  assert.ok(Math.abs(Number(timestamp) - Date.now() / 1000) < 5);
  assert.deepEqual(JSON.parse(body), { version: 1, ...event });
});

test("the worker's own address is called where the configuration says so", async () => {
  await call('worker', { key, address });
  assert.equal(heard.length, 1);
});

test('an answer that is none is tried again, and names no secret', async () => {
  status = 500;
  await assert.rejects(call(address), ({ name, message }: Error) => {
    assert.match(message, /^the webhook at 127\.0\.0\.1:\d+ answers 500$/);
    return name === 'Unavailable';
  });
});

test('a redirect is not followed: what comes after would not hold the event', async () => {
  status = 301;
  await assert.rejects(call(address), { name: 'Unavailable', message: /answers 301$/ });
  assert.equal(heard.length, 1);
});

test('of a call that fails only the host and the code are passed on', async () => {
  await assert.rejects(call('http://127.0.0.1:1/?token=secret'), (error: Error) => {
    assert.match(error.message, /^the webhook at 127\.0\.0\.1:1 does not answer: \w+( \w+)*$/);
    return error.name === 'Unavailable' && error.cause === undefined;
  });
});

test('an address with a user or a password is none', () => {
  for (const user of ['ada', 'ada:secret', ':secret']) {
    const { error } = webhookAddressSchema.safeParse(`https://${user}@pets.example/hook`);
    assert.match(error!.message, /must name no user and no password/);
  }
});

test('without a key or an address nothing is called, and the variable is named', async () => {
  await assert.rejects(call(address, {}), { name: 'InvalidConfig', message: /WEBHOOK_KEY/ });
  await assert.rejects(call('worker'), { name: 'InvalidConfig', message: /NIGHTSHIFT_WEBHOOK,/ });
  assert.deepEqual(heard, []);
});
