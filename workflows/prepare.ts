/** Shards: the base sets once, and each epoch's augmented set, made one epoch ahead of the trainer. */
import { patched } from '@temporalio/workflow';
import type { ActivityFunctionWithOptions } from '@temporalio/workflow';
import type { Config } from '../contract/config.ts';
import { sides } from '../contract/manifests.ts';
import type { Side } from '../contract/manifests.ts';
import { augmentedShards } from '../contract/stages.ts';
import type {
  BaseShards,
  OpenedStage,
  PartInput,
  PartedStage,
  TrainingInputs,
} from '../contract/stages.ts';
import { mostPages, partPages } from '../contract/plan.ts';
import { inWindow } from '../contract/window.ts';
import { data } from './activities.ts';
import type { Advance } from './progress.ts';

/** Activities that make parts, under way at once: keeps many workers busy, and bounds the history's bursts. */
const pagesAtOnce = 32;

/** Whether parts that are there count as made, or are read and made again where they are damaged. */
export type Trust = 'trust' | 'verify';

/** Writes the decoded, resized images of each side as shards. */
export async function prepareBaseShards(
  split: string,
  config: Config,
  advance: Advance,
  trust: Trust = 'trust',
): Promise<Record<Side, OpenedStage>> {
  const stages = sides.map((side): BaseShards => ({
    kind: 'base',
    split,
    side,
    imageSize: config.model.imageSize,
    shardBytes: config.dataset.shardBytes,
  }));
  const opened = await Promise.all(stages.map((stage) => open(stage, trust)));
  const total = opened.reduce((sum, { parts }) => sum + parts, 0);
  let done = 0;
  await Promise.all(
    stages.map((stage, index) =>
      makeParts(
        stage,
        opened[index] as OpenedStage,
        data.writeShard,
        `${stage.side} shard`,
        (parts) => advance((done += parts), total),
      ),
    ),
  );
  const [train, validation, test] = opened as [OpenedStage, OpenedStage, OpenedStage];
  return { train, validation, test };
}

/** Makes the augmented shards of one epoch; at once when they are there already, and trusted. */
export async function prepareEpoch(
  inputs: TrainingInputs,
  epoch: number,
  trust: Trust,
): Promise<void> {
  const stage = augmentedShards(inputs, epoch);
  const opened = await open(stage, trust);
  await makeParts(stage, opened, data.augmentShard, `epoch ${epoch + 1} augmented shard`);
}

/** To be verified, a stage counts as not sealed: each part is looked at by an activity of its own. */
export async function open(stage: PartedStage, trust: Trust): Promise<OpenedStage> {
  const summary = nameOf(stage);
  const opened = await data.openStage.executeWithOptions({ summary }, [stage]);
  return trust === 'trust' ? opened : { ...opened, sealed: false };
}

/** Makes the parts of an opened stage and seals it; a sealed one is done. */
export async function makeParts<Stage extends PartedStage>(
  stage: Stage,
  opened: OpenedStage,
  makePart: ActivityFunctionWithOptions<(input: PartInput<Stage>) => Promise<void>>,
  name: string,
  onParts: (parts: number) => void = () => undefined,
): Promise<void> {
  const { digest, parts, sealed } = opened;
  if (sealed) return;
  // A run from before there were pages has an activity for each part in its history.
  const most = parts <= mostPages || patched('part-pages') ? mostPages : parts;
  await inWindow(partPages(parts, most), pagesAtOnce, async ({ part, parts: count }) => {
    const last = count === 1 ? '' : ` to ${part + count}`;
    const summary = `${name} ${part + 1}${last}/${parts}`;
    const page = { stage, digest, part, ...(count > 1 && { parts: count }) };
    await makePart.executeWithOptions({ summary }, [page]);
    onParts(count);
  });
  await data.sealStage.executeWithOptions({ summary: nameOf(stage) }, [stage]);
}

/** As the run's timeline calls it. */
function nameOf(stage: PartedStage): string {
  switch (stage.kind) {
    case 'base':
      return `${stage.side} shards`;
    case 'augmented':
      return `view ${stage.view + 1} of the training images`;
    case 'features':
      return 'features';
    case 'predictions':
      return 'run' in stage.checkpoint
        ? `predictions of step ${stage.checkpoint.step}`
        : `predictions of the champion of ${stage.checkpoint.model}`;
  }
}
