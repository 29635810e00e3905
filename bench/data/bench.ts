/** The data plane against its peers: a row a question, a file a row. */
import { parseArgs } from 'node:util';
import { augmentRow } from './augment-row.ts';
import { photographsRow } from './photographs-row.ts';
import { planningRow } from './planning-row.ts';
import { readingRows } from './reading-row.ts';
import type { Row } from './row.ts';
import { waitingRow } from './waiting-row.ts';
import { workerMemoryRow } from './worker-memory.ts';
import { workersRow } from './workers-row.ts';

const rows: readonly Row[] = [
  augmentRow,
  photographsRow,
  planningRow,
  ...readingRows,
  waitingRow,
  workersRow,
  workerMemoryRow,
];

const usage = `npm run bench -- data [options]
  --row <name>       may be repeated (default: all)
${rows.map(({ name, about }) => `                     ${name.padEnd(12)} ${about}`).join('\n')}
  --archive <path>   a dataset's archive, for the rows that read one
  --only <text>      contestants whose name has this text; may be repeated (default: all)
  --rounds <n>       rounds of each, in turn (default 5)
  --seconds <s>      a round is measured for this long (default 3)
  --json             the figures of every round`;

export async function bench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      row: { type: 'string', multiple: true, default: rows.map(({ name }) => name) },
      archive: { type: 'string' },
      only: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '3' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const chosen = rows.filter(({ name }) => values.row.includes(name));
  if (values.help || chosen.length < values.row.length) {
    console.log(usage);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  for (const row of chosen) {
    const { table, figures } = await row.measure({
      rounds: Number(values.rounds),
      seconds: Number(values.seconds),
      only: values.only,
      archive: values.archive,
    });
    console.log(
      values.json ? JSON.stringify({ [row.name]: figures }) : `\n${row.name}\n\n${table}`,
    );
  }
}
