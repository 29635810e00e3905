/** Weights' files as Keras lays them out, with made values. */
import { File, ready } from 'h5wasm/node';
import type { Group } from 'h5wasm/node';
import { variablesOf } from '../../model/pretrained.ts';
import type { Architecture } from '../../model/resnet50.ts';

interface FileVariable {
  readonly name: string;
  readonly shape: readonly number[];
}

/** The variables of a network without its head. */
export function backboneOf(architecture: Architecture): FileVariable[] {
  const variables = variablesOf({ architecture, stem: 'imagenet', classes: 2 });
  return variables.filter(({ name }) => !name.startsWith('head/'));
}

/**
 * Writes all variables of the backbone, or those that `change` makes of them; all halves, or what
 * `valueOf` gives.
 */
export async function writeKerasFile(
  path: string,
  architecture: Architecture,
  change: (variables: readonly FileVariable[]) => readonly FileVariable[] = (same) => same,
  valueOf: (name: string, shape: readonly number[]) => number = () => 0.5,
  dtype: '<f' | '<d' = '<f',
): Promise<void> {
  await ready;
  const file = new File(path, 'w');
  for (const { name, shape } of change(backboneOf(architecture))) {
    const [layer, part] = name.split('/') as [string, string];
    const outer = (file.get(layer) ?? file.create_group(layer)) as Group;
    const group = (outer.get(layer) ?? outer.create_group(layer)) as Group;
    const count = shape.reduce((product, size) => product * size, 1);
    const data = dtype === '<f' ? new Float32Array(count) : new Float64Array(count);
    for (let at = 0; at < data.length; at += 1) data[at] = valueOf(name, shape);
    group.create_dataset({ name: `${part}:0`, data, shape: [...shape], dtype });
  }
  file.close();
}
