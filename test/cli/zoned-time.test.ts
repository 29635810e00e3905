/** Days and times as a person writes them, in a zone that is not this machine's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endIn, parseZonedTime, timeIn } from '../../cli/zoned-time.ts';

const iso = (time: Date): string => time.toISOString();

test('a day and a time count in the zone, also across the change to summer time', () => {
  assert.equal(iso(timeIn('Europe/Berlin', '2026-11-20')), '2026-11-19T23:00:00.000Z');
  assert.equal(iso(timeIn('America/New_York', '2026-11-20T02:00')), '2026-11-20T07:00:00.000Z');
  assert.equal(iso(timeIn('Europe/Berlin', '2026-03-29T01:30')), '2026-03-29T00:30:00.000Z');
  assert.equal(iso(timeIn('Europe/Berlin', '2026-03-29T03:30')), '2026-03-29T01:30:00.000Z');
  assert.equal(iso(timeIn('Asia/Kolkata', '2026-11-20T02:00Z')), '2026-11-20T02:00:00.000Z');
});

test('as an end a day is meant whole', () => {
  assert.equal(iso(endIn('Europe/Berlin', '2026-11-20')), '2026-11-20T22:59:59.999Z');
  assert.equal(iso(endIn('UTC', '2026-11-20T02:00')), '2026-11-20T02:00:00.000Z');
});

test('what is neither is refused', () => {
  for (const wrong of ['yesterday', '2026-13-40', '20.11.2026', '2026-11-20T99:00']) {
    assert.throws(() => parseZonedTime(wrong), /Expected a day or a time/);
  }
});
