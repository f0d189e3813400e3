// The fleet of the simulated interface: devices, alarms and functions, the same for the
// same options. `hostile` gives names and texts that try to become markup or code.

/** @typedef {import('../../types/api').Alarm} Alarm */
/** @typedef {import('../../types/api').Device} Device */

const MINUTE = 60_000,
  HOUR = 3_600_000;
export const LOCATIONS = ['boiler-house', 'cold-store', 'hall-1', 'hall-2', 'hall-3', 'hall-4', 'office', 'roof', 'tank-farm'];
const KINDS = ['pump', 'hvac', 'meter', 'tank', 'motor', 'cold-room'];
const FUNCTIONS = [
  ['overheat', 'threshold'],
  ['co2-jump', 'rate_of_change'],
  ['meter-offline', 'absence'],
  ['level-stuck', 'stuck'],
  ['seal-level', 'cusum'],
  ['thaw', 'threshold'],
  ['humidity-outlier', 'mad'],
  ['pressure-unit', 'unit'],
];

export const HOSTILE = {
  device: '<img src=x onerror=alert(1)>',
  traversal: '../../etc/passwd?x=1#y',
  sensor: 'javascript:alert(1)',
  location: '"><script>alert(2)</script>',
  unit: '</td><b onclick=alert(3)>',
  rtl: 'abc\u202egnp.exe',
  proto: '__proto__',
  reason: `<iframe srcdoc="<script>alert(4)</script>"></iframe> ${'A'.repeat(65_536)}`,
  control: 'a\u0000\u001b[31mb\nc',
  by: '<svg/onload=alert(5)>',
};

