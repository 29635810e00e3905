/** What every command is given, the exit codes, and the error that ends a command in one sentence. */
import type picocolors from 'picocolors';

export const exitCodes = {
  ok: 0,
  /** The run failed, or something unforeseen did. */
  failed: 1,
  /** Bad usage or configuration: the same command would fail again. */
  usage: 2,
  /** Ctrl-C. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Functions that colour a text, or leave it as it is. */
export type Colors = ReturnType<typeof picocolors.createColors>;

/** Where a command prints. A terminal is redrawn in place; anything else gets plain lines. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** What every command is given. */
export interface Cli {
  /** The clone: servers' state and the unfinished run lie in its `.nightshift/`. */
  readonly root: string;
  /** Where relative paths on the command line begin, and what printed paths are relative to. */
  readonly cwd: string;
  readonly out: Output;
  readonly err: Output;
  readonly colors: Colors;
}

/** Ends the command: the message is all that the user sees, so it names the remedy. */
export class CommandError extends Error {
  readonly exitCode: ExitCode;
  constructor(message: string, exitCode: ExitCode = exitCodes.usage, cause?: unknown) {
    super(message, { cause });
    this.name = 'CommandError';
    this.exitCode = exitCode;
  }
}

export function printLine(output: Output, line = ''): void {
  output.write(`${line}\n`);
}

/** One line of JSON, for scripts. */
export function printJson(output: Output, value: unknown): void {
  printLine(output, JSON.stringify(value));
}
