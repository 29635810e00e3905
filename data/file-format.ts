/** What kind of image a file is, by its first bytes: names are wrong often enough. */

/** Each byte a character. */
const signatures = {
  jpeg: ['\xff\xd8\xff'],
  png: ['\x89PNG\r\n\x1a\n'],
  webp: ['RIFF'],
  gif: ['GIF87a', 'GIF89a'],
  tiff: ['II*\0', 'MM\0*', 'II+\0', 'MM\0+'],
} as const;

export type FileFormat = keyof typeof signatures;

const formats = Object.keys(signatures) as FileFormat[];

/** Undefined: none of those that are decoded. */
export function fileFormat(bytes: Uint8Array): FileFormat | undefined {
  const start = Buffer.from(bytes.subarray(0, 12)).toString('latin1');
  const format = formats.find((name) => signatures[name].some((text) => start.startsWith(text)));
  return format === 'webp' && !start.endsWith('WEBP') ? undefined : format;
}
