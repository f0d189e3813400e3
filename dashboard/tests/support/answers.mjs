// The answers of the simulated interface, in the form of types/api.d.ts.
import { HOSTILE, LOCATIONS, SENSORS, valueAt } from './fleet.mjs';

const SUPPRESSED = ['shelved', 'suppressed', 'out-of-service'],
  UNACKNOWLEDGED = ['unacknowledged', 'latched'];
const OPEN = [...UNACKNOWLEDGED, 'acknowledged', ...SUPPRESSED];
const STATES = ['critical', 'warning', 'held', 'silent', 'normal'];
const critical = alarm => alarm.severity === 'CRITICAL';
const text = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const asks = alarm => UNACKNOWLEDGED.includes(alarm.lifecycle) || alarm.lifecycle === 'returned-unacknowledged';
const rank = alarm => (SUPPRESSED.includes(alarm.lifecycle) ? 8 : 0) + (asks(alarm) ? 0 : 4) + (critical(alarm) ? 0 : 2);

const ALARM_SORT = {
  need: (a, b) => rank(a) - rank(b) || b.raisedAt - a.raisedAt,
  since: (a, b) => a.raisedAt - b.raisedAt,
  device: (a, b) => text(a.deviceId, b.deviceId),
  function: (a, b) => text(a.function, b.function),
  location: (a, b) => text(a.location, b.location),
};
const DEVICE_SORT = {
  state: (a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state) || text(a.id, b.id),
  id: (a, b) => text(a.id, b.id),
  location: (a, b) => text(a.location, b.location),
  seen: (a, b) => text(a.lastSeen, b.lastSeen),
  sensors: (a, b) => b.sensors - a.sensors,
  readings: (a, b) => b.readings - a.readings,
  alarms: (a, b) => b.openAlarms - a.openAlarms,
};

const words = query => (query.get('q') ?? '').toLowerCase().split(/\s+/).filter(Boolean);
const holds = (query, key, value) => !query.get(key) || query.get(key) === value;
function page(list, query, sorts, fallback) {
  const sort = query.get('sort') ?? fallback,
    order = sorts[sort.replace('-', '')],
    sign = sort.startsWith('-') ? -1 : 1;
  const after = Number(query.get('after') ?? 0),
    limit = Math.min(10_000, Number(query.get('limit') ?? 100));
  const sorted = [...list].sort((a, b) => order(a, b) * sign),
    end = after + limit;
  return { rows: sorted.slice(after, end), next: end < list.length ? end : null, total: list.length };
}
const counted = (list, key) => list.reduce((counts, item) => ({ ...counts, [key(item)]: (counts[key(item)] ?? 0) + 1 }), {});

export function matchingAlarms(fleet, query) {
  const wanted = words(query),
    lifecycles = (query.get('lifecycle') ?? '').split(',').filter(Boolean),
    assigned = query.get('assignedTo');
  const common = fleet.alarms.filter(
    a =>
      holds(query, 'function', a.function) &&
      holds(query, 'location', a.location) &&
      holds(query, 'device', a.deviceId) &&
      (query.get('state') !== 'open' || OPEN.includes(a.lifecycle)) &&
      (!assigned || (assigned === '*' ? a.assignedTo : a.assignedTo === assigned)) &&
      wanted.every(word => `${a.deviceId} ${a.sensor} ${a.function} ${a.location} ${a.reason}`.toLowerCase().includes(word)),
  );
  return {
    common,
    matching: common.filter(
      a => (!lifecycles.length || lifecycles.includes(a.lifecycle)) && holds(query, 'severity', a.severity.toLowerCase()),
    ),
  };
}

export function alarmPage(fleet, query) {
  const { common, matching } = matchingAlarms(fleet, query),
    { rows, next, total } = page(matching, query, ALARM_SORT, 'need');
  const severity = { critical: common.filter(critical).length, warning: common.filter(a => !critical(a)).length };
  return { alarms: rows, next, total, counts: { lifecycle: counted(common, a => a.lifecycle), severity } };
}

export function devicePage(fleet, query) {
  const wanted = words(query);
  const common = fleet.devices.filter(
    d => holds(query, 'location', d.location) && wanted.every(word => `${d.id} ${d.location}`.toLowerCase().includes(word)),
  );
  const { rows, next, total } = page(
    common.filter(d => holds(query, 'state', d.state)),
    query,
    DEVICE_SORT,
    'state',
  );
  return {
    devices: rows,
    next,
    total,
    counts: counted(common, d => d.state),
    locations: [...new Set(fleet.devices.map(d => d.location))].sort(),
  };
}

