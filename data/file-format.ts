/** What kind of image a file is, by its first bytes: names are wrong often enough. */

const signatures = {
  jpeg: /^\xff\xd8\xff/,
  png: /^\x89PNG\r\n\x1a\n/,
  webp: /^RIFF.{4}WEBP/s,
  gif: /^GIF8[79]a/,
  tiff: /^(II[*+]\0|MM\0[*+])/,
} as const;

export type FileFormat = keyof typeof signatures;

/** Undefined: none of those that are decoded. */
export function fileFormat(bytes: Uint8Array): FileFormat | undefined {
  const start = Buffer.from(bytes.subarray(0, 12)).toString('latin1');
  return (Object.keys(signatures) as FileFormat[]).find((format) => signatures[format].test(start));
}
