/** The Python of those who augment images, and of those who read shards: on top of the engine's peers, which has their gigabytes. */
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cached } from '../../infra/local/cache.mjs';
import { findPython } from '../../infra/local/prerequisites.mjs';
import { peersPython } from '../peers.mjs';

const requirementsOf = {
  augmenting: [
    'torchvision==0.29.2',
    'pillow==13.0.0',
    'albumentations==2.0.8',
    'opencv-python-headless==4.14.0.94',
  ],
  reading: ['mosaicml-streaming==0.13.0', 'webdataset==1.0.2', 'boto3==1.44.8'],
};

/**
 * @param {keyof typeof requirementsOf} who
 * @returns {Promise<string>} the interpreter
 */
export async function dataPeersPython(who) {
  const requirements = requirementsOf[who];
  const engines = dirname(dirname(await peersPython('engines')));
  const entry = await cached(
    {
      name: `peers-${who}`,
      key: { requirements, engines },
      file: import.meta.filename,
      async make(directory) {
        const venv = join(directory, 'venv');
        execFileSync(findPython(), ['-m', 'venv', venv]);
        writeFileSync(join(packagesOf(venv), 'engines.pth'), `${packagesOf(engines)}\n`);
        const args = ['-m', 'pip', 'install', '--quiet', ...requirements];
        execFileSync(join(venv, 'bin/python'), args);
      },
    },
    console.error,
  );
  return join(entry, 'venv/bin/python');
}

/** @param {string} venv */
function packagesOf(venv) {
  const [version] = readdirSync(join(venv, 'lib'));
  return join(venv, 'lib', /** @type {string} */ (version), 'site-packages');
}
