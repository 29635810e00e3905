/** `nightshift dev`: this clone's servers and workers, up until Ctrl-C. */
import { once } from 'node:events';
import { cpuQueue } from '../contract/queues.ts';
import { CommandError, exitCodes, printJson, printLine } from './cli.ts';
import type { Cli, ExitCode } from './cli.ts';
import { onInterrupt } from './interrupt.ts';
import { workflowType } from './runs.ts';
import { openStack } from './stack.ts';
import type { Stack } from './stack.ts';
import { startForm, templateTypes } from './templates.ts';
import type { TemplateType } from './templates.ts';

export async function dev(
  { root, out, err, colors }: Cli,
  { json = false }: { readonly json?: boolean },
  open: typeof openStack = openStack,
): Promise<ExitCode> {
  const interruption = onInterrupt(() => {
    printLine(
      err,
      'Ctrl-C: the workers save the state they reached and hand back, the servers stop (again: stop at once).',
    );
  });
  try {
    const stack = await open(root, (line) => printLine(err, line));
    if (!stack.own) {
      await stack.close();
      throw new CommandError(
        `This clone's servers run already, with their UI at ${stack.uiAddress}; press Ctrl-C where they were started to stop them.`,
      );
    }
    await stack.makeTemplates();
    if (json) printJson(out, factsOf(stack));
    else for (const line of welcome(stack, colors)) printLine(out, line);
    if (!interruption.signal.aborted) await once(interruption.signal, 'abort');
    await stack.close();
    return exitCodes.interrupted;
  } finally {
    interruption.dispose();
  }
}

function factsOf({ uiAddress, address, namespace, objects }: Stack) {
  const formOf = (type: TemplateType): string => startForm(uiAddress, namespace, type);
  return {
    uiAddress,
    startForm: formOf(workflowType),
    startForms: Object.fromEntries(templateTypes.map((type) => [type, formOf(type)])) as Record<
      TemplateType,
      string
    >,
    workflowType,
    taskQueue: cpuQueue,
    temporalAddress: address,
    objects,
  };
}

function welcome(stack: Stack, colors: Cli['colors']): string[] {
  const { uiAddress, startForms, temporalAddress } = factsOf(stack);
  return [
    '',
    `${colors.bold('Temporal UI')}     ${uiAddress}`,
    `Start a run     ${startForms.trainingPipeline}`,
    `  there         press "Random UUID", and change the input as you like: any part of the configuration as JSON, or none`,
    `Prepare data    ${startForms.prepareDataset}`,
    `Promote a model ${startForms.promoteModel}`,
    `Roll it back    ${startForms.rollbackModel}`,
    `Task queue      ${cpuQueue}`,
    `Temporal        ${temporalAddress}`,
    `From a shell    npx nightshift train --set training.epochs=2`,
    '',
    'Ctrl-C stops it all; runs go on from their last checkpoint when it is started again.',
  ];
}
