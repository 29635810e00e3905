/** Puts a run's views on the output: redrawn in place on a terminal, else lines that stay, or JSON Lines. */
import { stripVTControlCharacters } from 'node:util';
import { createLogUpdate } from 'log-update';
import { printJson, printLine } from '../cli.ts';
import type { Cli } from '../cli.ts';
import { clock } from './format.ts';
import { openPlainView } from './plain.ts';
import { runLines } from './run-view.ts';
import type { RunSnapshot } from './snapshot.ts';

export interface Renderer {
  readonly show: (snapshot: RunSnapshot) => void;
  /** A line beside the run's own, which stays. */
  readonly note: (line: string) => void;
  /** The last view stays, and what is printed next comes below it. */
  readonly end: () => void;
}

export function openRenderer({ out, colors }: Cli, json: boolean): Renderer {
  if (json) return jsonRenderer(out);
  return out.isTTY ? terminalRenderer(out as NodeJS.WriteStream, colors) : plainRenderer(out);
}

function terminalRenderer(out: NodeJS.WriteStream, colors: Cli['colors']): Renderer {
  const log = createLogUpdate(out, { showCursor: true });
  let rowsBefore = 0;
  return {
    show(snapshot) {
      const lines = runLines(snapshot, colors);
      const rows = rowsOf(lines, out.columns);
      // log-update 7.2 redraws what differs, and leaves lines that only moved where they were.
      if (rows !== rowsBefore) log.clear();
      rowsBefore = rows;
      log(lines.join('\n'));
    },
    note(line) {
      log.clear();
      // The terminal breaks it where it must: what log-update breaks is no address to click on any more.
      printLine(out, line);
    },
    end: () => log.done(),
  };
}

function rowsOf(lines: readonly string[], columns: number): number {
  return lines.reduce(
    (rows, line) => rows + Math.max(1, Math.ceil(stripVTControlCharacters(line).length / columns)),
    0,
  );
}

function plainRenderer(out: Cli['out']): Renderer {
  const newLines = openPlainView();
  return {
    show: (snapshot) => {
      for (const line of newLines(snapshot)) printLine(out, line);
    },
    note: (line) => printLine(out, `${clock(Date.now())} ${line}`),
    end: () => undefined,
  };
}

/** A line whenever something but the time is new. */
function jsonRenderer(out: Cli['out']): Renderer {
  let before = '';
  return {
    show: ({ at, ...seen }) => {
      const now = JSON.stringify(seen);
      if (now !== before) printJson(out, { at, ...seen });
      before = now;
    },
    note: (line) => printJson(out, { note: line }),
    end: () => undefined,
  };
}