export function mosaic(fleet) {
  const locations = [...new Set(fleet.devices.map(d => d.location))];
  return {
    locations,
    devices: fleet.devices.map(d => [
      d.id,
      locations.indexOf(d.location),
      STATES.indexOf(d.state),
      d.worst && asks(d.worst) ? 1 : 0,
    ]),
  };
}

const alertOf = (alarm, state, at) => ({
  id: `${alarm.alarmId}-${state}`,
  alarmId: alarm.alarmId,
  severity: alarm.severity,
  state,
  deviceId: alarm.deviceId,
  sensor: alarm.sensor,
  function: alarm.function,
  value: alarm.value,
  threshold: alarm.threshold,
  unit: alarm.unit,
  location: alarm.location,
  timestamp: at,
  recordedAt: at + 15,
  raisedAt: alarm.raisedAt,
  reason: alarm.reason,
});
export const transitionsOf = alarm => [
  { ...alertOf(alarm, 'raised', alarm.raisedAt), severity: 'WARNING' },
  ...(critical(alarm) ? [alertOf(alarm, 'escalated', alarm.raisedAt + 19_000)] : []),
  ...(alarm.clearedAt ? [alertOf(alarm, 'cleared', alarm.clearedAt)] : []),
];

const SMALL_FLEET = 800,
  FLOOD = 30;
export function overview(fleet, { flow, ready, identity }) {
  const open = fleet.alarms.filter(a => OPEN.includes(a.lifecycle) && !SUPPRESSED.includes(a.lifecycle)).sort(ALARM_SORT.need);
  const minute = Math.floor(Date.now() / 60_000),
    recent = [...fleet.alarms]
      .sort((a, b) => b.updatedAt - a.updatedAt)
      .slice(0, 10)
      .flatMap(transitionsOf);
  return {
    flow,
    ready,
    whoami: identity,
    alarms: {
      critical: open.filter(critical).length,
      warning: open.filter(a => !critical(a)).length,
      unacknowledged: open.filter(asks).length,
      held: fleet.alarms.filter(a => SUPPRESSED.includes(a.lifecycle)).length,
      worst: open.slice(0, 20),
      ...(open.length >= FLOOD && { byFunction: groups(open) }),
    },
    devices: {
      total: fleet.devices.length,
      silent: fleet.devices.filter(d => d.silent).length,
      states: counted(fleet.devices, d => d.state),
      ...(fleet.devices.length <= SMALL_FLEET && { mosaic: mosaic(fleet) }),
    },
    hour: Array.from({ length: 60 }, (_, i) => ({
      minute: (minute - 59 + i) * 60_000,
      critical: i > 52 ? (i * 5) % 9 : i % 7 ? 0 : 1,
      warning: (i * 7) % 5,
    })),
    recent: recent.sort((a, b) => b.timestamp - a.timestamp).slice(0, 20),
  };
}

function groups(open) {
  const found = new Map();
  for (const alarm of open) {
    const key = `${alarm.function} ${alarm.severity}`;
    if (!found.has(key)) found.set(key, []);
    found.get(key).push(alarm);
  }
  return [...found.values()]
    .map(list => ({
      function: list[0].function,
      severity: list[0].severity,
      open: list.length,
      unacknowledged: list.filter(asks).length,
      locations: new Set(list.map(a => a.location)).size,
      newest: Math.max(...list.map(a => a.raisedAt)),
      example: { alarmId: list[0].alarmId, deviceId: list[0].deviceId, reason: list[0].reason },
    }))
    .sort((a, b) => text(a.severity, b.severity) || b.unacknowledged - a.unacknowledged);
}

