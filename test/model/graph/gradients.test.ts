/** Each op's gradient against central finite differences of its own forward pass. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gradients } from '../../../model/graph/autodiff.ts';
import { Graph } from '../../../model/graph/graph.ts';
import { batchMean, softmaxCrossEntropy } from '../../../model/graph/ops/classification.ts';
import { conv2d } from '../../../model/graph/ops/convolution.ts';
import { biasAdd, matMul } from '../../../model/graph/ops/dense.ts';
import { dropout } from '../../../model/graph/ops/dropout.ts';
import { add, binary, cast, relu } from '../../../model/graph/ops/elementwise.ts';
import { batchNorm, frozenBatchNorm } from '../../../model/graph/ops/normalization.ts';
import { globalAveragePool, maxPool } from '../../../model/graph/ops/pooling.ts';
import { openSession } from '../../../model/graph/session.ts';
import type { Feed } from '../../../model/graph/session.ts';
import type { Tensor } from '../../../model/graph/tensor.ts';
import { purposes, randomStream } from '../../../data/random.ts';

interface Case {
  readonly name: string;
  /** Of the inputs; the batch is fed, so it may be unknown to the graph. */
  readonly shapes: readonly (readonly number[])[];
  readonly build: (graph: Graph, inputs: readonly Tensor[]) => Tensor;
}

const flat = (shape: readonly number[]): number => shape.reduce((product, one) => product * one, 1);

/** Values of a spread in which max and relu have no ties. */
function values(count: number, purpose: number): Float32Array {
  const random = randomStream(purpose, purposes.augmentation, [0, 0, 0]);
  return Float32Array.from({ length: count }, () => 2 * random.uniform() - 1);
}

const cases: Case[] = [
  {
    name: 'add',
    shapes: [
      [2, 3],
      [2, 3],
    ],
    build: (graph, [a, b]) => add(graph, a!, b!),
  },
  { name: 'relu', shapes: [[3, 5]], build: (graph, [x]) => relu(graph, x!) },
  {
    name: 'a tensor that is used twice',
    shapes: [[2, 3]],
    build: (graph, [x]) => add(graph, relu(graph, x!), x!),
  },
  {
    name: 'conv2d, same, stride 1',
    shapes: [
      [2, 5, 5, 2],
      [3, 3, 2, 3],
    ],
    build: (graph, [x, kernel]) => conv2d(graph, x!, kernel!, { stride: 1, border: 1 }),
  },
  {
    name: 'conv2d, of 3 px: a kernel of 5x5 meets them from each place',
    shapes: [
      [2, 3, 3, 2],
      [5, 5, 2, 3],
    ],
    build: (graph, [x, kernel]) => conv2d(graph, x!, kernel!, { stride: 1, border: 2 }),
  },
  {
    name: 'conv2d with a bias, as a matrix product',
    shapes: [[2, 3, 3, 2], [1, 1, 2, 3], [3]],
    build: (graph, [x, kernel, bias]) => conv2d(graph, x!, kernel!, { stride: 1, border: 0, bias }),
  },
  {
    name: 'conv2d, stride 2',
    shapes: [
      [2, 6, 6, 2],
      [3, 3, 2, 3],
    ],
    build: (graph, [x, kernel]) => conv2d(graph, x!, kernel!, { stride: 2, border: 1 }),
  },
  ...[
    { stride: 1, size: 1, met: 'its middle alone' },
    { stride: 1, size: 2, met: 'all of it' },
    { stride: 2, size: 2, met: 'a corner of it' },
    { stride: 2, size: 18, met: 'all of it, on a large map' },
  ].map(({ stride, size, met }) => ({
    name: `conv2d, stride ${stride}, of ${size} px: the kernel meets them with ${met}`,
    shapes: [
      [2, size, size, 2],
      [3, 3, 2, 3],
    ],
    build: (graph: Graph, [x, kernel]: readonly Tensor[]) =>
      conv2d(graph, x!, kernel!, { stride, border: 1 }),
  })),
  {
    name: 'maxPool',
    shapes: [[2, 6, 6, 2]],
    build: (graph, [x]) => maxPool(graph, x!, { size: 3, stride: 2 }),
  },
  {
    name: 'maxPool, padded',
    shapes: [[2, 6, 6, 2]],
    build: (graph, [x]) => maxPool(graph, x!, { size: 3, stride: 2, padding: 'same' }),
  },
  {
    name: 'maxPool of size 1, as a strided shortcut',
    shapes: [[1, 4, 4, 2]],
    build: (graph, [x]) => maxPool(graph, x!, { size: 1, stride: 2 }),
  },
  {
    name: 'globalAveragePool',
    shapes: [[2, 3, 4, 2]],
    build: (graph, [x]) => globalAveragePool(graph, x!),
  },
  {
    name: 'matMul',
    shapes: [
      [3, 4],
      [4, 2],
    ],
    build: (graph, [x, kernel]) => matMul(graph, x!, kernel!),
  },
  {
    name: 'biasAdd',
    shapes: [[3, 2, 2, 4], [4]],
    build: (graph, [x, bias]) => biasAdd(graph, x!, bias!),
  },
  {
    name: 'batchNorm',
    shapes: [[3, 4, 4, 2], [2], [2]],
    build: (graph, [x, gamma, beta]) =>
      batchNorm(graph, x!, { gamma: gamma!, beta: beta!, epsilon: 1e-3 }).y,
  },
  {
    name: 'frozenBatchNorm',
    shapes: [[3, 4, 4, 2], [2], [2]],
    build: (graph, [x, gamma, beta]) =>
      frozenBatchNorm(
        graph,
        x!,
        { gamma: gamma!, beta: beta!, epsilon: 1e-3 },
        {
          mean: graph.constant({ dtype: 'float32', shape: [2], values: [0.1, -0.2] }),
          variance: graph.constant({ dtype: 'float32', shape: [2], values: [0.5, 2] }),
        },
      ),
  },
  {
    name: 'dropout',
    shapes: [[4, 6]],
    build: (graph, [x]) => dropout(graph, x!, 0.5, graph.ints([3, 4])),
  },
  {
    name: 'softmaxCrossEntropy and batchMean',
    shapes: [[3, 4]],
    build: (graph, [logits]) => {
      const labels = graph.constant({
        dtype: 'float32',
        shape: [3, 4],
        values: [0, 1, 0, 0, 0.5, 0, 0.5, 0, 0, 0, 0, 1],
      });
      return batchMean(graph, softmaxCrossEntropy(graph, logits!, labels));
    },
  },
];

