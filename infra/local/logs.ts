/** The log files of the stack's processes. */
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Gives `use` a descriptor to append to `path`; a child that was given it keeps its own. */
export function withLog<T>(path: string, use: (descriptor: number) => T): T {
  mkdirSync(dirname(path), { recursive: true });
  const descriptor = openSync(path, 'a');
  try {
    return use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The last line that says something, and where it stands. */
export function lastWords(path: string): string {
  return `"${lastLine(path)}", see ${path}`;
}

/** After an error Node writes where it came from, indented, and its own version. */
function lastLine(path: string): string {
  try {
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    return lines.findLast((line) => /^[^\s{}]/.test(line) && !line.startsWith('Node.js v')) ?? '';
  } catch {
    return '';
  }
}