export function device(fleet, id, { hostile }) {
  const found = fleet.devices.find(d => d.id === id);
  if (!found) return null;
  const time = new Date(Date.now() - 1200).toISOString();
  const latest = Object.fromEntries(
    SENSORS.map(sensor => [sensor[0], { value: valueAt(sensor, Date.now()), unit: sensor[1], time, flags: 'time_received' }]),
  );
  latest.mode = { value: 'auto', unit: null, time, flags: '' };
  if (hostile)
    Object.defineProperty(latest, '__proto__', {
      value: { value: HOSTILE.device, unit: HOSTILE.unit, time, flags: HOSTILE.location },
      enumerable: true,
    });
  const alarms = fleet.alarms
    .filter(a => a.deviceId === id && OPEN.includes(a.lifecycle))
    .map(a => alertOf(a, a.state, a.updatedAt));
  return { ...found, sequence: { seen: 5000, gaps: 2, missing: 7, repeats: 0, restarts: 1 }, latest, alarms };
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400];
export function readings(query) {
  const from = Date.parse(query.get('from')),
    to = Date.parse(query.get('to')),
    points = Number(query.get('points')),
    wanted = query.get('sensor')?.split(',');
  const step = STEPS.find(s => (to - from) / 1000 / s <= points) ?? 86400,
    sensors = {};
  for (const sensor of SENSORS) {
    if (wanted && !wanted.includes(sensor[0])) continue;
    const columns = { unit: sensor[1], t: [], min: [], max: [], mean: [] };
    for (let t = Math.ceil(from / 1000 / step) * step * 1000; t < Math.min(to, Date.now()); t += step * 1000) {
      const mean = valueAt(sensor, t),
        spread = step > 1 ? sensor[3] * 0.2 : 0;
      columns.t.push(t);
      columns.mean.push(mean);
      columns.min.push(mean - spread);
      columns.max.push(mean + spread);
    }
    sensors[sensor[0]] = columns;
  }
  return { from: query.get('from'), to: query.get('to'), step: `${step}s`, sensors };
}

export const limits = [
  { function: 'overheat', severity: 'critical', side: 'high', value: 85, deadband: 1 },
  { function: 'overheat', severity: 'warning', side: 'high', value: 70, deadband: 1 },
];

export const explanation = (id, sensor, at) => ({
  device: id,
  sensor,
  reading: {
    time: new Date(Number(at) || Date.now()).toISOString(),
    value: 85.96,
    unit: 'Cel',
    quality: 'good',
    flags: 'time_received',
  },
  basis: 'recomputed',
  warmup: {
    window: '604800s',
    readings: 600,
    truncated: false,
    note: 'Computed from stored readings with the current configuration.',
  },
  functions: [
    {
      function: 'room-range',
      kind: 'range',
      stage: 'check',
      settings: { min: { value: -30, unit: 'Cel' }, max: { value: 120, unit: 'Cel' } },
      ran: true,
      remembered: {},
      remembers: {},
      concluded: { level: null, sentence: 'within its range' },
    },
    {
      function: 'overheat',
      kind: 'threshold',
      stage: 'detect',
      exact: true,
      settings: {
        critical_high: { value: 85, unit: 'Cel' },
        deadband: { value: 1, unit: 'Cel' },
        warning_high: { value: 70, unit: 'Cel' },
      },
      ran: true,
      remembered: { level: 'warning', side: 'high' },
      remembers: { level: 'critical', side: 'high' },
      concluded: { level: 'critical', sentence: 'temperature 85.96 °C is above the critical limit 85 °C', numbers: 'limit' },
    },
    {
      function: 'humidity-outlier',
      kind: 'mad',
      stage: 'detect',
      settings: { warning_score: 10 },
      ran: false,
      note: 'it does not evaluate this sensor',
    },
  ],
});

export function shadow() {
  const at = Math.floor(Date.now() / 1000),
    stamp = s => ({ timestamp: at - s });
  return {
    state: {
      desired: { interval: 10, led: { color: 'blue' } },
      reported: { interval: 30, led: { color: 'blue' }, firmware: '1.4.2', lastUpdate: Date.now() },
      delta: { interval: 10 },
    },
    metadata: {
      desired: { interval: stamp(95), led: { color: stamp(4000) } },
      reported: { interval: stamp(9), led: { color: stamp(3990) }, firmware: stamp(86_400), lastUpdate: stamp(1) },
    },
    version: 42,
    timestamp: at,
  };
}