/** A small generator, so that every run has the same fleet (mulberry32). */
function randomFrom(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** @param {{devices?: number, alarms?: number, hostile?: boolean, now?: number}} options */
export function makeFleet({ devices: deviceCount = 121, alarms: alarmCount = 8, hostile = false, now = Date.now() } = {}) {
  const random = randomFrom(7),
    pick = list => list[Math.floor(random() * list.length)];
  /** @type {Device[]} */
  const devices = Array.from({ length: deviceCount }, (_, i) => ({
    id: `${KINDS[i % KINDS.length]}-${String(i + 1).padStart(String(deviceCount).length, '0')}`,
    location: LOCATIONS[(i * 7) % LOCATIONS.length],
    lastSeen: new Date(now - random() * 8000).toISOString(),
    lastTime: new Date(now - random() * 8000).toISOString(),
    sensors: 4,
    readings: Math.floor(random() * 90_000),
    openAlarms: 0,
    state: 'normal',
    silent: false,
    worst: null,
  }));
  if (hostile) {
    const names = [HOSTILE.device, HOSTILE.traversal, HOSTILE.rtl, HOSTILE.proto, 'constructor', HOSTILE.control];
    names.forEach((id, i) => Object.assign(devices[i], { id, location: [HOSTILE.location, HOSTILE.proto, HOSTILE.rtl][i % 3] }));
  }
  const alarms = makeAlarms({ devices, count: alarmCount, hostile, now, random, pick });
  for (let i = 0; i < devices.length; i++)
    if (random() < 0.012 && !devices[i].worst)
      Object.assign(devices[i], { state: 'silent', silent: true, lastSeen: new Date(now - HOUR).toISOString() });
  return { now, devices, alarms, functions: makeFunctions() };
}

const STATES = [
  'unacknowledged',
  'unacknowledged',
  'unacknowledged',
  'acknowledged',
  'unacknowledged',
  'shelved',
  'returned-unacknowledged',
  'unacknowledged',
  'out-of-service',
];
const RANK = { critical: 0, warning: 1, held: 2, silent: 3, normal: 4 };

function makeAlarms({ devices, count, hostile, now, random, pick }) {
  const alarms = [];
  for (let i = 0; i < count; i++) {
    const device = devices[(i * 37 + 1) % devices.length],
      [name] = FUNCTIONS[i % FUNCTIONS.length],
      critical = i % 9 === 0;
    const lifecycle = STATES[i % STATES.length],
      raisedAt = Math.round(now - 20_000 - ((i * 97_003) % (3 * HOUR))),
      value = Math.round(7000 + random() * 3000) / 100;
    /** @type {Alarm} */
    const alarm = {
      alarmId: `${(0xabc0000 + i).toString(16)}${'0123456789abcdef'.repeat(2).slice(0, 25)}`,
      deviceId: device.id,
      sensor: 'temperature',
      function: name,
      severity: critical ? 'CRITICAL' : 'WARNING',
      state: lifecycle === 'returned-unacknowledged' ? 'cleared' : critical ? 'escalated' : 'raised',
      lifecycle,
      raisedAt,
      updatedAt: raisedAt,
      recordedAt: raisedAt + 20,
      value,
      threshold: critical ? 85 : 70,
      unit: 'Cel',
      location: device.location,
      reason: `temperature ${value} °C is above the ${critical ? 'critical limit 85' : 'warning limit 70'} °C (${device.location})`,
      priority: critical ? 'high' : 'medium',
      comments: [],
      now: { value: Math.round(value * 100 + 200) / 100, time: new Date(now - 1500).toISOString() },
    };
    if (lifecycle === 'acknowledged') alarm.acknowledged = { by: pick(['ana', 'bob']), at: raisedAt + MINUTE, note: 'seen' };
    if (lifecycle === 'shelved') alarm.shelvedUntil = now + 4 * HOUR;
    if (lifecycle === 'out-of-service') alarm.shelvedUntil = null;
    if (lifecycle === 'returned-unacknowledged') alarm.clearedAt = raisedAt + MINUTE;
    if (i === 0) alarm.action = 'Reduce the load, then inspect the bearing.';
    if (hostile)
      Object.assign(alarm, {
        sensor: HOSTILE.sensor,
        unit: HOSTILE.unit,
        reason: i % 2 ? HOSTILE.reason : HOSTILE.control,
        function: HOSTILE.device,
        comments: [{ by: HOSTILE.by, at: now, text: HOSTILE.location }],
      });
    alarms.push(alarm);
    attach(device, alarm);
  }
  return alarms;
}

/** The state of a device is that of its worst open alarm. */
function attach(device, alarm) {
  if (alarm.lifecycle === 'returned-unacknowledged') return;
  const state = ['shelved', 'out-of-service'].includes(alarm.lifecycle) ? 'held' : alarm.severity.toLowerCase();
  device.openAlarms++;
  if (RANK[state] >= RANK[device.state]) return;
  Object.assign(device, {
    state,
    worst: { severity: alarm.severity, lifecycle: alarm.lifecycle, reason: alarm.reason, alarmId: alarm.alarmId },
  });
}

const makeFunctions = () =>
  FUNCTIONS.map(([name, kind], i) => ({
    name,
    kind,
    invocations: 300_000 - i * 21_000,
    ratePerSecond: 99 - i * 11,
    errors: i === 4 ? 3 : 0,
    verdicts: { critical: i % 3 ? 0 : 480, warning: 155 - i, none: 299_000 - i * 21_000 },
    time: { samples: 4000, meanNs: 1500 + i * 900, p50Ns: 1300 + i * 800, p99Ns: 19_500 + i * 4000 },
    memory: { series: 37 + i, bytesPerSeries: 32, bytes: (37 + i) * 32 },
    lambda: { requests: 300_000 - i * 21_000, gbSeconds: 37.5, usd: 0.06 - i * 0.006 },
  }));

export const SENSORS = [
  ['flow', 'm³/h', 24, 1],
  ['pressure', 'bar', 3.4, 0.06],
  ['temperature', 'Cel', 78, 12],
  ['vibration', 'mm/s', 4.2, 0.5],
];

/** A smooth curve with a spike now and then; the same at the same time. */
export function valueAt([, , middle, spread], ms) {
  const wave = Math.sin(ms / 47_000) * 0.6 + Math.sin(ms / 9_000) * 0.2,
    spike = Math.floor(ms / 1000) % 61 === 0 ? 1 : 0;
  return Math.round((middle + spread * (wave + spike)) * 1000) / 1000;
}
