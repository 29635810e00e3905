/** The graph under construction. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Graph } from '../../../model/graph/graph.ts';

test('a constant asked for again is the same node; another type or shape is another', () => {
  const graph = new Graph();
  assert.equal(graph.float(2), graph.float(2));
  assert.notEqual(graph.float(2), graph.float(3));
  const integer = graph.constant({ dtype: 'int32', shape: [], values: [2] });
  assert.notEqual(graph.float(2), integer);
  assert.notEqual(integer, graph.ints([2]));
  assert.equal(graph.nodes.length, 4);
});
