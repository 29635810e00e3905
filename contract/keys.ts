/** Every object key in the bucket. Of all that a user names only a model's name is part of keys (contract/model-name.ts). */

/** A data stage's commit point: `stages/<digest>/manifest.json`. */
export const stageManifestKey = (digest: string): string => `stages/${digest}/manifest.json`;

/** The commit point of one part (a shard) of a data stage, sealed later by the stage's manifest. */
export const partManifestKey = (digest: string, part: number): string =>
  `stages/${digest}/parts/${padded(part, 5)}/manifest.json`;

/** All data stages. */
export const stagesPrefix = 'stages/';

/** Empty: says by its age when a stage was last asked for that may be let go of so many days later. */
export const stageKeptKey = (digest: string, days: number): string =>
  `${stagesPrefix}${digest}/kept/${days}`;

/** The stage that an object lies with, and what it is there; undefined for any other key. */
export function placeInStage(key: string):
  | {
      readonly digest: string;
      readonly isManifest: boolean;
      /** That of a part, whether the stage itself has one or not. */
      readonly isPartManifest: boolean;
      /** A page of a dataset's index. */
      readonly isIndex: boolean;
      readonly keptDays: number | undefined;
    }
  | undefined {
  const match = /^stages\/([0-9a-f]{64})\/(.+)$/.exec(key);
  if (!match) return undefined;
  const [, digest, rest] = match as unknown as [string, string, string];
  const kept = /^kept\/(\d+)$/.exec(rest);
  return {
    digest,
    isManifest: rest === 'manifest.json',
    isPartManifest: /^parts\/\d+\/manifest\.json$/.test(rest),
    isIndex: /\/index-\d+\.jsonl$/.test(rest),
    keptDays: kept ? Number(kept[1]) : undefined,
  };
}

/** Where one attempt at a stage, or at one part of it, puts its data. */
export const stageDataPrefix = (digest: string, attempt: string): string =>
  `stages/${digest}/data/${attempt}/`;

/** What is known of a source address: its ETag, length and date, and the digest it had. A mutable pointer. */
export const sourcePointerKey = (addressDigest: string): string => `sources/${addressDigest}.json`;

/** All runs. */
export const runsPrefix = 'runs/';

/** A run's own folder; `run` is its workflow's first execution run id. */
export const runPrefix = (run: string): string => `${runsPrefix}${run}/`;

/** The run as its workflow has it. A mutable pointer. */
export const runRecordKey = (run: string): string => `${runPrefix(run)}run.json`;

/** Whether a key is that of a run's record. */
export const isRunRecordKey = (key: string): boolean => /^runs\/[^/]+\/run\.json$/.test(key);

/** Which run a workflow's id stands for, by the id's digest. A mutable pointer. */
export const runNameKey = (workflowIdDigest: string): string => `names/${workflowIdDigest}.json`;

/** What a run came to: the commit point of its report and metrics. */
export const runResultKey = (run: string): string => `${runPrefix(run)}result/manifest.json`;

/** The page that an execution of a run leaves which has failed. */
export const failureReportKey = (run: string, execution: string): string =>
  `${runPrefix(run)}failures/${execution}.html`;

/** All models. */
export const modelsPrefix = 'models/';

/** Which version of a model counts. A mutable pointer. */
export const championKey = (model: string): string => `${modelsPrefix}${model}/champion.json`;

/** The model whose champion a key names; undefined for any other key. */
export const modelOfChampionKey = (key: string): string | undefined =>
  /^models\/([^/]+)\/champion\.json$/.exec(key)?.[1];

/** The commit point of a version, by the digest of its variables. */
export const versionManifestKey = (model: string, digest: string): string =>
  `${versionsPrefix(model)}${digest}/manifest.json`;

/** Where one attempt at a version puts its data. */
export const versionDataPrefix = (model: string, digest: string, attempt: string): string =>
  `${versionsPrefix(model)}${digest}/${attempt}/`;

/** All versions of a model. */
export const versionsPrefix = (model: string): string => `${modelsPrefix}${model}/versions/`;

/** The version whose manifest a key is that of; undefined for any other key. */
export const digestOfVersionKey = (key: string): string | undefined =>
  /\/versions\/([0-9a-f]{64})\/manifest\.json$/.exec(key)?.[1];

/** What was last trained for a model, promoted or not. A mutable pointer. */
export const consideredKey = (model: string): string => `${modelsPrefix}${model}/considered.json`;

/** How the champion of this generation came to be that. Never changed. */
export const championHistoryKey = (model: string, generation: number): string =>
  `${championHistoryPrefix(model)}${padded(generation, 8)}.json`;

/** The history of a model's champions. */
export const championHistoryPrefix = (model: string): string => `${modelsPrefix}${model}/history/`;

/** The generation that a key of a history is of; undefined for any other key. */
export function generationOfHistoryKey(key: string): number | undefined {
  const match = /\/history\/(\d{8})\.json$/.exec(key);
  return match ? Number(match[1]) : undefined;
}

/** The checkpoints of one lineage of a run. */
export const lineagePrefix = (run: string, lineage: string): string =>
  `${runPrefix(run)}${lineage}/`;

/** A checkpoint's commit point. */
export const checkpointManifestKey = (run: string, lineage: string, step: number): string =>
  `${lineagePrefix(run, lineage)}${padded(step, 9)}/manifest.json`;

/** Where one attempt at a checkpoint puts its data. */
export const checkpointDataPrefix = (
  run: string,
  lineage: string,
  step: number,
  attempt: string,
): string => `${lineagePrefix(run, lineage)}${padded(step, 9)}/${attempt}/`;

/** The step named in a checkpoint manifest's key; undefined for any other key. */
export function stepOfCheckpointKey(key: string): number | undefined {
  const match = /\/(\d{9})\/manifest\.json$/.exec(key);
  return match ? Number(match[1]) : undefined;
}

/** The step of the checkpoint whose variables a key holds, by any attempt; undefined for any other key. */
export function stepOfBundleKey(key: string): number | undefined {
  const match = /\/(\d{9})\/[^/]+\/variables\.[^/]+$/.exec(key);
  return match ? Number(match[1]) : undefined;
}

/**
 * The folder of the manifests that may name an object, where that is data of an attempt; undefined
 * for manifests, pointers and all else.
 */
export function folderOfData(key: string): string | undefined {
  return attemptData.map((pattern) => pattern.exec(key)?.[1]).find((folder) => folder);
}

const attemptId = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const attemptData = [
  new RegExp(`^(stages/[^/]+/)data/${attemptId}/[^/]+$`),
  new RegExp(`^(runs/[^/]+/result/)${attemptId}/[^/]+$`),
  new RegExp(`^(runs/[^/]+/[^/]+/\\d{9}/)${attemptId}/[^/]+$`),
  new RegExp(`^(models/[^/]+/versions/[^/]+/)${attemptId}/[^/]+$`),
];

/** The manifest of the checkpoint whose bundle has this prefix; undefined for any other prefix. */
export function manifestKeyOfBundle(prefix: string): string | undefined {
  const match = /^(runs\/[^/]+\/[^/]+\/\d{9})\/[^/]+\/variables$/.exec(prefix);
  return match ? `${match[1]}/manifest.json` : undefined;
}

const padded = (value: number, width: number): string => String(value).padStart(width, '0');
