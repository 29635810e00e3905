import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import type { Sharp } from 'sharp';
import { BrokenImage, decodeImage, examineImage, shorterSide } from '../../data/decode.ts';
import { sha256 } from '../../data/digest.ts';
import type { PixelImage } from '../../data/pixels.ts';

type Colour = readonly [number, number, number];
const red: Colour = [200, 40, 30];
const green: Colour = [20, 160, 60];
const blue: Colour = [30, 60, 190];
const grey: Colour = [128, 128, 128];

/** Four plain quarters: red and green above, blue and grey below. */
function quarters(width: number, height: number, channels: 1 | 3 = 3): Sharp {
  const pixels = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const [left, right] = y < height / 2 ? [red, green] : [blue, grey];
      const colour = (x < width / 2 ? left : right).slice(0, channels);
      pixels.set(colour, (y * width + x) * channels);
    }
  }
  return sharp(pixels, { raw: { width, height, channels } });
}

/** The colours in the middle of the quarters. */
function coloursOf({ image, height, width }: PixelImage): number[][] {
  return [1, 3].flatMap((row) =>
    [1, 3].map((column) => {
      const at = (Math.floor((row * height) / 4) * width + Math.floor((column * width) / 4)) * 3;
      return [...image.subarray(at, at + 3)];
    }),
  );
}

function assertColours(decoded: PixelImage, expected: readonly Colour[], within: number): void {
  assert.equal(decoded.image.length, decoded.height * decoded.width * 3);
  for (const [quarter, colour] of coloursOf(decoded).entries()) {
    for (const [channel, value] of colour.entries()) {
      const wanted = expected[quarter]![channel]!;
      assert.ok(
        Math.abs(value - wanted) <= within,
        `${quarter}: ${colour.join()}, not ${expected[quarter]!.join()}`,
      );
    }
  }
}

const upright = [red, green, blue, grey];
const size = ({ height, width }: PixelImage): number[] => [height, width];

test('JPEG, PNG, WebP, GIF and TIFF all give the pixels they show', async () => {
  const files = {
    jpeg: await quarters(90, 60).jpeg({ quality: 95 }).toBuffer(),
    progressive: await quarters(90, 60).jpeg({ quality: 95, progressive: true }).toBuffer(),
    png: await quarters(90, 60).png().toBuffer(),
    palette: await quarters(90, 60).png({ palette: true }).toBuffer(),
    webp: await quarters(90, 60).webp({ quality: 95 }).toBuffer(),
    gif: await quarters(90, 60).gif().toBuffer(),
    tiff: await quarters(90, 60).tiff({ compression: 'lzw' }).toBuffer(),
  };
  for (const bytes of Object.values(files)) {
    const decoded = await decodeImage(bytes, 32, 'train');
    assert.deepEqual(size(decoded), [37, 56]);
    assertColours(decoded, upright, 6);
  }
});

test('grey, CMYK, 16-bit and wide-gamut files give RGB of 8 bits', async () => {
  const levels = upright.map(([level]): Colour => [level, level, level]);
  const greyscale = quarters(60, 60, 1);
  for (const file of [greyscale.clone().jpeg(), greyscale.clone().png()]) {
    assertColours(await decodeImage(await file.toBuffer(), 32, 'train'), levels, 8);
  }
  const grey16 = await greyscale.clone().toColourspace('grey16').png().toBuffer();
  assert.equal((await sharp(grey16).metadata()).depth, 'ushort');
  assertColours(await decodeImage(grey16, 32, 'train'), levels, 8);

  const rgb16 = await quarters(60, 60).toColourspace('rgb16').png().toBuffer();
  assert.equal((await sharp(rgb16).metadata()).depth, 'ushort');
  assertColours(await decodeImage(rgb16, 32, 'train'), upright, 1);

  const cmyk = await quarters(60, 60).toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer();
  assert.equal((await sharp(cmyk).metadata()).space, 'cmyk');
  assertColours(await decodeImage(cmyk, 32, 'train'), upright, 60);

  const p3 = await quarters(60, 60).withIccProfile('p3').png().toBuffer();
  assertColours(await decodeImage(p3, 32, 'train'), upright, 3);
});

