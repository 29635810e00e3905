/** The peak of this machine's matrix multiplication, by the same library: usage `gemm.ts <precision>`; prints FLOP/s. */
import { Graph } from '../../model/graph/graph.ts';
import { matMul } from '../../model/graph/ops/dense.ts';
import { cast } from '../../model/graph/ops/elementwise.ts';
import { openSession } from '../../model/graph/session.ts';

const precision = process.argv[2] as 'float32' | 'bfloat16';
const size = 2048;
const graph = new Graph();
const shape = [size, size];
const like = { dtype: 'float32', shape } as const;
const attributes = { T: { type: 'float32' }, index_type: { type: 'int32' } } as const;
const ones = graph.addOne('Fill', [graph.ints(shape), graph.float(1)], attributes, like);
// Fed, or the product would be computed once and for all.
const factor = graph.placeholder('factor', 'float32', []);
const scaled = graph.addOne('Mul', [ones, factor], { T: { type: 'float32' } }, like);
const turns = 10;
let product = cast(graph, scaled, precision);
const other = cast(graph, ones, precision);
for (let turn = 0; turn < turns; turn += 1) product = matMul(graph, product, other);
const axes = graph.ints([0, 1]);
const sum = graph.addOne(
  'Sum',
  [cast(graph, product, 'float32'), axes],
  { T: { type: 'float32' }, Tidx: { type: 'int32' }, keep_dims: { bool: false } },
  { dtype: 'float32', shape: [] },
);
const session = openSession(graph);
let best = Infinity;
for (let round = 0; round < 6; round += 1) {
  const startedAt = performance.now();
  session.run([[factor, { dtype: 'float32', shape: [], data: Float32Array.of(1e-9) }]], [sum]);
  best = Math.min(best, (performance.now() - startedAt) / 1000);
}
console.log(JSON.stringify({ flops: (turns * 2 * size ** 3) / best }));
