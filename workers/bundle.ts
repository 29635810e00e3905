/**
 * Bundles the workflows, in a process of its own that ends again: what the bundler leaves behind is
 * more than all else that a data worker holds. Run with the path of the workflows.
 */
import { bundleWorkflowCode } from '@temporalio/worker';
import { readSettings } from './settings.ts';
import { loggingOf } from './telemetry.ts';

/** The worker that wants it is gone. */
process.once('disconnect', () => process.exit(1));
const bundle = await bundleWorkflowCode({
  ...loggingOf(readSettings().logFormat),
  workflowsPath: process.argv[2]!,
});
process.send!(bundle, () => process.exit());
