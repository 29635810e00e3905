/** `nightshift dev`: this clone's servers and workers, up until Ctrl-C. */
import { once } from 'node:events';
import { cpuQueue } from '../contract/queues.ts';
import { CommandError, exitCodes, printJson, printLine } from './cli.ts';
import type { Cli, ExitCode } from './cli.ts';
import { onInterrupt } from './interrupt.ts';
import { workflowType } from './runs.ts';
import { openStack } from './stack.ts';
import type { Stack } from './stack.ts';

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
    if (json) printJson(out, factsOf(stack));
    else for (const line of welcome(stack, colors)) printLine(out, line);
    if (!interruption.signal.aborted) await once(interruption.signal, 'abort');
    await stack.close();
    return exitCodes.interrupted;
  } finally {
    interruption.dispose();
  }
}

function factsOf({ uiAddress, address, namespace, objects }: Stack): Record<string, string> {
  const form = `workflows/start-workflow?taskQueue=${cpuQueue}&workflowType=${workflowType}`;
  return {
    uiAddress,
    startForm: `${uiAddress}/namespaces/${namespace}/${form}`,
    workflowType,
    taskQueue: cpuQueue,
    temporalAddress: address,
    objects,
  };
}

function welcome(stack: Stack, colors: Cli['colors']): string[] {
  const { uiAddress, startForm, temporalAddress } = factsOf(stack);
  return [
    '',
    `${colors.bold('Temporal UI')}     ${uiAddress}`,
    `Start a run     ${startForm}`,
    `  there         press "Random UUID"; any part of the configuration as JSON, or none: the form begins with the last run's`,
    `Workflow type   ${workflowType}`,
    `Task queue      ${cpuQueue}`,
    `Temporal        ${temporalAddress}`,
    `From a shell    npx nightshift train --set training.epochs=2`,
    '',
    'Ctrl-C stops it all; runs go on from their last checkpoint when it is started again.',
  ];
}