test('a profile that is sRGB by its name changes nothing, another does', async () => {
  const plain = await decodeImage(await quarters(64, 64).png().toBuffer(), 64, 'train');
  const inProfile = async (name: string): Promise<PixelImage> => {
    const { data, info } = await quarters(64, 64).raw().toBuffer({ resolveWithObject: true });
    const { width, height } = info;
    const untouched = sharp(data, { raw: { width, height, channels: 3 } });
    const bytes = await untouched.png().withIccProfile(name).toBuffer();
    assert.ok((await sharp(bytes).metadata()).icc);
    return decodeImage(bytes, 64, 'train');
  };
  assertColours(await inProfile('srgb'), upright, 1);
  assert.ok(Buffer.from(plain.image).equals(Buffer.from((await inProfile('srgb')).image)));
});

test('what is transparent is white, and half of it half as much', async () => {
  const pixels = Uint8Array.from({ length: 40 * 40 * 4 }, (_, at) => [0, 0, 0, 255][at % 4]!);
  const alphas = [0, 255, 127, 255];
  for (let at = 0; at < 1600; at += 1) {
    pixels[at * 4 + 3] = alphas[(at < 800 ? 0 : 2) + (at % 40 < 20 ? 0 : 1)]!;
  }
  const raw = { width: 40, height: 40, channels: 4 } as const;
  const bytes = await sharp(pixels, { raw }).png().toBuffer();
  const levels = [255, 0, 128, 0].map((level): Colour => [level, level, level]);
  assertColours(await decodeImage(bytes, 32, 'train'), levels, 1);
});

test('each EXIF orientation stands upright', async () => {
  const places: Record<number, readonly Colour[]> = {
    1: upright,
    2: [green, red, grey, blue],
    3: [grey, blue, green, red],
    4: [blue, grey, red, green],
    5: [red, blue, green, grey],
    6: [blue, red, grey, green],
    7: [grey, green, blue, red],
    8: [green, grey, red, blue],
  };
  for (const [orientation, expected] of Object.entries(places)) {
    const bytes = await quarters(120, 60)
      .withMetadata({ orientation: Number(orientation) })
      .jpeg({ quality: 95 })
      .toBuffer();
    const decoded = await decodeImage(bytes, 32, 'train');
    const turned = Number(orientation) > 4;
    assert.deepEqual(size(decoded), turned ? [74, 37] : [37, 74]);
    assertColours(decoded, expected, 6);
    const { height, width } = await examineImage(bytes);
    assert.deepEqual([height, width], turned ? [120, 60] : [60, 120]);
  }
});

test('of what moves, the first frame is taken', async () => {
  const frames = await Promise.all(
    [red, blue].map((background) =>
      sharp({
        create: { width: 40, height: 40, channels: 3, background: `rgb(${background.join()})` },
      })
        .png()
        .toBuffer(),
    ),
  );
  const bytes = await sharp(frames, { join: { animated: true } })
    .gif()
    .toBuffer();
  assert.equal((await sharp(bytes).metadata()).pages, 2);
  assertColours(await decodeImage(bytes, 32, 'train'), [red, red, red, red], 4);
});

test('to train on, the shorter side is at most 8/7 of the input, and the longer twice that', async () => {
  const cases: [width: number, height: number, base: number[]][] = [
    [500, 375, [256, 341]],
    [375, 500, [341, 256]],
    [240, 250, [250, 240]],
    [900, 300, [256, 512]],
    [10, 3000, [20, 10]],
    [1, 1, [1, 1]],
  ];
  for (const [width, height, base] of cases) {
    const bytes = await quarters(width, height).png().toBuffer();
    assert.deepEqual(size(await decodeImage(bytes, 224, 'train')), base);
  }
});

test('to evaluate, the middle is cut out', async () => {
  for (const [width, height] of [
    [500, 375],
    [40, 300],
    [64, 64],
  ] as const) {
    const bytes = await quarters(width, height).png().toBuffer();
    const decoded = await decodeImage(bytes, 112, 'test');
    assert.deepEqual(size(decoded), [112, 112]);
    assertColours(decoded, upright, 2);
  }
  assert.equal(shorterSide(224), 256);
});

