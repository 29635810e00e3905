/** Pretrained weights from a file that Keras wrote: an .h5 as keras.applications publishes them, or a .weights.h5. */
import { Dataset, File, ready } from 'h5wasm/node';
import type { Group } from 'h5wasm/node';
import { NightshiftError } from '../contract/failures.ts';
import { Graph } from './graph/graph.ts';
import { layersOn } from './layers.ts';
import type { NetworkVariable, NetworkVariables } from './layers.ts';
import type { Program } from './program.ts';
import { backbone } from './resnet50.ts';
import type { Architecture } from './resnet50.ts';

/** What a file gives: names of variables. */
export interface PretrainedReport {
  readonly loaded: readonly string[];
  /** In the file, but not in the network: its own head. */
  readonly skipped: readonly string[];
}

/**
 * Gives the backbone its values; the head begins from the seed. Throws `InvalidData` when the file is no HDF5
 * file, lacks a variable of the backbone, or has one of another shape; nothing is then loaded.
 */
export async function loadPretrained(program: Program, path: string): Promise<void> {
  const wanted = program.variables.filter(({ name }) => !name.startsWith('head/'));
  await withKerasWeights(path, (weights) => {
    refuseUnlessAll(wanted, weights);
    program.assign(new Map(wanted.map(({ name }) => [name, weights.get(name)!.values()])));
  });
}

/** What `loadPretrained` would load; throws as it would. Needs no TensorFlow. */
export async function checkPretrained(
  architecture: Architecture,
  path: string,
): Promise<PretrainedReport> {
  const wanted = backboneOf(architecture);
  return withKerasWeights(path, (weights) => {
    refuseUnlessAll(wanted, weights);
    const loaded = wanted.map(({ name }) => name);
    const skipped = [...weights.keys()].filter((name) => !loaded.includes(name));
    return { loaded, skipped };
  });
}

/** The variables of a backbone, which are those of images of any size. */
export function backboneOf(architecture: Architecture): NetworkVariable[] {
  const graph = new Graph();
  const variables: NetworkVariables = new Map();
  const layers = layersOn(
    graph,
    variables,
    { variables: new Map(), updates: [] },
    { mode: 'train', compute: 'float32', momentum: 0, trains: () => true },
  );
  const images = graph.placeholder('images', 'float32', [null, 32, 32, 3]);
  backbone(graph, layers, architecture, 'imagenet', images);
  return [...variables.values()];
}

interface Weight {
  readonly shape: readonly number[];
  /** Read from the file at each call. */
  readonly values: () => Float32Array;
}

function refuseUnlessAll(
  wanted: readonly NetworkVariable[],
  weights: ReadonlyMap<string, Weight>,
): void {
  for (const { name, shape } of wanted) {
    const found = weights.get(name);
    if (!found) throw invalid(`has no variable ${name}`);
    if (found.shape.join() !== shape.join()) {
      throw invalid(
        `has ${name} in shape [${found.shape.join(', ')}], expected [${shape.join(', ')}]`,
      );
    }
  }
}

/** The file's float32 variables by `<layer>/<variable>`. */
async function withKerasWeights<T>(
  path: string,
  use: (weights: ReadonlyMap<string, Weight>) => T,
): Promise<T> {
  await ready;
  const file = new File(path, 'r');
  // It does not throw, but has no id.
  if (file.file_id < 0n) throw invalid('is not an HDF5 file, or is cut short');
  try {
    const weights = new Map<string, Weight>();
    for (const key of file.paths()) {
      const entry = file.get(key);
      if (!(entry instanceof Dataset) || entry.dtype !== '<f') continue;
      weights.set(nameOf(file, key), {
        shape: entry.shape ?? [],
        values: () => entry.value as Float32Array,
      });
    }
    return use(weights);
  } finally {
    file.close();
  }
}

/** The order in which Keras 3 numbers a layer's variables. */
const numbered = {
  norm: ['gamma', 'beta', 'moving_mean', 'moving_variance'],
  other: ['kernel', 'bias'],
};

/**
 * `<layer>/<variable>` of a dataset: in the older layout it lies at `/<layer>/<layer>/<variable>:0`,
 * in that of `.weights.h5` at `.../vars/<number>`, where the group has the layer's name.
 */
function nameOf(file: File, key: string): string {
  const parts = key.split('/');
  const [parent, last] = [parts.at(-2), parts.at(-1)!];
  if (parent !== 'vars') return `${parent}/${last.replace(/:0$/, '')}`;
  const group = file.get(parts.slice(0, -1).join('/')) as Group;
  const names = group.keys().length === numbered.norm.length ? numbered.norm : numbered.other;
  return `${group.attrs['name']?.value as string}/${names[Number(last)]}`;
}

const invalid = (problem: string): NightshiftError =>
  new NightshiftError(
    'InvalidData',
    `the weights' file ${problem}: give an .h5 or .weights.h5 file of Keras's model.architecture`,
  );
