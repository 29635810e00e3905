import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configSchema } from '../../contract/config.ts';
import type { ImageAugmentation } from '../../contract/stages.ts';
import { augmentImage as augment, drawChange } from '../../data/augment.ts';
import type { AugmentPlace } from '../../data/augment.ts';
import { sha256 } from '../../data/digest.ts';
import { madeImage } from './support.ts';

const defaults = configSchema.parse({}).augment;
const off: ImageAugmentation = {
  cropPadding: 0,
  flip: 0,
  rotationDegrees: 0,
  brightness: 0,
  contrast: 0,
  saturation: 0,
  hue: 0,
};
const most: ImageAugmentation = {
  cropPadding: 64,
  flip: 0.5,
  rotationDegrees: 180,
  brightness: 1,
  contrast: 1,
  saturation: 1,
  hue: 0.5,
};
const place = { seed: 0, view: 0, id: 'made/00000' };
const square = { height: 32, width: 32 };

/** Of an image that has the size of its views. */
function augmentImage(
  image: Uint8Array,
  size: number,
  config: ImageAugmentation,
  at: AugmentPlace,
): Uint8Array {
  return augment({ image, height: size, width: size }, size, config, at);
}

const pixel = (image: Uint8Array, x: number, y: number): number[] => [
  ...image.subarray((y * 32 + x) * 3, (y * 32 + x) * 3 + 3),
];

function digestOfViews(config: ImageAugmentation, size: number): string {
  const views = Array.from({ length: 50 }, (_, view) =>
    augmentImage(madeImage(view, size), size, config, { ...place, view }),
  );
  return sha256(Buffer.concat(views));
}

test('an image is augmented to the same bytes in whatever order and company', () => {
  const image = madeImage(0);
  const places = [0, 1, 2].flatMap((view) => ['a', 'b'].map((id) => ({ seed: 5, view, id })));
  const forward = places.map((at) => sha256(augmentImage(image, 32, defaults, at)));
  const backward = places.toReversed().map((at) => {
    augmentImage(madeImage(9, 48), 48, most, { ...at, id: 'another' });
    return sha256(augmentImage(image, 32, defaults, at));
  });
  assert.deepEqual(backward.toReversed(), forward);
});

test('seed, view and sample each give another view', () => {
  const views = [place, { ...place, seed: 1 }, { ...place, view: 1 }, { ...place, id: 'other' }];
  const digests = views.map((at) => sha256(augmentImage(madeImage(0), 32, defaults, at)));
  assert.equal(new Set(digests).size, views.length);
});

test('the bytes are pinned: a change of any is another operation version', () => {
  assert.equal(
    digestOfViews(defaults, 32),
    '9cf39a1b234bf7822a67bbc06f9c6f7736d22ee70459eba3a1ca7264612d4d58',
  );
  assert.equal(
    digestOfViews(most, 32),
    '2c253efd37223e990837237d3a53b6fbb0ade01d90fa7d8ab2233cbeba31ba88',
  );
  assert.equal(
    digestOfViews(defaults, 57),
    '44063ff9a75bf1de8075c1e615838f9a4ba3e4cb8bdad298186efa2e60e7ee00',
  );
});

test('with every knob at 0 an image stays as it is', () => {
  const image = madeImage(3);
  for (let view = 0; view < 20; view += 1) {
    assert.deepEqual(augmentImage(image, 32, off, { ...place, view }), image);
  }
});

test('the image given stays as it was', () => {
  const image = madeImage(3);
  augmentImage(image, 32, most, place);
  assert.deepEqual(image, madeImage(3));
});

test('a knob at 0 changes the values of no other', () => {
  const whole = drawChange(defaults, square, 32, place);
  const less = { ...defaults, rotationDegrees: 0, cropPadding: 0 };
  assert.deepEqual(drawChange(less, square, 32, place), {
    ...whole,
    rotationTurns: 0,
    window: { left: 0, top: 0, width: 32, height: 32 },
  });
  const { window: _padded, ...others } = whole;
  const more = configSchema.parse({ augment: { crop: {}, erasing: {}, trivialAugment: true } });
  const { window: _shaped, ...stillOthers } = drawChange(more.augment, square, 32, place);
  assert.deepEqual(stillOthers, others);
});

