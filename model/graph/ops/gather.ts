/** Rows of a tensor, picked by their indices. */
import type { Graph } from '../graph.ts';
import type { Tensor } from '../tensor.ts';

/** x [N, ..], indices int32 [B] -> [B, ..]. Not differentiated through. */
export function gather(graph: Graph, x: Tensor, indices: Tensor): Tensor {
  const axis = graph.constant({ dtype: 'int32', shape: [], values: [0] });
  return graph.addOne(
    'GatherV2',
    [x, indices, axis],
    {
      Tparams: { type: x.dtype },
      Tindices: { type: 'int32' },
      Taxis: { type: 'int32' },
      batch_dims: { int: 0 },
    },
    { dtype: x.dtype, shape: [indices.shape[0]!, ...x.shape.slice(1)] },
  );
}
