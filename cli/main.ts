/** The command line: parses it, runs one command, and turns what happens into a sentence and an exit code. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import picocolors from 'picocolors';
import { CommandError, exitCodes, printLine } from './cli.ts';
import type { Cli, ExitCode } from './cli.ts';
import { addCommands } from './commands.ts';

/** Runs the command that `args` name (without `node` and the script); never throws. */
export async function main(
  args: readonly string[],
  overrides: Partial<Cli> = {},
): Promise<ExitCode> {
  const cli: Cli = {
    root: join(import.meta.dirname, '..'),
    cwd: process.cwd(),
    out: process.stdout,
    err: process.stderr,
    // NO_COLOR and FORCE_COLOR are obeyed, and a pipe gets no colours.
    colors: picocolors.createColors(picocolors.isColorSupported),
    ...overrides,
  };
  let exitCode: ExitCode = exitCodes.ok;
  const program = new Command('nightshift')
    .description('Durable image-classifier training on Temporal.')
    .version(readVersion(), '-v, --version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => cli.out.write(text),
      writeErr: (text) => cli.err.write(text),
    })
    .showHelpAfterError('(add --help to see what there is)');
  addCommands(program, cli, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    return explain(error, cli);
  }
}

/** One sentence with the remedy; the stack only when NIGHTSHIFT_DEBUG is set. */
function explain(error: unknown, { err, colors }: Cli): ExitCode {
  // Commander has said it already; asked-for help and version end with code 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (process.env['NIGHTSHIFT_DEBUG']) console.error(error);
  if (error instanceof CommandError) {
    printLine(err, colors.red(error.message));
    return error.exitCode;
  }
  const message = error instanceof Error ? error.message : String(error);
  printLine(err, colors.red(`${message} (NIGHTSHIFT_DEBUG=1 shows where this came from)`));
  return exitCodes.failed;
}

function readVersion(): string {
  const file = join(import.meta.dirname, '..', 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
