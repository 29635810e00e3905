/**
 * The thread that brings objects to local files: receives, hashes and writes them. It loads nothing
 * else, not even what reads TypeScript: each piece received makes the collector look at all there is.
 */
import { createHash } from 'node:crypto';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { parentPort } from 'node:worker_threads';

/** @typedef {import('./download-threads.ts').ToDownloadThread} ToDownloadThread */
/** @typedef {import('./download-threads.ts').FromDownloadThread} FromDownloadThread */
/** @typedef {Extract<ToDownloadThread, { type: 'download' }>} Download */

const agents = {
  http: new http.Agent({ keepAlive: true }),
  https: new https.Agent({ keepAlive: true }),
};
/** @type {Map<number, http.ClientRequest>} */
const running = new Map();

parentPort?.on('message', (/** @type {ToDownloadThread} */ message) => {
  if (message.type === 'download') void download(message);
  else running.get(message.id)?.destroy();
});

/** @param {Download} order */
async function download(order) {
  const { id } = order;
  try {
    const answer = await ask(order);
    const { statusCode: status = 0, headers } = answer;
    if (status === 200) {
      tell({ type: 'downloaded', id, status, headers, ...(await receive(answer, order.path)) });
    } else {
      tell({ type: 'refused', id, status, headers, body: await buffer(answer) });
    }
  } catch (error) {
    const { name, message, code } = /** @type {NodeJS.ErrnoException} */ (error);
    tell({ type: 'failed', id, name, message, code });
  } finally {
    running.delete(id);
  }
}

/** @param {FromDownloadThread} message */
const tell = (message) => parentPort?.postMessage(message, []);

/**
 * @param {Download} order
 * @returns {Promise<http.IncomingMessage>}
 */
function ask({ id, url, headers, connectMs, silenceMs }) {
  return new Promise((resolve, reject) => {
    const get = url.startsWith('https:')
      ? https.get(url, { headers, agent: agents.https, timeout: connectMs }, resolve)
      : http.get(url, { headers, agent: agents.http, timeout: connectMs }, resolve);
    running.set(id, get);
    get.on('error', reject);
    get.on('socket', (socket) => {
      if (socket.connecting) socket.once('connect', () => get.setTimeout(silenceMs));
      else get.setTimeout(silenceMs);
    });
    get.on('timeout', () => {
      get.destroy(Object.assign(new Error('it fell silent'), { code: 'ETIMEDOUT' }));
    });
  });
}

/**
 * @param {http.IncomingMessage} answer
 * @param {string} path
 */
async function receive(answer, path) {
  const hash = createHash('sha256');
  let size = 0;
  const file = openSync(path, 'w');
  try {
    const sink = new Writable({
      write(/** @type {Buffer} */ chunk, _encoding, done) {
        try {
          hash.update(chunk);
          writeFileSync(file, chunk);
          size += chunk.length;
          done();
        } catch (error) {
          done(/** @type {Error} */ (error)); // of the disk
        }
      },
    });
    await pipeline(answer, sink);
  } finally {
    closeSync(file);
  }
  return { size, sha256: hash.digest('hex') };
}
