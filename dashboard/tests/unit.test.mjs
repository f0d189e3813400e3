// Pure parts of the page, without a browser.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { age, duration, instant, range, span } from '../ui/js/core/spans.js';
import { bytes, measure, nanos, percent, short, whole } from '../ui/js/core/numbers.js';
import { createParser } from '../ui/js/core/api.js';
import { withAlert, withRecord } from '../ui/js/core/summary.js';
import { csvLine } from '../ui/js/core/csv.js';
import { desiredUpdate, shadowRows } from '../ui/js/core/shadow.js';
import { terms, unaccounted } from '../ui/js/core/summary.js';
import { byLocation, byState, cells } from '../ui/js/core/fleet.js';
import { summary, withHoles, yRange } from '../ui/js/core/series.js';
import { charted } from '../ui/js/views/explore/charted.js';

const each = (name, table, of) =>
  test(name, () => {
    for (const [input, expected] of table) assert.deepEqual(of(input), expected, JSON.stringify(input));
  });

each(
  'lengths of time have two units at most',
  [
    [0, '0 s'],
    [400, '400 ms'],
    [59_400, '59 s'],
    [60_000, '1 min'],
    [74_000, '1 min 14 s'],
    [3_000_000, '50 min'],
    [11_520_000, '3 h 12 min'],
    [7_200_000, '2 h'],
    [187_200_000, '2 d 4 h'],
    [NaN, '–'],
  ],
  span,
);
each(
  'an age has whole seconds',
  [
    [120, '0 s'],
    [1400, '1 s'],
    [-50, '0 s'],
  ],
  age,
);
each(
  'durations are read with their unit',
  [
    ['15m', 900_000],
    ['1.5h', 5_400_000],
    ['500ms', 500],
    ['10', NaN],
    ['m', NaN],
    ['', NaN],
  ],
  duration,
);
each(
  'instants are relative, RFC 3339 or milliseconds',
  [
    ['now-1h', 1e12 - 3_600_000],
    ['now', 1e12],
    ['1970-01-01T00:01:00Z', 60_000],
    ['1796083200000', 1796083200000],
  ],
  text => instant(text, 1e12),
);

test('a range that is not one falls back', () => {
  const of = text => range(new URLSearchParams(text), 'now-1h', 1e12);
  assert.equal(of('from=now-5m').from, 1e12 - 300_000);
  assert.equal(of('from=now-5m').live, true);
  assert.equal(of('from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z').live, false);
  for (const bad of ['from=x', 'from=now&to=now-1h', 'from=now-1h&to=99999999999999999999'])
    assert.equal(of(bad).fromText, 'now-1h', bad);
});

each(
  'counts are grouped',
  [
    [0, '0'],
    [620425, '620\u202f425'],
    [NaN, '–'],
    [null, '–'],
  ],
  whole,
);
each(
  'rates are short',
  [
    [0, '0'],
    [60.83, '60.8'],
    [209.4, '209'],
    [1234, '1\u202f234'],
    [12_400, '12.4 k'],
    [1_250_000, '1.3 M'],
  ],
  short,
);
each(
  'sizes are binary',
  [
    [0, '0 B'],
    [80 * 1024, '80 KiB'],
    [8 * 2 ** 30, '8.0 GiB'],
  ],
  bytes,
);
each(
  'times of functions',
  [
    [544, '544 ns'],
    [127_000, '127 µs'],
    [35_700_000, '35.7 ms'],
  ],
  nanos,
);
each(
  'shares',
  [
    [0, '0 %'],
    [0.358, '36 %'],
    [0.0094, '0.9 %'],
    [0.00006, '0.006 %'],
  ],
  percent,
);
each(
  'measured values keep what matters',
  [
    [[85.96, 'Cel'], '85.96\u202f°C'],
    [[-14.8, 'Cel'], '−14.8\u202f°C'],
    [[0.00012], '0.00012'],
    [[3], '3'],
    [[100], '100'],
    [['open'], 'open'],
    [[null], '–'],
  ],
  ([value, unit]) => measure(value, unit),
);

test('events arrive whole, however the text is cut', () => {
  const text = ': comment\nid: 7\nevent: alert\ndata: {"a":1,\ndata: "b":2}\n\nevent: flow\r\ndata:x\r\n\r\ndata: tail';
  for (const size of [1, 2, 7, text.length]) {
    const events = [],
      take = createParser(event => events.push(event));
    for (let i = 0; i < text.length; i += size) take(text.slice(i, i + size));
    assert.deepEqual(
      events,
      [
        { event: 'alert', data: '{"a":1,\n"b":2}', id: '7' },
        { event: 'flow', data: 'x', id: null },
      ],
      `pieces of ${size}`,
    );
  }
});

const alarm = (id, more) => ({
  alarmId: id,
  deviceId: 'd',
  sensor: 's',
  function: 'f',
  severity: 'WARNING',
  state: 'raised',
  lifecycle: 'unacknowledged',
  raisedAt: 1,
  updatedAt: 1,
  value: 1,
  reason: '',
  ...more,
});
const alert = (id, more) => ({
  id: id + more.state,
  alarmId: id,
  severity: 'WARNING',
  deviceId: 'd',
  sensor: 's',
  function: 'f',
  value: 2,
  timestamp: 5,
  raisedAt: 1,
  reason: 'r',
  ...more,
});
const EMPTY = { critical: 0, warning: 0, unacknowledged: 0, held: 0, worst: [] };