test('an image of the right size stays as it is, on every side', async () => {
  const pixels = await quarters(64, 64).raw().toBuffer();
  const bytes = await quarters(64, 64).png().toBuffer();
  for (const side of ['train', 'validation', 'test'] as const) {
    const { image } = await decodeImage(bytes, 64, side);
    assert.deepEqual(Buffer.from(image), pixels);
  }
});

test('a large JPEG is shrunk as it is read, to the same picture', async () => {
  const bytes = await quarters(2000, 1600).jpeg({ quality: 90 }).toBuffer();
  const decoded = await decodeImage(bytes, 112, 'train');
  assert.deepEqual(size(decoded), [128, 160]);
  assertColours(decoded, upright, 4);
});

test('the bytes are pinned: others, of a new libvips say, are another identity', async () => {
  const bytes = await quarters(333, 222).jpeg({ quality: 90 }).toBuffer();
  const { image } = await decodeImage(bytes, 64, 'train');
  assert.equal(sha256(image), 'e35648911a96a042a4004751d0b4170b720fc6e9052fe6d314fb484f2295e7ea');
});

test('a file is known by its bytes, and examined whole', async () => {
  const cases = ['jpeg', 'png', 'webp', 'gif', 'tiff'] as const;
  for (const format of cases) {
    const bytes = await quarters(90, 60).toFormat(format).toBuffer();
    const { thumbnail, ...header } = await examineImage(bytes);
    assert.deepEqual(header, { format, height: 60, width: 90 });
    assert.equal(thumbnail.length, 32 * 32);
    const greyest = [8, 24].flatMap((y) => [8, 24].map((x) => thumbnail[y * 32 + x]!))[3]!;
    assert.ok(Math.abs(greyest - 128) <= 4, String(greyest));
  }
});

test('what gives no image is refused with the reason', async () => {
  const jpeg = await quarters(300, 200).jpeg().toBuffer();
  const png = await quarters(300, 200).png().toBuffer();
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"/>';
  const header = Buffer.concat([png.subarray(0, 16), Buffer.alloc(8), png.subarray(24)]);
  const cases: [bytes: Uint8Array, reason: RegExp][] = [
    [Buffer.alloc(0), /^the file is empty$/],
    [Buffer.from('<html>404</html>'), /^it is no JPEG, PNG, WebP, GIF or TIFF file$/],
    [Buffer.from(svg), /^it is no JPEG/],
    [Buffer.from('RIFF    WAVEfmt '), /^it is no JPEG/],
    [jpeg.subarray(0, jpeg.length / 2), /premature end/i],
    [jpeg.subarray(0, 20), /./],
    [png.subarray(0, png.length - 40), /./],
    [header, /./],
  ];
  for (const [bytes, reason] of cases) {
    for (const decode of [examineImage, (file: Uint8Array) => decodeImage(file, 64, 'train')]) {
      await assert.rejects(decode(bytes), (error) => {
        assert.ok(error instanceof BrokenImage, String(error));
        assert.equal(error.type, 'InvalidData');
        assert.match(error.reason, reason);
        assert.doesNotMatch(error.reason, /\n/);
        return true;
      });
    }
  }
});

test('an image of too many pixels is refused by its header, before it takes memory', async () => {
  const plain = (width: number, height: number): Sharp =>
    sharp({ create: { width, height, channels: 3, background: 'red' } });
  const strip = await plain(40_000, 1).png().toBuffer();
  await assert.rejects(decodeImage(strip, 64, 'train'), /40000 x 1 pixels are more than/);
  const interlaced = await plain(8500, 8500).png({ progressive: true }).toBuffer();
  assert.ok(interlaced.length < 1_000_000);
  await assert.rejects(examineImage(interlaced), /8500 x 8500 pixels take 216750000 bytes/);
});

test('what is decoded row by row may be larger', async () => {
  const large = { width: 8500, height: 8500, channels: 3, background: 'red' } as const;
  const bytes = await sharp({ create: large }).jpeg().toBuffer();
  assert.deepEqual(size(await decodeImage(bytes, 224, 'train')), [256, 256]);
});
