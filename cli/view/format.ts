/** Numbers, times and bars as a reader wants them. */

/** A span of milliseconds: `0.4 s`, `12 s`, `2 m 05 s`, `1 h 02 m`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${twoDigits(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${twoDigits(Math.floor((whole % 3600) / 60))} m`;
}

/** The time of day on the reader's clock: `14:03:07`. */
export function clock(at: number): string {
  const date = new Date(at);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(twoDigits).join(':');
}

/** A day and a time on the reader's clock: `2026-11-24 14:03:07`. */
export function dayAndTime(at: number): string {
  const date = new Date(at);
  const day = [date.getFullYear(), twoDigits(date.getMonth() + 1), twoDigits(date.getDate())];
  return `${day.join('-')} ${clock(at)}`;
}

/** A share of 1: `41.2 %`. */
export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** A loss: `1.355`. Of one that is not finite Temporal's JSON has made null. */
export const lossText = (loss: number): string =>
  Number.isFinite(loss) ? loss.toFixed(3) : 'no number';

/** The first digits of a digest: enough to name a version by. */
export const shortDigest = (digest: string): string => digest.slice(0, 12);

/** A whole number with its thousands apart: `12,345`. */
export const count = (value: number): string =>
  String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',');

/** Bytes in millions: `162.6 MB`. */
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** A small number with three digits that count: `0.000874`. */
export const threeDigits = (value: number): string => String(Number(value.toPrecision(3)));

/** A bar of `width` cells, `share` of them full. */
export function progressBar(share: number, width = 20): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width);
  return '█'.repeat(full) + '░'.repeat(width - full);
}

const twoDigits = (value: number): string => String(value).padStart(2, '0');
