/** Of an update that a run is to refuse. */
import { WorkflowUpdateFailedError } from '@temporalio/client';
import assert from 'node:assert/strict';

export const refused = (update: Promise<unknown>, problem: RegExp): Promise<void> =>
  assert.rejects(update, (error) => {
    assert.ok(error instanceof WorkflowUpdateFailedError);
    assert.match((error.cause as Error).message, problem);
    return true;
  });
