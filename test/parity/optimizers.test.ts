/** Every optimizer, with all that goes with it, against Keras's on the same gradients. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { peersPython } from '../../bench/peers.mjs';
import { configSchema } from '../../contract/config.ts';
import type { ConfigInput } from '../../contract/config.ts';
import { Graph } from '../../model/graph/graph.ts';
import { openSession } from '../../model/graph/session.ts';
import { assign, initializeAll, ones, variable, zeros } from '../../model/graph/variables.ts';
import type { Role } from '../../model/layers.ts';
import { takeStep } from '../../model/step.ts';
import type { StepSettings } from '../../model/step.ts';

type TrainingInput = NonNullable<ConfigInput['training']>;

const cases: Record<string, TrainingInput> = {
  rmsprop: { optimizer: { name: 'rmsprop' } },
  'rmsprop with momentum': { optimizer: { name: 'rmsprop', momentum: 0.9, rho: 0.8 } },
  'rmsprop, centered': { optimizer: { name: 'rmsprop', centered: true, epsilon: 1e-3 } },
  sgd: { optimizer: { name: 'sgd' } },
  'sgd with momentum': { optimizer: { name: 'sgd', momentum: 0.9 } },
  'sgd with Nesterov momentum': { optimizer: { name: 'sgd', momentum: 0.9, nesterov: true } },
  adamw: { optimizer: { name: 'adamw' }, weightDecay: 0.01 },
  'sgd with weight decay': { optimizer: { name: 'sgd' }, weightDecay: 0.1 },
  'rmsprop, clipped by the global norm': {
    optimizer: { name: 'rmsprop' },
    clipGlobalNorm: 0.5,
  },
  'adamw with a moving average': { optimizer: { name: 'adamw' }, averageDecay: 0.9 },
};

const values = [
  [1, -2, 3, 0.5],
  [0.1, -0.2],
];
/** Small, large, and of changing sign. */
const steps = [0.1, 0.1, 0.05, 0.05, 0.01].map((rate, step) => ({
  rate,
  gradients: values.map((row) =>
    row.map((value, index) => Math.fround(Math.sin(step + 3 * index) * (value + step))),
  ),
}));

function ours(settings: StepSettings): { values: number[][][]; averages: number[][] } {
  const graph = new Graph();
  const scalar = (name: string) => graph.placeholder(name, 'float32', []);
  const [learningRate, step, share, zero] = ['rate', 'step', 'share', 'zero'].map(scalar);
  const roles: Role[] = ['kernel', 'bias'];
  const variables = roles.map((role, index) => ({
    ...variable(graph, role, [values[index]!.length], ones),
    role,
    trainable: true,
  }));
  const given = variables.map(({ name, shape }) =>
    graph.placeholder(`${name}/g`, 'float32', shape),
  );
  const feeds = { learningRate: learningRate!, step: step!, share: share!, zero: zero! };
  const taken = takeStep(graph, variables, given, feeds, settings);
  const run = graph.after(step!, taken.nodes, 'run');
  const begun = variables.map((one, index) =>
    assign(
      graph,
      one,
      graph.constant({ dtype: 'float32', shape: one.shape, values: values[index]! }),
    ),
  );
  const kept = [...taken.slots, ...taken.averages.values(), ...taken.scratch];
  const empty = kept.map((one) => ({ ...one, initializer: zeros }));
  const seed = graph.constant({ dtype: 'int32', shape: [], values: [0] });
  const begin = graph.after(
    seed,
    [...begun, ...initializeAll(graph, empty, seed, () => 0)],
    'begin',
  );
  const session = openSession(graph);
  try {
    session.run([], [begin]);
    const read = (from: readonly { value: typeof seed }[]): number[][] =>
      from.length === 0
        ? []
        : session
            .run(
              [],
              from.map(({ value }) => value),
            )
            .map((one) => [...one]);
    const after = steps.map(({ rate, gradients }, index) => {
      const data = (numbers: readonly number[]) => Float32Array.from(numbers);
      session.run(
        [
          [learningRate!, { dtype: 'float32', shape: [], data: data([rate]) }],
          [step!, { dtype: 'float32', shape: [], data: data([index + 1]) }],
          ...given.map(
            (tensor, part) =>
              [
                tensor,
                { dtype: 'float32', shape: tensor.shape as number[], data: data(gradients[part]!) },
              ] as const,
          ),
        ],
        [run],
      );
      return read(variables);
    });
    return { values: after, averages: read([...taken.averages.values()]) };
  } finally {
    session.close();
  }
}

const settingsOf = (input: TrainingInput): StepSettings =>
  configSchema.parse({ training: input }).training;

function keras(): ReturnType<typeof ours>[] {
  const folder = mkdtempSync(join(tmpdir(), 'nightshift-optimizers-'));
  const path = join(folder, 'cases.json');
  const all = Object.values(cases).map((input) => ({ settings: settingsOf(input), steps, values }));
  writeFileSync(path, JSON.stringify(all));
  const script = new URL('./optimizers.py', import.meta.url).pathname;
  const out = execFileSync(python, [script, path], { stdio: ['ignore', 'pipe', 'pipe'] });
  rmSync(folder, { recursive: true });
  return JSON.parse(out.toString()) as ReturnType<typeof ours>[];
}

const python = await peersPython();
const expected = keras();

for (const [index, [name, input]] of Object.entries(cases).entries()) {
  test(`${name}: as Keras, step by step`, () => {
    const got = ours(settingsOf(input));
    const close = (a: number, b: number): boolean =>
      Math.abs(a - b) <= 1e-5 * Math.max(1, Math.abs(b));
    const flat = ({ values: after, averages }: typeof got): number[] => [
      ...after.flat(2),
      ...averages.flat(),
    ];
    const [mine, theirs] = [flat(got), flat(expected[index]!)];
    assert.equal(mine.length, theirs.length);
    for (const [place, value] of mine.entries()) {
      assert.ok(close(value, theirs[place]!), `${place}: ${value}, Keras ${theirs[place]}`);
    }
  });
}
