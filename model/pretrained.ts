/** Pretrained weights: what a network takes of a file, by names and shapes, stored in one form. Needs no TensorFlow. */
import { NightshiftError } from '../contract/failures.ts';
import type { Config } from '../contract/config.ts';
import type { Conventions } from '../contract/weights.ts';
import { readBundle } from './bundle.ts';
import { Graph } from './graph/graph.ts';
import { layersOn } from './layers.ts';
import type { NetworkVariables } from './layers.ts';
import { backbone } from './resnet50.ts';
import type { Architecture } from './resnet50.ts';
import { writeTensors } from './safetensors.ts';
import type { NamedTensor } from './safetensors.ts';
import { slimName } from './slim.ts';

/** Whose file, and where it lies; a bundle by its prefix. */
export interface WeightsFile {
  readonly kind: 'keras' | 'saved-model' | 'nightshift';
  readonly path: string;
}

/** The network that is to begin with it. */
export interface Network {
  readonly architecture: Architecture;
  readonly stem: Config['model']['stem'];
  readonly classes: number;
}

export interface PretrainedReport {
  /** The network's variables that the file gives. */
  readonly loaded: readonly string[];
  /** In the file, by its own names, but not in the network: a head of other classes. */
  readonly skipped: readonly string[];
  /** The network's variables that the file does not give: they begin from the seed. */
  readonly fresh: readonly string[];
}

/** How somebody else's weights are meant. TF-Hub's modules take [0, 1] and make [-1, 1] of it themselves. */
export function conventionsOfFile(
  kind: 'keras' | 'saved-model',
  architecture: Config['model']['architecture'],
): Conventions {
  if (kind === 'saved-model') return { topology: 'slim', pixels: 'minus-one-one' };
  const pixels = architecture === 'resnet50' ? 'caffe' : 'minus-one-one';
  return { topology: 'keras', pixels };
}

/**
 * Writes what the network takes of the file to `target`: all of the backbone, and the head where
 * the classes are as many. Throws `InvalidData` when the file is not whole, lacks a variable of
 * the backbone, has one of another shape, or one that holds NaN or an infinity.
 */
export async function takePretrained(
  network: Network,
  { kind, path }: WeightsFile,
  target: string,
): Promise<PretrainedReport> {
  const take = (weights: ReadonlyMap<string, NamedTensor>): PretrainedReport => {
    const { taken, report } = match(network, kind, weights);
    writeTensors(target, taken);
    return report;
  };
  if (kind === 'saved-model') return take(slimWeights(readBundle(path)));
  if (kind === 'nightshift') return take(readBundle(path));
  // HDF5 costs half a gigabyte and seconds to load, which few runs need.
  const { withKerasFile } = await import('./keras-file.ts');
  return withKerasFile(path, take);
}

interface Wanted {
  readonly name: string;
  readonly shape: readonly number[];
}

function match(
  network: Network,
  kind: WeightsFile['kind'],
  weights: ReadonlyMap<string, NamedTensor>,
): { taken: NamedTensor[]; report: PretrainedReport } {
  const wanted = variablesOf(network);
  const nameOf = (name: string): string => nameIn(kind, weights, network, name);
  if (!wanted.some(({ name }) => weights.has(nameOf(name)))) {
    const own = [...weights.keys()].slice(0, 3).join(', ') || 'none';
    throw invalid(
      `have none of the network's variables, such as ${nameOf(wanted[0]!.name)}; their own begin with: ${own}`,
    );
  }
  const taken: NamedTensor[] = [];
  const fresh: string[] = [];
  const used = new Set<string>();
  for (const { name, shape } of wanted) {
    const found = weights.get(nameOf(name));
    const fits = found?.shape.join() === shape.join();
    if (found && fits) {
      taken.push({ name, shape, values: () => sound(found) });
      // Its plain value too, where the average stands in for it.
      used.add(found.name).add(name);
    } else if (isHead(name)) fresh.push(name);
    else if (!found) throw invalid(`have no variable ${nameOf(name)}`);
    else {
      const [got, expected] = [found.shape, shape].map((sizes) => `[${sizes.join(', ')}]`);
      throw invalid(`have ${nameOf(name)} in shape ${got}, expected ${expected}`);
    }
  }
  const skipped = [...weights.keys()].filter((name) => !used.has(name) && !isState(kind, name));
  return { taken, report: { loaded: taken.map(({ name }) => name), skipped, fresh } };
}

/** A ReLU can make 0 of NaN: then no loss would show it. */
function sound({ name, values }: NamedTensor): Float32Array {
  const read = values();
  const bad = read.find((value) => !Number.isFinite(value));
  if (bad === undefined) return read;
  throw new NightshiftError(
    'InvalidData',
    `the weights have ${bad} in ${name}: give those of a training that came to numbers`,
  );
}

const isHead = (name: string): boolean => name.startsWith('head/');

/** What a checkpoint holds beside the network: the optimizer's slots, averages of what is taken. */
const isState = (kind: WeightsFile['kind'], name: string): boolean =>
  kind === 'nightshift' && name.split('/').length > 2;

/** As the file calls a variable of the network. */
function nameIn(
  kind: WeightsFile['kind'],
  weights: ReadonlyMap<string, NamedTensor>,
  { architecture }: Network,
  name: string,
): string {
  switch (kind) {
    case 'keras':
      return name.replace(/^head\//, 'predictions/');
    case 'saved-model':
      return slimName(name, architecture.block);
    case 'nightshift': {
      // What was validated, where the run kept an average.
      const average = `${name}/average`;
      return weights.has(average) ? average : name;
    }
  }
}

/** By names without what stands before the network's own; the head's 1x1 convolution as a matrix. */
function slimWeights(bundle: ReadonlyMap<string, NamedTensor>): Map<string, NamedTensor> {
  return new Map(
    [...bundle.values()].map(({ name, shape, values }) => {
      const own = name.replace(/^.*?(?=resnet_v\d_\d+\/)/, '');
      const flat = own.endsWith('logits/weights') ? shape.slice(2) : shape;
      return [own, { name: own, shape: flat, values }];
    }),
  );
}

/** The variables of a network, which are the same for images of any size. */
export function variablesOf({ architecture, stem, classes }: Network): Wanted[] {
  const graph = new Graph();
  const variables: NetworkVariables = new Map();
  const layers = layersOn(
    graph,
    variables,
    { variables: new Map(), updates: [] },
    { mode: 'train', compute: 'float32', momentum: 0, trains: () => true },
  );
  const images = graph.placeholder('images', 'float32', [null, 32, 32, 3]);
  layers.dense('head', backbone(graph, layers, architecture, stem, images), classes);
  return [...variables.values()].map(({ name, shape }) => ({ name, shape: shape as number[] }));
}

const invalid = (problem: string): NightshiftError =>
  new NightshiftError(
    'InvalidData',
    `the weights ${problem}: give weights of the network that model.architecture and model.stem name, or set these to theirs`,
  );
