/** Templates for the start form of the Temporal UI, which begins with the input of the run that its address names. */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import { cpuQueue } from '../contract/queues.ts';

/** An input for each workflow type that a user starts. */
const inputs = {
  trainingPipeline: { preset: 'quickstart', training: { epochs: 5 } },
  prepareDataset: { dataset: { source: 'cifar10' } },
  promoteModel: { model: 'pets', run: 'quickstart-20261124-112642', why: 'a first one' },
  rollbackModel: { model: 'pets', why: 'the first one was better' },
} as const;

export type TemplateType = keyof typeof inputs;
export const templateTypes = Object.keys(inputs) as TemplateType[];

const idOf = (type: TemplateType): string => `template-${type}`;

/** No worker asks there, and lists of runs leave it out. */
const queue = 'templates';

/** Makes those that are missing: runs that were ended before they began. */
export async function makeTemplates({ workflow }: Client): Promise<void> {
  for (const type of templateTypes) {
    const workflowId = idOf(type);
    try {
      const template = await workflow.start(type, {
        ...{ workflowId, taskQueue: queue, args: [inputs[type]] },
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        // Where this is cut off here, it ends by itself.
        workflowExecutionTimeout: '1 minute',
      });
      await template.terminate('a template for the start form, not to be run');
    } catch (error) {
      // Made by an earlier start, or a user has begun a run of this name.
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
  }
}

/** The address of the form that starts a run of this type. */
export function startForm(uiAddress: string, namespace: string, type: TemplateType): string {
  const form = `${uiAddress}/namespaces/${namespace}/workflows/start-workflow`;
  return `${form}?taskQueue=${cpuQueue}&workflowType=${type}&workflowId=${idOf(type)}`;
}
