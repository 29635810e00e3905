/** Runs graphs: the only loader of TensorFlow. A session keeps the variables of its graph between calls. */
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeSavedModel } from './proto.ts';
import type { Signature } from './proto.ts';
import type { Graph } from './graph.ts';
import { tensorName } from './tensor.ts';
import type { Tensor } from './tensor.ts';

// Read when the library loads. oneDNN's kernels are 2 to 7 times faster than those it replaces.
process.env['TF_ENABLE_ONEDNN_OPTS'] = '1';
// Warnings: where memory runs out a kernel says so in one, and may crash then.
process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '1';

/** A value to feed: bytes are handed over without a copy, and must stay as they are until the call returns. */
export type Feed =
  | { readonly dtype: 'float32'; readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly dtype: 'int32'; readonly shape: readonly number[]; readonly data: Int32Array }
  | { readonly dtype: 'uint8'; readonly shape: readonly number[]; readonly data: Uint8Array }
  | { readonly dtype: 'string'; readonly shape: readonly []; readonly data: string };

export type Value = Float32Array | Int32Array | Uint8Array;

export interface Session {
  /** One call: feeds, runs what the outputs need, and gives them. */
  run(feeds: readonly (readonly [Tensor, Feed])[], outputs: readonly Tensor[]): Value[];
  close(): void;
}

/** The part of the addon that is used: below tfjs's eager tensors, which would copy and convert. */
interface Binding {
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_UINT8: number;
  readonly TF_STRING: number;
  readonly TF_Version: string;
  isUsingGpuDevice(): boolean;
  createTensor(shape: readonly number[], dtype: number, data: unknown): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): Value;
  loadSavedModel(directory: string, tags: string): number;
  deleteSavedModel(id: number): void;
  runSavedModel(
    id: number,
    inputs: number[],
    inputNames: string,
    outputNames: string,
  ): { id: number }[];
}

// tfjs itself stays out: nothing of it is used, and it would hold 60 MB.
const binding = createRequire(import.meta.url)(
  '@tensorflow/tfjs-node-gpu/lib/napi-v8/tfjs_binding.node',
) as Binding;
const dtypes = {
  float32: binding.TF_FLOAT,
  int32: binding.TF_INT32,
  uint8: binding.TF_UINT8,
  string: binding.TF_STRING,
};

export const tensorflowVersion: string = binding.TF_Version;
export const usesGpu: boolean = binding.isUsingGpuDevice();

/** Loads a finished graph. */
export function openSession(
  graph: Graph,
  signatures: Readonly<Record<string, Signature>> = {},
): Session {
  const directory = mkdtempSync(join(tmpdir(), 'nightshift-graph-'));
  mkdirSync(join(directory, 'variables'));
  writeFileSync(join(directory, 'saved_model.pb'), encodeSavedModel(graph.nodes, signatures));
  let model: number;
  try {
    model = binding.loadSavedModel(directory, 'serve');
  } finally {
    rmSync(directory, { recursive: true });
  }
  return {
    run(feeds, outputs) {
      const fed: number[] = [];
      try {
        for (const [, feed] of feeds) fed.push(createTensor(feed));
        const inputNames = feeds.map(([tensor]) => tensorName(tensor)).join(',');
        const outputNames = outputs.map(tensorName).join(',');
        const results = binding.runSavedModel(model, fed, inputNames, outputNames);
        return results.map(({ id }) => {
          const value = binding.tensorDataSync(id);
          binding.deleteTensor(id);
          return value;
        });
      } finally {
        for (const id of fed) binding.deleteTensor(id);
      }
    },
    close: () => binding.deleteSavedModel(model),
  };
}

function createTensor({ dtype, shape, data }: Feed): number {
  const value = dtype === 'string' ? [new TextEncoder().encode(data)] : data;
  return binding.createTensor(shape, dtypes[dtype], value);
}
