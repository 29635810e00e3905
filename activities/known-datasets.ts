/** Datasets that are known by name: where they are, and what they hash to. `cifar10` has its own way, for it comes from two places. */

export interface KnownArchive {
  readonly address: string;
  readonly sha256?: string;
}

const fastai = 'https://s3.amazonaws.com/fast-ai-imageclas';

/** Imagenette of version 2: ten classes of ImageNet, by the shorter side in pixels, and whole. */
const imagenette160: KnownArchive = {
  address: `${fastai}/imagenette2-160.tgz`,
  sha256: '88daccb09b6fce93f45e6c09ddeb269cce705549e6bff322092a2a5a11489863',
};
const knownArchives: ReadonlyMap<string, KnownArchive> = new Map([
  [
    'cifar100',
    {
      address: 'https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz',
      sha256: '58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec',
    },
  ],
  ['imagenette', imagenette160],
  ['imagenette2-160', imagenette160],
  [
    'imagenette2-320',
    {
      address: `${fastai}/imagenette2-320.tgz`,
      sha256: '5020a9130cea0348272823cb12d2db7e981c6f2afa3dce71ccd5b8013005c55e',
    },
  ],
  ['imagenette2', { address: `${fastai}/imagenette2.tgz` }],
]);

export const knownArchive = (name: string): KnownArchive | undefined => knownArchives.get(name);

/** The place of ImageNet's archives: `ilsvrc2012:` and the address of the folder or prefix that holds them. */
export function ilsvrcPlace(source: string): string | undefined {
  const place = /^ilsvrc2012:(.+)$/.exec(source)?.[1];
  return place === undefined || place.endsWith('/') ? place : `${place}/`;
}
