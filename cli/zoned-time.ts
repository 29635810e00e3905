/** A day or a time of day as a person writes it, read in a time zone. */
import { InvalidArgumentError } from 'commander';

const aDay = /^\d{4}-\d\d-\d\d$/;
const withOffset = /T.*(Z|[+-]\d\d:\d\d)$/;

/** The text as it is: in which zone it counts is known later. */
export function parseZonedTime(text: string): string {
  if (aDay.test(text) || /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text)) {
    if (Number.isFinite(Date.parse(text))) return text;
  }
  throw new InvalidArgumentError(
    'Expected a day or a time, such as 2026-11-20 or 2026-11-20T02:00.',
  );
}

/** A day counts from its first moment; a text that names its own offset from UTC keeps it. */
export function timeIn(timezone: string, text: string): Date {
  if (withOffset.test(text)) return new Date(text);
  const wanted = Date.parse(aDay.test(text) ? text : `${text}Z`);
  // The offset may differ between the first guess and the time that is meant: a clock was put forward.
  const guess = wanted - offsetMs(timezone, wanted);
  return new Date(wanted - offsetMs(timezone, guess));
}

/** The same, where a day is meant with its last moment. */
export const endIn = (timezone: string, text: string): Date =>
  timeIn(timezone, aDay.test(text) ? `${text}T23:59:59.999` : text);

/** How far clocks there are ahead of UTC. */
function offsetMs(timezone: string, at: number): number {
  const parts = new Intl.DateTimeFormat('en', { timeZone: timezone, timeZoneName: 'longOffset' });
  const name = parts.formatToParts(at).find(({ type }) => type === 'timeZoneName')!.value;
  const [, sign, hours, minutes] = /([+-])(\d\d):(\d\d)/.exec(name) ?? [];
  return Number(`${sign ?? '+'}1`) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000;
}
