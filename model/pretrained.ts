/** Pretrained weights from a Keras .h5 file, as keras.applications publishes them. */
import { Dataset, File, ready } from 'h5wasm/node';
import { NightshiftError } from '../contract/failures.ts';
import type { Program } from './program.ts';

/** What a file gave: names of variables. */
export interface PretrainedReport {
  readonly loaded: readonly string[];
  /** In the file, but not in the network. */
  readonly skipped: readonly string[];
  /** In the network, but not in the file: they begin from the seed. */
  readonly fresh: readonly string[];
}

/**
 * Gives the backbone its values. The head is new. Throws `InvalidData` when the file is no HDF5
 * file, lacks a variable of the backbone, or has one of another shape; nothing is then loaded.
 */
export async function loadPretrained(program: Program, path: string): Promise<PretrainedReport> {
  const weights = await readKerasWeights(path);
  const backbone = program.variables.filter(({ name }) => !name.startsWith('head/'));
  for (const { name, shape } of backbone) {
    const found = weights.get(name);
    if (!found) throw invalid(path, `has no variable ${name}`);
    if (found.shape.join() !== shape.join()) {
      throw invalid(
        path,
        `${name} has shape [${found.shape.join(', ')}], expected [${shape.join(', ')}]`,
      );
    }
  }
  program.assign(new Map([...weights].map(([name, { values }]) => [name, values])));
  const loaded = backbone.map(({ name }) => name);
  return {
    loaded,
    skipped: [...weights.keys()].filter((name) => !loaded.includes(name)),
    fresh: program.variables.map(({ name }) => name).filter((name) => !loaded.includes(name)),
  };
}

interface Weight {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** By `<layer>/<variable>`: a dataset lies at `/<layer>/<layer>/<variable>:0`. */
async function readKerasWeights(path: string): Promise<Map<string, Weight>> {
  await ready;
  const weights = new Map<string, Weight>();
  let file;
  try {
    file = new File(path, 'r');
  } catch (cause) {
    throw invalid(path, 'is not an HDF5 file', cause);
  }
  try {
    for (const key of file.paths()) {
      const entry = file.get(key);
      if (!(entry instanceof Dataset) || !(entry.value instanceof Float32Array)) continue;
      const [layer = '', variable = ''] = key.split('/').slice(-2);
      const shape = entry.shape ?? [];
      weights.set(`${layer}/${variable.replace(/:0$/, '')}`, { shape, values: entry.value });
    }
  } finally {
    file.close();
  }
  return weights;
}

const invalid = (path: string, problem: string, cause?: unknown): NightshiftError =>
  new NightshiftError('InvalidData', `weights ${path}: ${problem}`, { cause });