/** A scalar in which every element of y weighs differently. */
function weighedSum(graph: Graph, y: Tensor, shape: readonly number[]): Tensor {
  const weights = graph.constant({ dtype: 'float32', shape, values: [...values(flat(shape), 99)] });
  const axes = graph.ints(shape.map((_, axis) => axis));
  const loss = graph.addOne(
    'Sum',
    [binary(graph, 'Mul', y, weights), axes],
    { T: { type: 'float32' }, Tidx: { type: 'int32' }, keep_dims: { bool: false } },
    { dtype: 'float32', shape: [] },
  );
  graph.record({ op: 'Sum', inputs: [y], outputs: [loss], gradient: () => [weights] });
  return loss;
}

for (const { name, shapes, build } of cases) {
  test(`the gradient of ${name} is that of finite differences`, () => {
    const graph = new Graph();
    const inputs = shapes.map((shape, index) =>
      graph.placeholder(`input${index}`, 'float32', shape),
    );
    const y = build(graph, inputs);
    const loss = weighedSum(graph, y, y.shape as number[]);
    const derived = gradients(graph, loss, inputs);
    const session = openSession(graph);
    const data = shapes.map((shape, index) => values(flat(shape), index + 1));
    const feeds = (changed: readonly Float32Array[]): [Tensor, Feed][] =>
      inputs.map((input, index) => [
        input,
        { dtype: 'float32', shape: shapes[index]!, data: changed[index]! },
      ]);
    const lossAt = (changed: readonly Float32Array[]): number =>
      session.run(feeds(changed), [loss])[0]![0]!;

    const found = session.run(feeds(data), derived);
    const step = 1e-2;
    for (const [index, gradient] of found.entries()) {
      for (let element = 0; element < gradient.length; element += 1) {
        const moved = (by: number): Float32Array[] =>
          data.map((one, at) =>
            at === index
              ? one.map((value, place) => (place === element ? value + by : value))
              : one,
          );
        const expected = (lossAt(moved(step)) - lossAt(moved(-step))) / (2 * step);
        assert.ok(
          Math.abs(gradient[element]! - expected) < 5e-3 + 2e-2 * Math.abs(expected),
          `input ${index}, element ${element}: ${gradient[element]}, finite difference ${expected}`,
        );
      }
    }
    session.close();
  });
}

test('a gradient through a cast comes back in the first type', () => {
  const graph = new Graph();
  const x = graph.placeholder('x', 'float32', [2]);
  const y = cast(graph, cast(graph, x, 'bfloat16'), 'float32');
  const [gradient] = gradients(graph, weighedSum(graph, y, [2]), [x]);
  assert.equal(gradient!.dtype, 'float32');
});

test('nothing is added below the lowest target', () => {
  const graph = new Graph();
  const x = graph.placeholder('x', 'float32', [2, 9, 9, 2]);
  const [frozen, trained] = ['frozen', 'trained'].map((name) =>
    graph.placeholder(name, 'float32', [3, 3, 2, 2]),
  );
  const below = conv2d(graph, x, frozen!, { stride: 1, border: 1 });
  const y = conv2d(graph, below, trained!, { stride: 1, border: 1 });
  const before = graph.nodes.length;
  gradients(graph, weighedSum(graph, y, [2, 9, 9, 2]), [trained!]);
  const added = graph.nodes.slice(before).map(({ op }) => op);
  assert.equal(added.filter((op) => op === 'Conv2DBackpropFilter').length, 1);
  assert.ok(!added.includes('Conv2DBackpropInput'));
});

test('a target that does not lead to the loss is refused by name', () => {
  const graph = new Graph();
  const x = graph.placeholder('x', 'float32', [2]);
  const stranger = graph.placeholder('stranger', 'float32', [2]);
  const loss = weighedSum(graph, relu(graph, x), [2]);
  assert.throws(
    () => gradients(graph, loss, [stranger]),
    /stranger: the loss does not depend on it/,
  );
});