export function kpi(fleet) {
  const actors = fleet.alarms
    .slice(0, 8)
    .map((a, i) => ({ device: a.deviceId, sensor: a.sensor, function: a.function, alarms: 44 - i * 5, percent: 9 - i }));
  return {
    operators: 1,
    raised: 487,
    critical: 138,
    cleared: 480,
    perHour: 20.3,
    perHourAndOperator: 20.3,
    peakPerTenMinutes: 57,
    floods: [{ from: 0, to: 1, alarms: 57 }],
    percentInFlood: 3.4,
    worstActors: actors,
    worstActorsPercent: 34,
    chattering: actors.slice(0, 2).map(a => ({ ...a, mostPerMinute: 5 })),
    standing: fleet.alarms.length,
    stale: fleet.alarms
      .slice(0, 1)
      .map(a => ({ alarmId: a.alarmId, device: a.deviceId, sensor: a.sensor, function: a.function, raisedAt: Date.now() - 9e7 })),
    acknowledged: 12,
    timeToAcknowledge: { mean: 70, median: 42, p90: 190 },
  };
}

export function quarantine(query, { hostile }) {
  const topic = hostile ? `devices/${HOSTILE.device}/telemetry` : 'devices/pump-07/telemetry',
    now = Date.now();
  const reasons = [
    {
      reason: 'invalid_json',
      means: hostile ? HOSTILE.location : 'The payload is not JSON',
      count: 212,
      newest: now - 9000,
      replayed: 0,
    },
    { reason: 'jump', means: 'The value moved faster than it can', count: 140, newest: now - 40_000, replayed: 12 },
    { reason: 'no_route', means: 'No route matches the topic', count: 31, newest: now - 400_000, replayed: 0 },
  ];
  const messages = Array.from({ length: 30 }, (_, i) => ({
    id: String(9000 - i),
    received: now - 9000 - i * 30_000,
    topic,
    client: hostile ? HOSTILE.rtl : 'gateway-7',
    door: 'broker',
    retained: false,
    replayed: i === 3 ? now : null,
    payloadBytes: 353 - i,
    payload:
      i % 5 === 4
        ? null
        : hostile
          ? HOSTILE.reason
          : i % 2
            ? '{"temperature": 93.5,'
            : '{"temperature":{"value":"n/a"},"door":true}',
    entries: [
      {
        id: `${9000 - i}-m`,
        reading: i % 5 === 4 ? 2 : null,
        reason: 'invalid_json',
        detail: hostile ? HOSTILE.device : 'the payload is not JSON: unexpected end at byte 21',
      },
      ...(i % 3 ? [] : [{ id: `${9000 - i}-1`, reading: 1, reason: 'wrong_type', detail: 'reading 1: the value is an object' }]),
    ],
  }));
  const reason = query.get('reason');
  return { reasons, page: { messages: reason && reason !== 'invalid_json' ? messages.slice(0, 4) : messages, next: null } };
}

export const system = (flow, ready, started) => ({
  version: '0.1.0',
  commit: '6587ca4',
  uptimeSeconds: (Date.now() - started) / 1000 + 3600,
  dataDir: '/var/lib/weir',
  addresses: { mqtt: '127.0.0.1:1883', http: '127.0.0.1:8080', flight: '127.0.0.1:8815', postgres: '127.0.0.1:5432' },
  ready,
  journal: {
    bytes: 81_000_000,
    limitBytes: 8 * 2 ** 30,
    appendedMessages: flow.messages.received,
    committedMessages: flow.messages.journaled,
    commits: Math.floor(flow.messages.journaled / 4),
    syncSeconds: (flow.messages.journaled / 4) * 0.0021,
    corruptRecords: 0,
  },
  consumers: [
    { name: 'pipeline', lagBytes: 0, stalledSeconds: 0 },
    { name: 'influxdb', lagBytes: 12_400, stalledSeconds: 42 },
  ],
  store: { files: 12, bytes: 44_000_000, bufferedReadings: 18_220, damagedFiles: 0, queriesRunning: 1 },
  influxdb: { writtenReadings: 600_000, refusedReadings: 0, retries: 3 },
  quarantine: { entries: 383, bytes: 210_000 },
  broker: {
    connections: 121,
    receivedMessages: flow.messages.received,
    refusedLogins: 4,
    refusedPublishes: 0,
    refusedSubscribes: 0,
  },
  sources: [{ connection: 'plant', connected: true, receivedMessages: 92, acknowledgedMessages: 92 }],
  http: { refusedRequests: 2 },
  sequence: { gaps: 2, missing: 7, repeats: 0, restarts: 1 },
  alertsPending: 0,
  reloads: {
    inForceSince: started,
    applied: 2,
    unchanged: 1,
    needsRestart: 0,
    invalid: 1,
    failed: 0,
    refused: {
      at: started + 9000,
      problems: [{ line: 14, key: 'function.overheat.critcal_high', message: 'unknown key; the nearest is critical_high' }],
    },
  },
});

