/** Pretrained weights from a Keras .h5 file, as keras.applications publishes them. */
import { Dataset, File, ready } from 'h5wasm/node';
import { NightshiftError } from '../contract/failures.ts';
import { Graph } from './graph/graph.ts';
import { layersOn } from './layers.ts';
import type { NetworkVariable, NetworkVariables } from './layers.ts';
import type { Program } from './program.ts';
import { backbone } from './resnet50.ts';
import type { Architecture } from './resnet50.ts';

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
  const wanted = program.variables.filter(({ name }) => !name.startsWith('head/'));
  return withKerasWeights(path, (weights) => {
    refuseUnlessAll(wanted, weights);
    program.assign(new Map([...weights].map(([name, { values }]) => [name, values()])));
    const loaded = wanted.map(({ name }) => name);
    return {
      loaded,
      skipped: [...weights.keys()].filter((name) => !loaded.includes(name)),
      fresh: program.variables.map(({ name }) => name).filter((name) => !loaded.includes(name)),
    };
  });
}

/** Throws as `loadPretrained` would, without a program: needs no TensorFlow. */
export async function checkPretrained(architecture: Architecture, path: string): Promise<void> {
  await withKerasWeights(path, (weights) => refuseUnlessAll(backboneOf(architecture), weights));
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

/** The file's float32 variables by `<layer>/<variable>`: a dataset lies at `/<layer>/<layer>/<variable>:0`. */
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
      const [layer = '', variable = ''] = key.split('/').slice(-2);
      weights.set(`${layer}/${variable.replace(/:0$/, '')}`, {
        shape: entry.shape ?? [],
        values: () => entry.value as Float32Array,
      });
    }
    return use(weights);
  } finally {
    file.close();
  }
}

const invalid = (problem: string): NightshiftError =>
  new NightshiftError(
    'InvalidData',
    `the weights' file ${problem}: give the .h5 file that Keras publishes for model.architecture, without its top`,
  );
