/** An HTTP proxy that makes the faults a real network and a real S3 make, on order. */
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

export type Fault =
  /** An S3 error document instead of the answer; the server never sees the request. */
  | { readonly kind: 'status'; readonly status: number; readonly code: string }
  /** The connection is cut before the server sees the request. */
  | { readonly kind: 'reset' }
  /** The server does what it is asked, then the connection is cut: the writer can't know. */
  | { readonly kind: 'lost-reply' }
  /** Half of the answer's body, then the connection is cut. */
  | { readonly kind: 'truncated-body' }
  /** Half of the answer's body, then nothing. */
  | { readonly kind: 'stalled-body' }
  /** One bit of the answer's body is another. */
  | { readonly kind: 'flipped-bit' }
  /** One bit of what the server is sent is another. */
  | { readonly kind: 'flipped-bit-sent' }
  | { readonly kind: 'delay'; readonly ms: number };

export interface FaultProxy {
  readonly address: string;
  /** `METHOD /path` of each request that came, in order. */
  readonly requests: readonly string[];
  /** Makes `fault` happen to the next `times` requests (all: Infinity) that `where` fits. */
  inject(
    fault: Fault,
    where?: { readonly method?: string; readonly path?: RegExp; readonly times?: number },
  ): void;
  /** No more faults. */
  heal(): void;
  stop(): Promise<void>;
}

export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const requests: string[] = [];
  let orders: { fault: Fault; method: string | undefined; path: RegExp; left: number }[] = [];

  function takeFault(method: string, path: string): Fault | undefined {
    const order = orders.find(
      (candidate) =>
        candidate.left > 0 && (candidate.method ?? method) === method && candidate.path.test(path),
    );
    if (order) order.left -= 1;
    return order?.fault;
  }

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    requests.push(`${incoming.method} ${incoming.url}`);
    const fault = takeFault(incoming.method!, incoming.url!);
    const body = await buffer(incoming);
    if (fault?.kind === 'reset') return void incoming.socket.destroy();
    if (fault?.kind === 'status') {
      outgoing.writeHead(fault.status, { 'content-type': 'application/xml' });
      return void outgoing.end(
        `<?xml version="1.0"?><Error><Code>${fault.code}</Code><Message>injected</Message></Error>`,
      );
    }
    if (fault?.kind === 'delay') await sleep(fault.ms);
    if (fault?.kind === 'flipped-bit-sent') body[body.length >> 1]! ^= 1;
    const answer = await forward(target, incoming, body);
    const answered = await buffer(answer);
    if (fault?.kind === 'lost-reply') return void incoming.socket.destroy();
    if (fault?.kind === 'flipped-bit') answered[answered.length >> 1]! ^= 1;
    outgoing.writeHead(answer.statusCode!, answer.rawHeaders);
    if (fault?.kind === 'truncated-body' || fault?.kind === 'stalled-body') {
      outgoing.write(answered.subarray(0, answered.length >> 1), () => {
        if (fault.kind === 'truncated-body') incoming.socket.destroy();
      });
      return;
    }
    outgoing.end(answered);
  }

  const server = createServer((incoming, outgoing) => {
    handle(incoming, outgoing).catch(() => incoming.socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    inject: (fault, { method, path = /^/, times = 1 } = {}) => {
      orders.push({ fault, method, path, left: times });
    },
    heal: () => {
      orders = [];
    },
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** The headers go on as they came, `host` too: it is signed. */
async function forward(
  target: string,
  incoming: IncomingMessage,
  body: Buffer,
): Promise<IncomingMessage> {
  const { method, url, headers } = incoming;
  const onward = request(new URL(url!, target), { method: method!, headers, agent: false });
  onward.end(body);
  // Once the answer has begun, its body ends with the error too.
  onward.on('error', () => undefined);
  const [answer] = (await once(onward, 'response')) as [IncomingMessage];
  return answer;
}
