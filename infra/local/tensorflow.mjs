/** TensorFlow's libraries out of its wheel, and the addon of tfjs-node-gpu compiled over them. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { cudaLibraries, cudaTensorflow, cudaWheels, wantsCuda } from './cuda.mjs';
import { unpackWheel } from './pip.mjs';
import { findCompiler, findPython } from './prerequisites.mjs';

/** @typedef {import('./prerequisites.mjs').Platform} Platform */
/** @typedef {import('./pip.mjs').Wheel} Wheel */

const run = promisify(execFile);
const modules = new URL('../../node_modules/', import.meta.url).pathname;
const addonPackage = join(modules, '@tensorflow/tfjs-node-gpu');

/**
 * 2.21.0; any CPython tag will do. The package's own libtensorflow is 2.9.1 of 2022.
 * @type {Record<Platform['target'], Wheel>}
 */
const wheels = {
  'linux-x64': {
    requirement: 'tensorflow-cpu==2.21.0',
    sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
    tag: 'manylinux_2_27_x86_64',
    python: 'cp311',
  },
  'linux-arm64': {
    requirement: 'tensorflow==2.21.0',
    sha256: '4b24aca16d527a3cf1c37f720c04c484c3d20f4d0fdfa98632ac8b9f3be6eb5c',
    tag: 'manylinux_2_27_aarch64',
    python: 'cp311',
  },
  'darwin-arm64': {
    requirement: 'tensorflow==2.21.0',
    sha256: '51f46f4806139d01fc7920cc72a4c75876f80649bf40ff083ab6212ceb43ca88',
    tag: 'macosx_12_0_arm64',
    python: 'cp311',
  },
};

const libraries = String.raw`^tensorflow/libtensorflow_(cc|framework)\.(so\.2|2\.dylib)$`;
const headers = String.raw`^tensorflow/include/(tensorflow/c|tensorflow/core/platform|xla/tsl|tsl)/.*\.h$`;

/**
 * An entry holds `tensorflow/` with the two libraries, `tfjs_binding.node` that finds them there,
 * and for a GPU `nvidia/`, where they look for CUDA.
 * @param {Platform} platform
 * @returns {import('./cache.mjs').Recipe}
 */
export function tensorflowRecipe({ target, libc }) {
  const cuda = wantsCuda();
  const wheel = cuda ? cudaTensorflow : wheels[target];
  const beside = cuda ? cudaWheels : [];
  return {
    name: cuda ? 'tensorflow-cuda' : 'tensorflow',
    key: { wheel, beside, target, libc, addon: '4.22.0' },
    file: import.meta.filename,
    ...(cuda && { neededGiB: 10 }),
    check() {
      findCompiler();
      findPython();
    },
    async make(directory) {
      await unpackWheel(wheel, directory, `${libraries}|${headers}`);
      for (const one of beside) await unpackWheel(one, directory, cudaLibraries);
      await compileAddon(directory);
      await rm(join(directory, 'tensorflow/include'), { recursive: true });
    },
  };
}

/**
 * Two files over Node-API: one build serves every supported Node.
 * @param {string} directory
 */
async function compileAddon(directory) {
  const library = join(directory, 'tensorflow');
  const names = (await readdir(library)).filter((name) => name.startsWith('libtensorflow_'));
  const mac = process.platform === 'darwin';
  const origin = mac ? '@loader_path' : '$ORIGIN';
  const args = [
    ...['-shared', '-fPIC', '-O2', '-std=c++17', '-DNAPI_VERSION=8'],
    ...['-I', join(modules, 'node-api-headers/include'), '-I', join(library, 'include')],
    ...['tfjs_backend.cc', 'tfjs_binding.cc'].map((file) => join(addonPackage, 'binding', file)),
    ...names.map((name) => join(library, name)),
    `-Wl,-rpath,${origin}/tensorflow`,
    ...(mac ? ['-undefined', 'dynamic_lookup'] : []),
    ...['-o', join(directory, 'tfjs_binding.node')],
  ];
  try {
    await run(findCompiler(), args, { maxBuffer: 2 ** 26 });
  } catch (error) {
    const { stderr } = /** @type {Error & { stderr: string }} */ (error);
    const line = stderr.split('\n').find((text) => text.includes('error'));
    throw new Error(`the addon does not compile: ${line ?? stderr.slice(-500)}`, { cause: error });
  }
}

/**
 * Links the addon into node_modules, which `npm ci` wipes.
 * @param {string} entry
 */
export async function installAddon(entry) {
  const link = join(addonPackage, 'lib/napi-v8/tfjs_binding.node');
  const target = join(entry, 'tfjs_binding.node');
  if ((await readlink(link).catch(() => undefined)) === target) return;
  await mkdir(dirname(link), { recursive: true });
  const part = `${link}.${randomUUID()}`;
  await symlink(target, part);
  await rename(part, link);
}
