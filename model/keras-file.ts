/** Weights' files that Keras wrote: an .h5 as keras.applications publishes them, or a .weights.h5. */
import { Dataset, File, ready } from 'h5wasm/node';
import type { Group } from 'h5wasm/node';
import { NightshiftError } from '../contract/failures.ts';
import type { NamedTensor } from './safetensors.ts';

/** Gives `use` the file's variables, which are to be float32, by `<layer>/<variable>`. Throws `InvalidData`. */
export async function withKerasFile<T>(
  path: string,
  use: (weights: ReadonlyMap<string, NamedTensor>) => T,
): Promise<T> {
  await ready;
  const file = new File(path, 'r');
  // It does not throw, but has no id.
  if (file.file_id < 0n) {
    throw new NightshiftError(
      'InvalidData',
      'is not an HDF5 file, or is cut short: give an .h5 or .weights.h5 file that Keras wrote, whole',
    );
  }
  try {
    const weights = new Map<string, NamedTensor>();
    for (const key of file.paths()) {
      const entry = file.get(key);
      if (!(entry instanceof Dataset) || !isFloat(entry)) continue;
      const name = nameOf(file, key);
      const values = (): Float32Array => float32Of(entry, name);
      weights.set(name, { name, shape: entry.shape ?? [], values });
    }
    return use(weights);
  } finally {
    file.close();
  }
}

/** HDF5's H5T_FLOAT, of any size. */
const isFloat = ({ metadata }: Dataset): boolean => metadata.type === 1;

function float32Of(entry: Dataset, name: string): Float32Array {
  if (entry.dtype === '<f') return entry.value as Float32Array;
  throw new NightshiftError(
    'InvalidData',
    `the weights have ${name} in HDF5's type ${JSON.stringify(entry.dtype)}, expected "<f" (float32): give them as Keras saves them where its variables are float32`,
  );
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
  if (parent === undefined) return last;
  if (parent !== 'vars') return `${parent}/${last.replace(/:0$/, '')}`;
  const group = file.get(parts.slice(0, -1).join('/')) as Group;
  const names = group.keys().length === numbered.norm.length ? numbered.norm : numbered.other;
  return `${group.attrs['name']?.value as string}/${names[Number(last)]}`;
}
