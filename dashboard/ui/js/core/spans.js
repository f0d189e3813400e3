// Instants and lengths of time, pure. Instants are milliseconds since 1970.

/** RFC 3339 text or milliseconds. @param {number|string|null|undefined} value */
export const parse = value => typeof value === 'number' ? value : value ? Date.parse(value) : NaN;

/** A `Date` can hold it. @param {number} at */
export const isInstant = at => Number.isFinite(at) && Math.abs(at) < 8.64e15;

/** `42 s`, `7 min`, `3 h 12 min`, `2 d 4 h`. @param {number} ms */
export function span(ms) {
  if (!Number.isFinite(ms)) return '–';
  if (ms > 0 && ms < 1000) return `${Math.round(ms)} ms`;
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 600 && s % 60) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  const hours = Math.floor(s / 3600), minutes = Math.floor(s / 60) % 60;
  if (hours < 48) return minutes ? `${hours} h ${minutes} min` : `${hours} h`;
  return hours % 24 ? `${Math.floor(hours / 24)} d ${hours % 24} h` : `${hours / 24} d`;
}

/** An age in whole seconds: `0 s` for what is newer than a second. @param {number} ms */
export const age = ms => span(Math.round(ms / 1000) * 1000);

const UNITS = { ms: 1, s: 1e3, m: 6e4, min: 6e4, h: 36e5, d: 864e5, w: 6048e5 };

/** `15m`, `1.5h` in milliseconds; NaN if it is not a length. @param {string} text */
export function duration(text) {
  const match = /^(\d+(?:\.\d+)?)(ms|s|min|m|h|d|w)$/.exec(text ?? '');
  return match ? Number(match[1]) * UNITS[match[2]] : NaN;
}

/** `now-15m` stays relative; anything else is RFC 3339 or milliseconds. @param {string|null} text */
export function instant(text, now = Date.now()) {
  if (text == null || text === '' || text === 'now') return now;
  const ago = /^now-(.+)$/.exec(text);
  if (ago) return now - duration(ago[1]);
  return /^\d{11,}$/.test(text) ? Number(text) : Date.parse(text);
}

/**
 * The range of a view as its URL has it: `from` and `to`, else `fallback` to now.
 * @param {URLSearchParams} query
 */
export function range(query, fallback = 'now-1h', now = Date.now()) {
  const fromText = query.get('from') ?? fallback, toText = query.get('to') ?? 'now';
  const from = instant(fromText, now), to = instant(toText, now);
  if (isInstant(from) && isInstant(to) && from < to) {
    return { from, to, fromText, toText, live: toText === 'now' };
  }
  return { from: instant(fallback, now), to: now, fromText: fallback, toText: 'now', live: true };
}

/** RFC 3339 without needless zeros. @param {number} ms */
export const rfc3339 = ms => new Date(Math.round(ms)).toISOString().replace('.000Z', 'Z');
