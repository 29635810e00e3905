/** The data of a run, from its source to base shards; what turns out to be damaged on the way is made anew. */
import type { Config } from '../contract/config.ts';
import type { TrainingInputs } from '../contract/stages.ts';
import { data } from './activities.ts';
import type { Hold } from './hold.ts';
import { onceMended } from './once-mended.ts';
import { prepareBaseShards } from './prepare.ts';
import type { Progress } from './progress.ts';

type Ingested = Awaited<ReturnType<typeof data.ingestDataset>>;
type Split = Awaited<ReturnType<typeof data.splitDataset>>;
type MadeData = Pick<TrainingInputs, 'config' | 'classes' | 'weights' | 'dataset' | 'split'>;

/** Takes the images in, or finds them; `digest`: of a dataset that there is. */
export function ingest({ dataset, augment }: Config, digest?: string): Promise<Ingested> {
  const { source, sha256, maxBadImages, classes } = dataset;
  const { keepDays } = augment;
  return data.ingestDataset.executeWithOptions({ summary: `images of ${source}` }, [
    { source, sha256, maxBadImages, keepDays, digest, classes },
  ]);
}

/** What an import has to say, if anything. */
export const ingestNotes = ({ setAside }: Ingested): string[] =>
  setAside ? [`${setAside} broken images set aside`] : [];

/** The stage `split`. */
export function split(
  config: Config,
  dataset: string,
  { progress, hold }: { readonly progress: Progress; readonly hold: Hold },
): Promise<Split> {
  return hold.stage('split', async () => {
    const split = await onceMended(
      () => splitOnce({ config, dataset }),
      () => remakeDataset({ config, dataset }),
    );
    progress.note('split', split.note);
    return split;
  });
}

const splitOnce = (made: Pick<MadeData, 'config' | 'dataset'>): Promise<Split> =>
  data.splitDataset.executeWithOptions({ summary: 'train, validation and test' }, [made]);

/** The stage `shards`. */
export function shards(made: MadeData, hold: Hold): ReturnType<typeof prepareBaseShards> {
  return hold.stage('shards', (advance) =>
    onceMended(
      () => prepareBaseShards(made.split, made.config, advance),
      () => remakeData(made),
    ),
  );
}

/** Makes anew what is damaged of all that is trained on, but for the augmented shards. */
export async function remakeData(made: MadeData): Promise<void> {
  const { config, classes, weights, split } = made;
  await remakeDataset(made);
  if (weights) await data.remakeWeights({ model: config.model, classes, digest: weights.digest });
  await splitOnce({ config, dataset: made.dataset });
  await prepareBaseShards(split, config, () => undefined, 'verify');
}

async function remakeDataset({
  config,
  dataset,
}: Pick<MadeData, 'config' | 'dataset'>): Promise<void> {
  const { source, sha256, maxBadImages } = config.dataset;
  const { keepDays } = config.augment;
  const asked = { source, sha256, maxBadImages, keepDays };
  await data.ingestDataset.executeWithOptions({ summary: `images of ${source}, verified` }, [
    { ...asked, digest: dataset, verify: true },
  ]);
}