test('values are drawn from all of their range and from nowhere else', () => {
  const changes = Array.from({ length: 2000 }, (_, view) =>
    drawChange(defaults, square, 32, { ...place, view }),
  );
  assert.deepEqual(
    [...new Set(changes.map(({ window }) => window.left))].toSorted((a, b) => a - b),
    [-4, -3, -2, -1, 0, 1, 2, 3, 4],
  );
  const flips = changes.filter(({ flip }) => flip).length;
  assert.ok(Math.abs(flips - 1000) < 100, `${flips}`);
  const ranges = { brightness: [0.8, 1.2], contrast: [0.8, 1.2], hueTurns: [-0.02, 0.02] } as const;
  for (const [name, [low, high]] of Object.entries(ranges)) {
    const values = changes.map((change) => change[name as keyof typeof ranges]);
    const reach = (high - low) / 50;
    assert.ok(Math.min(...values) >= low && Math.min(...values) < low + reach, name);
    assert.ok(Math.max(...values) < high && Math.max(...values) > high - reach, name);
  }
  const degrees = changes.map(({ rotationTurns }) => rotationTurns * 360);
  assert.ok(Math.max(...degrees) > 14.5 && Math.max(...degrees) < 15);
});

test('a crop moves the image by whole pixels and shows the padding as black', () => {
  const image = madeImage(4).map((value) => Math.max(1, value));
  const config = { ...off, cropPadding: 4 };
  for (let view = 0; view < 10; view += 1) {
    const at = { ...place, view };
    const { left, top } = drawChange(config, square, 32, at).window;
    const cropped = augmentImage(image, 32, config, at);
    for (const [x, y] of [
      [0, 0],
      [31, 31],
      [0, 31],
      [16, 16],
    ] as const) {
      const [fromX, fromY] = [x + left, y + top];
      const inside = fromX >= 0 && fromX < 32 && fromY >= 0 && fromY < 32;
      assert.deepEqual(pixel(cropped, x, y), inside ? pixel(image, fromX, fromY) : [0, 0, 0]);
    }
  }
});

test('a flip mirrors left and right', () => {
  const image = madeImage(5);
  const view = augmentImage(image, 32, { ...off, flip: 1 }, place);
  for (let x = 0; x < 32; x += 1) assert.deepEqual(pixel(view, x, 7), pixel(image, 31 - x, 7));
});

const photograph = { image: madeImage(8, 64).subarray(0, 64 * 43 * 3), height: 43, width: 64 };
const { augment: photographs } = configSchema.parse({ augment: { crop: {} } });

test('a base image of any shape gives views of one size', () => {
  for (const config of [photographs, defaults]) {
    const view = augment(photograph, 37, config, place);
    assert.equal(view.length, 37 * 37 * 3);
    assert.notDeepEqual(view, augment(photograph, 37, config, { ...place, view: 1 }));
  }
});

test('the bytes of photographs are pinned too, with all there is', () => {
  const digestOf = (config: ImageAugmentation): string =>
    sha256(
      Buffer.concat(
        Array.from({ length: 200 }, (_, view) =>
          augment(photograph, 37, config, { ...place, view }),
        ),
      ),
    );
  assert.equal(
    digestOf(photographs),
    '13d1898a92694e777aa3bdc6f62e76d2529f4a1ccbf9330841d7da704942c891',
  );
  const { augment: all } = configSchema.parse({
    augment: { crop: {}, erasing: { probability: 0.5 }, trivialAugment: true },
  });
  assert.equal(digestOf(all), '3fc3876c3a277ffde850c68c97854d46cb71e8382428231c9667bb40f5c1ee24');
});

test('erasing and one more operation come to views that would else be the same', () => {
  const erased = {
    ...off,
    erasing: configSchema.parse({ augment: { erasing: {} } }).augment.erasing,
  };
  const image = madeImage(3);
  const views = (config: ImageAugmentation): number =>
    Array.from({ length: 400 }, (_, view) =>
      augmentImage(image, 32, config, { ...place, view }),
    ).filter((view) => !Buffer.from(view).equals(image)).length;
  assert.ok(Math.abs(views(erased) - 100) < 40, String(views(erased)));
  // One operation of 14 leaves the image, and of most the weakest strength does.
  const tried = views({ ...off, trivialAugment: true });
  assert.ok(tried > 320 && tried < 390, String(tried));
});
