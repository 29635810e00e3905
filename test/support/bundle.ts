/** Bundles of made values, written by TensorFlow. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { Graph } from '../../model/graph/graph.ts';
import { openSession } from '../../model/graph/session.ts';
import { glorotUniform, initializeAll, saveAll, variable } from '../../model/graph/variables.ts';

export interface NamedShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Writes the variables at `prefix`, whose folder it makes; returns their values by name. */
export function writeBundle(
  prefix: string,
  variables: readonly NamedShape[],
): Map<string, Float32Array> {
  const graph = new Graph();
  const path = graph.placeholder('prefix', 'string', []);
  const seed = graph.placeholder('seed', 'int32', []);
  const all = variables.map(({ name, shape }) =>
    variable(graph, name, shape, glorotUniform([1, 1, ...shape])),
  );
  const begun = initializeAll(graph, all, seed, (name) => name.length);
  const initialized = graph.after(seed, begun, 'initialized');
  const saved = graph.after(path, [saveAll(graph, all, path)], 'saved');
  const session = openSession(graph);
  try {
    mkdirSync(dirname(prefix), { recursive: true });
    session.run([[seed, { dtype: 'int32', shape: [], data: Int32Array.of(1) }]], [initialized]);
    session.run([[path, { dtype: 'string', shape: [], data: prefix }]], [saved]);
    const values = session.run(
      [],
      all.map(({ value }) => value),
    );
    return new Map(all.map(({ name }, index) => [name, values[index] as Float32Array]));
  } finally {
    session.close();
  }
}
