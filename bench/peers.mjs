/** The peers' Python: a virtual environment with pinned versions, made once in the cache. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { cached } from '../infra/local/cache.mjs';
import { findPython } from '../infra/local/prerequisites.mjs';

export const requirements = ['keras==3.15.0', 'tensorflow-cpu==2.21.0'];

/** @returns {Promise<string>} the interpreter */
export async function peersPython() {
  const entry = await cached(
    {
      name: 'peers',
      key: { requirements },
      file: import.meta.filename,
      async make(directory) {
        execFileSync(findPython(), ['-m', 'venv', join(directory, 'venv')]);
        const pip = join(directory, 'venv/bin/python');
        execFileSync(pip, ['-m', 'pip', 'install', '--quiet', ...requirements]);
      },
    },
    console.error,
  );
  return join(entry, 'venv/bin/python');
}