test('a raised alarm counts at once, and its clear takes it away', () => {
  const raised = withAlert(EMPTY, alert('a', { state: 'raised' }));
  assert.deepEqual([raised.warning, raised.unacknowledged, raised.worst.length], [1, 1, 1]);
  const escalated = withAlert(raised, alert('a', { state: 'escalated', severity: 'CRITICAL' }));
  assert.deepEqual([escalated.critical, escalated.warning], [1, 0]);
  const cleared = withAlert(escalated, alert('a', { state: 'cleared', severity: 'CRITICAL' }));
  assert.deepEqual([cleared.critical, cleared.unacknowledged, cleared.worst.length], [0, 0, 0]);
});
test('an action moves an alarm between the counts', () => {
  const one = { ...EMPTY, warning: 1, unacknowledged: 1, worst: [alarm('a')] };
  assert.equal(withRecord(one, alarm('a', { lifecycle: 'acknowledged' })).unacknowledged, 0);
  const shelved = withRecord(one, alarm('a', { lifecycle: 'shelved' }));
  assert.deepEqual([shelved.warning, shelved.held, shelved.worst.length], [0, 1, 0]);
});
test('what is not known changes no count', () => {
  const many = { ...EMPTY, warning: 400, unacknowledged: 400 };
  assert.equal(withAlert(many, alert('z', { state: 'cleared' })).warning, 400);
});

test('a cell of CSV is text, not a formula', () => {
  assert.equal(csvLine(['=1+1', '-x', -5, 'a,"b"', null]), `'=1+1,'-x,-5,"a,""b""",`);
});

test('a shadow is rows, what is pending first', () => {
  const rows = shadowRows({
    state: { desired: { a: 1, b: { c: [1] } }, reported: { a: 2, z: true }, delta: { a: 1 } },
    metadata: { desired: { a: { timestamp: 3 } }, reported: {} },
  });
  assert.deepEqual(
    rows.map(({ key, pending, at }) => [key, pending, at]),
    [
      ['a', true, 3000],
      ['b.c', false, -Infinity],
      ['z', false, -Infinity],
    ],
  );
  assert.deepEqual(desiredUpdate({ a: 1, b: 2 }, { a: 3 }), { a: 3, b: null });
});

test('the equation adds up or says what is missing', () => {
  const readings = { received: 10, stored: 6, quarantined: 1, deduplicated: 1, expired: 1, in_flight: 1, conflicts: 0 };
  const flow = { messages: /** @type {any} */ ({}), readings };
  assert.equal(unaccounted(flow), 0);
  assert.equal(unaccounted({ ...flow, readings: { ...readings, stored: 4 } }), 2);
  assert.equal(terms(flow).length, 5);
});

test('the mosaic is grouped by location, the painted one by state', () => {
  const all = cells({
    locations: ['b', 'a'],
    devices: [
      ['x', 0, 4],
      ['y', 1, 0, 1],
      ['w', 0, 1],
    ],
  });
  assert.deepEqual(
    byLocation(all).map(([name, group]) => [name, group.map(cell => cell.id)]),
    [
      ['a', ['y']],
      ['b', ['w', 'x']],
    ],
  );
  assert.deepEqual(
    byState(all).map(cell => cell.id),
    ['y', 'w', 'x'],
  );
});

test('a hole in a series stays a hole', () => {
  assert.deepEqual(withHoles([0, 1, 2, 9, 10], [[1, 1, 1, 1, 1]], 1), [
    [0, 1, 2, 3, 9, 10],
    [1, 1, 1, null, 1, 1],
  ]);
  assert.deepEqual(withHoles([0, 60, 120], [[1, 2, 3]], 1)[1], [1, 2, 3], 'a slow device has no holes');
});
test('limits that are near belong to the picture', () => {
  const [low, high] = yRange([{ value: 12 }, { value: 900 }], 0, 10);
  assert.ok(low < 0 && high > 12 && high < 20);
});
test('a chart has a sentence', () => {
  assert.match(
    summary(
      'd temperature',
      [{ label: 'temperature', unit: 'Cel', x: [1, 2], mean: [1, null], min: [0, null], max: [3, null] }],
      1,
    ),
    /lowest 0.°C, highest 3.°C; 1 alarm$/,
  );
});

test('a result with a time and a number is a chart', () => {
  const time = i => `2026-11-30T00:00:0${i}Z`;
  const rows = [0, 1, 2].flatMap(i => ['p', 'q'].map(device => ({ time: time(2 - i), device, min: 0, mean: 1, max: 2 })));
  const chart = charted({ rows, columns: ['time', 'device', 'min', 'mean', 'max'] });
  assert.deepEqual(
    chart.lines.map(line => [line.label, line.x.length, line.max.length]),
    [
      ['p', 3, 3],
      ['q', 3, 3],
    ],
  );
  assert.ok(chart.lines[0].x[0] < chart.lines[0].x[2], 'sorted by time');
  assert.equal(charted({ rows: [{ a: 1 }, { a: 2 }], columns: ['a'] }), null);
});