export const config = {
  file: '/etc/weir.toml',
  keys: [
    ['http.listen', '127.0.0.1:8080', 'file:2'],
    ['broker.listen', '127.0.0.1:1883', 'default'],
    ['journal.max_size', '8GiB', 'default'],
    ['store.influxdb.token_file', '***', 'file:9'],
    ['query.timeout', '30s', 'default'],
    ['function.overheat.critical_high', 85, 'file:14'],
    ['alarms.operators', 1, 'environment'],
    ...Array.from({ length: 90 }, (_, i) => [`limits.key_${i}`, i, 'default']),
  ].map(([key, value, origin]) => ({ key, value, origin })),
};

export const channels = [
  { name: 'mqtt', kind: 'mqtt', queued: 0, delivered: 911, failedAttempts: 0, deadLetters: 0, failing: null },
  { name: 'on-call', kind: 'webhook', queued: 4, delivered: 87, failedAttempts: 9, deadLetters: 1, failing: 'connection refused' },
];
export const deadLetters = now => [
  {
    n: 7,
    at: now - 60_000,
    channel: 'on-call',
    reason: 'gave up after 10 attempts: connection refused',
    id: 'x',
    cause: 'alerts',
    title: 'pump-90 temperature is critical',
    createdAt: now - 90_000,
    alerts: [],
  },
];

const COLUMNS = {
  readings: [
    ['time', 'Timestamp(ns)'],
    ['device', 'Utf8'],
    ['sensor', 'Utf8'],
    ['value', 'Float64'],
    ['unit', 'Utf8'],
  ],
  alerts: [
    ['time', 'Timestamp(ns)'],
    ['alarm_id', 'Utf8'],
    ['severity', 'Utf8'],
  ],
  devices: [
    ['device', 'Utf8'],
    ['sensors', 'Int64'],
  ],
};

/** The statements of the page are known; every other statement gets the rows of the first query of Explore. */
export function query(fleet, statement) {
  const iso = ms => new Date(ms).toISOString(),
    row = (alarm, more) => ({
      alarm_id: alarm.alarmId,
      severity: alarm.severity.toLowerCase(),
      state: alarm.state,
      device: alarm.deviceId,
      sensor: alarm.sensor,
      function: alarm.function,
      reason: alarm.reason,
      ...more,
    });
  if (/information_schema/.test(statement))
    return Object.entries(COLUMNS).flatMap(([table_name, columns]) =>
      columns.map(([column_name, data_type]) => ({ table_name, column_name, data_type })),
    );
  if (/FROM alarms/.test(statement)) {
    const name = /device = '((?:[^']|'')*)'/.exec(statement)?.[1].replaceAll("''", "'"),
      own = fleet.alarms.filter(a => a.deviceId === name);
    return [...own, ...fleet.alarms.slice(0, /<>/.test(statement) ? 9 : 0)].map(a =>
      row(a, {
        raised_at: iso(a.raisedAt),
        cleared_at: a.clearedAt ? iso(a.clearedAt) : null,
        acknowledged_by: a.acknowledged?.by ?? null,
      }),
    );
  }
  if (/AS period/.test(statement))
    return Array.from({ length: 100 }, (_, i) => ({ period: iso(Date.now() - i * 600_000), n: (i * 7) % 19, critical: i % 4 }));
  if (/AS raised/.test(statement)) return fleet.functions.map((f, i) => ({ function: f.name, raised: 40 - i * 4 }));
  if (/FROM alerts/.test(statement))
    return fleet.alarms
      .slice(0, 2000)
      .flatMap(transitionsOf)
      .map(t => ({ ...row(t, { time: iso(t.timestamp), value: t.value, unit: t.unit }) }));
  if (/SELEC[^T]/.test(statement)) return null;
  return Array.from({ length: 180 }, (_, i) => ({
    time: iso(Math.floor(Date.now() / 10_000) * 10_000 - (90 - Math.floor(i / 2)) * 10_000),
    device: fleet.devices[i % 2].id,
    min: 70 + (i % 7),
    mean: 74 + (i % 7),
    max: 78 + (i % 7),
  }));
}
export { LOCATIONS };
