/** Which workflows are under way, by the Temporal server that this worker works for. */
import { Context } from '@temporalio/activity';
import { cpuQueue } from '../contract/queues.ts';

/** Their ids. One that has just begun may not be listed yet. */
export async function* runningWorkflows(): AsyncGenerator<string> {
  const query = `TaskQueue = '${cpuQueue}' AND ExecutionStatus = 'Running'`;
  for await (const { workflowId } of Context.current().client.workflow.list({ query })) {
    yield workflowId;
  }
}
