// The clock of the page and how it writes instants: in local time or UTC, by one switch.
import { signal, kept, keep } from './dom.js';

/** @type {{get: () => 'utc'|'local', set: (value: 'utc'|'local') => void, subscribe: any}} */
export const zone = signal(kept('zone') === 'utc' ? 'utc' : 'local');
zone.subscribe(value => keep('zone', value));
export const switchZone = () => zone.set(zone.get() === 'utc' ? 'local' : 'utc');

/** One tick a second for every age on the page; none while the page is hidden. */
export const clock = signal(Date.now());
setInterval(() => { if (!document.hidden) clock.set(Date.now()); }, 1000);
document.addEventListener('visibilitychange', () => clock.set(Date.now()));

const formats = new Map();
function formatted(ms, options) {
  const timeZone = zone.get() === 'utc' ? 'UTC' : undefined;
  const key = JSON.stringify([options, timeZone]);
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat('sv-SE', { ...options, timeZone }));
  return formats.get(key).format(ms);
}
const DATE = { year: 'numeric', month: '2-digit', day: '2-digit' };
const MINUTE = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
const SECOND = { ...MINUTE, second: '2-digit' };

export function zoneName() {
  if (zone.get() === 'utc') return 'UTC';
  const parts = new Intl.DateTimeFormat('en', { timeZoneName: 'short' }).formatToParts(Date.now());
  return parts.find(part => part.type === 'timeZoneName').value;
}
/** 17:04:31 @param {number} ms */
export const clockTime = ms => formatted(ms, SECOND);
/** 17:04 @param {number} ms */
export const shortTime = ms => formatted(ms, MINUTE);
/** 2026-11-30 @param {number} ms */
export const day = ms => formatted(ms, DATE);
/** 2026-11-30 17:04:31 CET @param {number} ms */
export const full = ms => `${formatted(ms, { ...DATE, ...SECOND })} ${zoneName()}`;
/** With the date only if it is not today. @param {number} ms */
export const when = ms => day(ms) === day(Date.now()) ? clockTime(ms) : `${day(ms)} ${shortTime(ms)}`;
