/** `nightshift models`: the champions there are, and how one came to be that. Reads the store itself. */
import { championHistoryKey } from '../contract/keys.ts';
import type { HistoryEntry, ModelVersion } from '../contract/models.ts';
import { historyOf, modelNames, readChampion } from '../model/champions.ts';
import { readVersion } from '../model/model-versions.ts';
import type { ObjectStore } from '../storage/store.ts';
import { CommandError, exitCodes, printJson, printLine } from './cli.ts';
import type { Cli, ExitCode } from './cli.ts';
import { connect } from './connect.ts';
import { dayAndTime, percent, shortDigest } from './view/format.ts';
import { columns } from './view/table.ts';

/** `name`: of one model, with its history; without it, all. */
export async function models(
  { root, out }: Cli,
  name: string | undefined,
  { json = false }: { readonly json?: boolean },
  open: typeof connect = connect,
): Promise<ExitCode> {
  const servers = await open(root);
  const store = await servers.openStore();
  try {
    const names = name === undefined ? await modelNames(store) : [name];
    const found = (await Promise.all(names.map((model) => look(store, model)))).filter(
      (model) => model !== undefined,
    );
    if (name !== undefined && found.length === 0) {
      throw new CommandError(
        `Bucket ${store.bucket} has no model '${name}'; \`npx nightshift models\` shows those there are.`,
      );
    }
    if (json) printJson(out, name === undefined ? found : found[0]);
    else {
      const lines = name === undefined ? overview(found) : details(store, found[0]!);
      for (const line of lines) printLine(out, line);
    }
    return exitCodes.ok;
  } finally {
    store.close();
    await servers.close();
  }
}

interface SeenModel {
  readonly model: string;
  readonly champion: Pick<ModelVersion, 'digest' | 'workflowId' | 'metrics' | 'files'>;
  readonly since: number;
  readonly history: readonly HistoryEntry[];
}

async function look(store: ObjectStore, model: string): Promise<SeenModel | undefined> {
  const pointer = await readChampion(store, model);
  if (!pointer) return undefined;
  const { digest, workflowId, metrics, files } = await readVersion(store, pointer);
  const history: HistoryEntry[] = [];
  for await (const entry of historyOf(store, model)) history.push(entry);
  return { model, champion: { digest, workflowId, metrics, files }, since: pointer.at, history };
}

function overview(found: readonly SeenModel[]): string[] {
  if (found.length === 0) {
    return ['There is no model yet; `npx nightshift promote <run> --model <name>` makes one.'];
  }
  return columns([
    ['MODEL', 'CHAMPION', 'SINCE', 'ACCURACY', 'RUN'],
    ...found.map(({ model, champion, since }) => [
      ...[model, shortDigest(champion.digest), dayAndTime(since)],
      ...[percent(champion.metrics.accuracy), champion.workflowId],
    ]),
  ]);
}

function details(store: ObjectStore, { model, champion, history }: SeenModel): string[] {
  const [index] = champion.files;
  return [
    ...columns([
      ['', 'SINCE', 'HOW', 'VERSION', 'ACCURACY', 'RUN', 'BY', 'WHY'],
      ...history.map((entry) => [
        ...[String(entry.generation), dayAndTime(entry.at), entry.kind],
        ...[shortDigest(entry.digest), percent(entry.metrics.accuracy), entry.workflowId],
        ...[entry.by, entry.why],
      ]),
    ]),
    '',
    `Model    s3://${store.bucket}/${index!.key.replace(/\.index$/, '')}.*`,
    `History  s3://${store.bucket}/${championHistoryKey(model, history[0]!.generation)} and before`,
  ];
}
