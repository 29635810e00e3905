/** Loopback ports: which are free, and which process listens. */
import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';

export const isFree = (port: number): Promise<boolean> =>
  listen(port).then(
    () => true,
    () => false,
  );

/** Below those that systems give to outgoing connections: no client of anything has it meanwhile, nor a probe that would meet itself. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(15_000, 32_000);
    if (await isFree(port)) return port;
  }
}

function listen(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer()
      .once('error', reject)
      .listen(port, '127.0.0.1', () => server.close(() => resolve()));
  });
}

/** Whether it is this process that listens on 127.0.0.1:port: an answer alone may be a stranger's. */
export function listens(pid: number, port: number): boolean {
  try {
    return process.platform === 'linux' ? listensOnLinux(pid, port) : listensElsewhere(pid, port);
  } catch {
    // The process ended.
    return false;
  }
}

/** One of its open files is the socket that the table shows listening (0A) on 127.0.0.1 (0100007F). */
function listensOnLinux(pid: number, port: number): boolean {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const inodes = readFileSync(`/proc/${pid}/net/tcp`, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, address, , state]) => address === local && state === '0A')
    .map((fields) => `socket:[${fields[9]}]`);
  const files = `/proc/${pid}/fd`;
  return readdirSync(files).some((file) => inodes.includes(linkOf(`${files}/${file}`)));
}

/** Files come and go while they are listed. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** lsof exits with 1, and so throws, when nothing matches. */
function listensElsewhere(pid: number, port: number): boolean {
  const args = ['-a', '-p', String(pid), '-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-t'];
  return execFileSync('lsof', args, { encoding: 'utf8' }).trim() !== '';
}
