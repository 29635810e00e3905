/**
 * Watches over a trial stack from a process of its own: when the starter is gone, however it ended,
 * all parts are killed. Workers would notice, unless they are frozen; servers would not.
 */
import { signal } from './process-identity.mjs';
import { survivor } from './processes.ts';
import { trainersBelow } from './trainers.ts';

const [directory = '', ...parts] = process.argv.slice(2);

process.once('disconnect', () => {
  for (const part of parts) {
    const known = survivor(directory, part);
    if (!known) continue;
    for (const living of [...trainersBelow(known), known]) signal(living, 'SIGKILL');
  }
});
// The starter may have been gone before anybody listened.
if (!process.connected) process.emit('disconnect');
