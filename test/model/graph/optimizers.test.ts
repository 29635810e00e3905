/** Optimizers among several variables; what one makes of its gradients, `npm run test:parity` holds against Keras. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Graph } from '../../../model/graph/graph.ts';
import { update } from '../../../model/graph/optimizers.ts';
import type { Scratch } from '../../../model/graph/optimizers.ts';
import { openSession } from '../../../model/graph/session.ts';
import { initializeAll, ones, variable } from '../../../model/graph/variables.ts';

const rmsprop = { name: 'rmsprop', rho: 0.9, momentum: 0, epsilon: 1e-7, centered: false } as const;
const size = 1_000;

/** Where five steps of RMSprop lead variables of one shape, each with gradients of its own. */
function train(seeds: readonly number[]): { values: Float32Array[]; scratches: number } {
  const graph = new Graph();
  const learningRate = graph.float(0.01);
  const scratch: Scratch = new Map();
  const learning = seeds.map((seed) => {
    const target = variable(graph, `learning${seed}`, [size], ones);
    return { seed, target, gradient: graph.placeholder(`gradient${seed}`, 'float32', [size]) };
  });
  const updates = learning.map(({ target, gradient }) =>
    update(graph, target, gradient, { learningRate, step: learningRate }, rmsprop, scratch),
  );
  const nodes = updates.map(({ node }) => node);
  const taken = graph.after(learningRate, nodes, 'taken');
  const variables = [
    ...learning.map(({ target }) => target),
    ...updates.flatMap(({ slots }) => slots),
    ...[...scratch.values()].map((one) => one.variable),
  ];
  const zero = graph.ints([0]);
  const begun = graph.after(
    zero,
    initializeAll(graph, variables, zero, () => 0),
    'begun',
  );
  const session = openSession(graph);
  session.run([], [begun]);
  for (let step = 1; step <= 5; step += 1) {
    const feeds = learning.map(({ seed, gradient }) => {
      const data = Float32Array.from({ length: size }, (_, index) => Math.sin(seed * step + index));
      return [gradient, { dtype: 'float32', shape: [size], data }] as const;
    });
    session.run(feeds, [taken]);
  }
  const values = learning.map(({ target }) => session.run([], [target.value])[0] as Float32Array);
  session.close();
  return { values, scratches: scratch.size };
}

test("RMSprop's variables of one shape share their scratch, and go where each would alone", () => {
  const together = train([1, 2, 3]);
  assert.equal(together.scratches, 1);
  const alone = [1, 2, 3].flatMap((seed) => train([seed]).values);
  assert.deepEqual(together.values, alone);
  assert.notDeepEqual(alone[0], alone[1]);
});
