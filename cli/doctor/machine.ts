/** The machine: what runs on it, what it computes with, what room it has. */
import { readFileSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { wantsCuda } from '../../infra/local/cuda.mjs';
import { checkNode } from '../../infra/local/prerequisites.mjs';
import { lookForGpu } from '../../model/trainer-client.ts';
import type { Settings } from '../../workers/settings.ts';
import { broken, doubtful, fine, reasonOf } from './finding.ts';
import type { Finding } from './finding.ts';

export async function* machineFindings(settings: Settings): AsyncGenerator<Finding> {
  yield nodeFinding();
  yield packagesFinding(join(import.meta.dirname, '../..'));
  yield* tensorflowFindings(settings);
  yield diskFinding(settings, freeBytes(settings.stateDirectory));
}

function nodeFinding(): Finding {
  try {
    checkNode();
    return fine('node', process.versions.node);
  } catch (error) {
    return broken('node', reasonOf(error), 'install Node 22');
  }
}

/** Whether the packages in node_modules are those that package.json names. */
export function packagesFinding(root: string): Finding {
  const { dependencies } = readJson(join(root, 'package.json')) as {
    dependencies: Record<string, string>;
  };
  const names = Object.keys(dependencies);
  const others = names.flatMap((name) => {
    const there = versionIn(join(root, 'node_modules', name));
    return there === dependencies[name] ? [] : [`${name} ${there}, expected ${dependencies[name]}`];
  });
  if (others.length > 0) return broken('packages', others.join('; '), 'run `npm ci`');
  const sdk = dependencies['@temporalio/client'];
  return fine('packages', `${names.length} as package.json has them, Temporal's SDK ${sdk}`);
}

function versionIn(folder: string): string {
  try {
    return (readJson(join(folder, 'package.json')) as { version: string }).version;
  } catch {
    return 'is not there';
  }
}

const readJson = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));

async function* tensorflowFindings(settings: Settings): AsyncGenerator<Finding> {
  try {
    const { tensorflow, found } = await lookForGpu(trainerScript, { execArgv, isQuiet: true });
    yield fine('tensorflow', tensorflow);
    yield gpuFinding({ isSeen: found, isThere: wantsCuda(), isRequired: settings.requireGpu });
  } catch (error) {
    yield broken(
      'tensorflow',
      `can't be loaded: ${reasonOf(error)}`,
      '`node infra/local/setup.mjs` sets it up',
    );
  }
}

/** The process that computes for a GPU worker. */
const trainerScript = new URL(import.meta.resolve('../../workers/trainer.ts'));
const execArgv = ['--import', import.meta.resolve('tsx')];

/** `isThere`: by the driver, or by NIGHTSHIFT_CUDA; `isSeen`: by TensorFlow. */
export function gpuFinding(gpu: {
  readonly isSeen: boolean;
  readonly isThere: boolean;
  readonly isRequired: boolean;
}): Finding {
  if (gpu.isSeen) return fine('gpu', 'TensorFlow sees one');
  if (gpu.isThere) {
    const problem = 'there is one, but TensorFlow does not see it: training runs on the processor';
    const remedy =
      "check that `nvidia-smi -L` lists it here; `NIGHTSHIFT_CUDA=1 node infra/local/setup.mjs` sets TensorFlow up with CUDA's libraries";
    return gpu.isRequired ? broken('gpu', problem, remedy) : doubtful('gpu', problem, remedy);
  }
  if (gpu.isRequired) {
    return broken(
      'gpu',
      'none, but REQUIRE_GPU=1: no gpu worker starts here',
      'unset REQUIRE_GPU, or run workers where a GPU is',
    );
  }
  return fine('gpu', 'none: training runs on the processor');
}

/** In the folder, or where it will be made. */
function freeBytes(directory: string): number {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  } catch (error) {
    const parent = dirname(directory);
    if (parent === directory) throw error;
    return freeBytes(parent);
  }
}

/** The states of a ResNet-50 that are kept or under way, with CIFAR-10 beside them where the store is on the same disk: 0.8 GB measured. */
const runGiB = 2;

export function diskFinding(
  { stateDirectory, cacheBytes }: Pick<Settings, 'stateDirectory' | 'cacheBytes'>,
  free: number,
): Finding {
  const [freeGiB, cacheGiB] = [free / 2 ** 30, cacheBytes / 2 ** 30];
  const found = `${freeGiB.toFixed(1)} GiB free for ${stateDirectory}`;
  if (freeGiB < runGiB) {
    return broken(
      'disk',
      `${found}, a run takes up to ${runGiB}`,
      'make room, or set NIGHTSHIFT_STATE to a folder with more',
    );
  }
  if (freeGiB < runGiB + cacheGiB) {
    return doubtful(
      'disk',
      `${found}, a run takes up to ${runGiB} and the shard cache ${cacheGiB}`,
      `set NIGHTSHIFT_CACHE_GIB below ${Math.max(1, Math.floor(freeGiB - runGiB))}, or NIGHTSHIFT_STATE to a folder with more`,
    );
  }
  return fine(
    'disk',
    `${found}, where a run takes up to ${runGiB} and the shard cache ${cacheGiB}`,
  );
}
