/** Puts a run's views on the output: redrawn in place on a terminal, else lines that stay, or JSON Lines. */
import { createLogUpdate } from 'log-update';
import { printJson, printLine } from '../cli.ts';
import type { Cli } from '../cli.ts';
import { clock } from './format.ts';
import { openPlainView } from './plain.ts';
import { runLines } from './run-view.ts';
import type { RunSnapshot } from './snapshot.ts';

export interface Renderer {
  show(snapshot: RunSnapshot): void;
  /** A line beside the run's own, which stays. */
  note(line: string): void;
  /** The last view stays, and what is printed next comes below it. */
  end(): void;
}

export function openRenderer({ out, colors }: Cli, json: boolean): Renderer {
  if (json) return jsonRenderer(out);
  return out.isTTY ? terminalRenderer(out as NodeJS.WriteStream, colors) : plainRenderer(out);
}

function terminalRenderer(out: NodeJS.WriteStream, colors: Cli['colors']): Renderer {
  const log = createLogUpdate(out, { showCursor: true });
  return {
    show: (snapshot) => log(runLines(snapshot, colors).join('\n')),
    note: (line) => log.persist(line),
    end: () => log.done(),
  };
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
