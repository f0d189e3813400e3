// What the page asks of the HTTP interface, and the form of each answer. The simulated
// interface of the tests (tests/simulated_api.mjs) and the page are both checked against
// this file.
//
// Instants are milliseconds since 1970 in alarms, alerts and points of charts, and
// RFC 3339 text elsewhere; `parse` of core/spans.js takes both.

export type Severity = 'CRITICAL' | 'WARNING' | 'critical' | 'warning';
export type Lifecycle =
  | 'unacknowledged' | 'acknowledged' | 'returned-unacknowledged' | 'latched'
  | 'shelved' | 'suppressed' | 'out-of-service' | 'normal';
export type DeviceState = 'critical' | 'warning' | 'held' | 'silent' | 'normal';
export type Right = 'read' | 'operate' | 'administer';

// --- who is signed in ----------------------------------------------------------------

/** `GET /api/v1/whoami`. Without `[auth]`: no name, and the role `admin`. */
export interface Identity {
  name: string | null;
  role: 'reader' | 'operator' | 'admin' | 'device';
  auth: boolean;
  may?: Right[];
  oidc?: OidcProvider;
}
/** Announced by whoami and by every 401. */
export interface OidcProvider { issuer: string; clientId: string }
/** `GET /api/v1/session`: where a sign-in at the provider begins. */
export interface SignInStart { issuer: string; clientId: string; scope: string; authorizationEndpoint: string; redirectPath: string }
/** `POST /api/v1/session` and `POST /api/v1/session/renew` */
export interface SignedIn { token: string; name: string; role: Identity['role']; began: string; expires: string; renewable: boolean }
/** RFC 9457. */
export interface ProblemDocument { status: number; title: string; detail: string; oidc?: OidcProvider }

// --- the first view ------------------------------------------------------------------

export interface Flow {
  messages: { received: number; journaled: number; processed: number; in_flight: number; shadow_requests: number };
  readings: {
    received: number; stored: number; quarantined: number; deduplicated: number;
    expired: number; in_flight: number; conflicts: number;
  };
  /** `null` without the embedded broker. Counts by name. */
  broker?: {
    unrouted: Record<string, number>; refused_publishes: number; not_retained: number;
    dropped: Record<string, number>; closed: Record<string, number>;
  } | null;
}
export interface Readiness {
  ready: boolean;
  reasons: Record<string, string>;
  degraded: Record<string, string>;
}
/** `critical` and `warning` count open alarms that are not suppressed; `unacknowledged` is a part of them. */
export interface AlarmSummary {
  critical: number;
  warning: number;
  unacknowledged: number;
  /** Shelved, suppressed by design, out of service. */
  held: number;
  /** The 20 most urgent that are open and not suppressed. */
  worst: Alarm[];
  /** From 30 open alarms on: which functions raised them, the most urgent first. */
  byFunction?: AlarmGroup[];
}
export interface AlarmGroup {
  function: string;
  severity: Severity;
  open: number;
  unacknowledged: number;
  locations: number;
  newest: number;
  example: { alarmId: string; deviceId: string; reason: string };
}
/** `GET /api/v1/overview` */
export interface Overview {
  flow: Flow;
  alarms: AlarmSummary;
  devices: { total: number; silent: number; states: Partial<Record<DeviceState, number>>; mosaic?: Mosaic };
  ready: Readiness;
  hour: { minute: number | string; critical: number; warning: number }[];
  recent: Alert[];
  /** As `GET /api/v1/whoami` answers: spares the first view a request. */
  whoami?: Identity;
}

// --- alarms --------------------------------------------------------------------------

export interface Acknowledgement { by: string; at: number; note?: string | null }
export interface Comment { by: string; at: number; text: string }
export interface Alarm {
  alarmId: string;
  deviceId: string;
  sensor: string;
  function: string;
  severity: Severity;
  state: 'raised' | 'escalated' | 'deescalated' | 'cleared';
  lifecycle: Lifecycle;
  raisedAt: number;
  updatedAt: number;
  recordedAt?: number;
  clearedAt?: number;
  returnedAt?: number;
  value: number | string | null;
  threshold?: number;
  unit?: string;
  location?: string;
  reason: string;
  priority?: string;
  /** What the configuration advises to do. */
  action?: string;
  acknowledged?: Acknowledgement;
  /** Null while out of service: nobody knows the end. */
  shelvedUntil?: number | null;
  assignedTo?: string;
  comments?: Comment[];
  /** The latest reading of the sensor. */
  now?: { value: number | string | null; time: number | string };
}
/** `GET /api/v1/alarms/{id}` */
export interface AlarmDetail extends Alarm { transitions: Alert[]; audit: AuditEntry[] }
/** One transition of an alarm. */
export interface Alert {
  id?: string;
  alarmId: string;
  severity: Severity;
  state: Alarm['state'];
  deviceId: string;
  sensor: string;
  function: string;
  value: number | string | null;
  threshold?: number;
  unit?: string;
  location?: string;
  timestamp: number;
  recordedAt?: number;
  raisedAt: number;
  reason: string;
}
export interface AuditEntry {
  alarmId: string;
  action: string;
  by: string;
  at: number;
  note?: string;
  until?: number | null;
  to?: string;
}
/**
 * `GET /api/v1/alarms?lifecycle=a,b&severity=&function=&location=&device=&assignedTo=&q=&sort=&limit=&after=`
 * `after` is the number of alarms before the page, in the order of `sort`.
 */
export interface AlarmPage {
  alarms: Alarm[];
  next: number | null;
  /** Alarms that fit, on all pages. */
  total: number;
  /** Of those that fit everything except `lifecycle` and `severity`. */
  counts: { lifecycle: Partial<Record<Lifecycle, number>>; severity: { critical: number; warning: number } };
}
/** `POST /api/v1/alarms/actions`: the answer. */
export interface ActionResult {
  done: number;
  failed: { id: string; detail: string }[];
  /** Of a request with `filter`: the alarms that were changed, so that it can be undone. */
  ids?: string[];
}

// --- devices -------------------------------------------------------------------------

export interface Device {
  id: string;
  location?: string | null;
  lastSeen?: string;
  lastTime?: string;
  sensors: number;
  readings: number;
  openAlarms: number;
  state: DeviceState;
  silent: boolean;
  worst?: { severity: Severity; lifecycle: Lifecycle; reason: string; alarmId: string } | null;
}
/** `GET /api/v1/devices?q=&state=&location=&sort=&limit=&after=`; `after` as for alarms. */
export interface DevicePage {
  devices: Device[];
  next: number | null;
  total: number;
  /** Of those that fit `q` and `location`. */
  counts: Partial<Record<DeviceState, number>>;
  locations: string[];
}
/**
 * `GET /api/v1/devices/mosaic`; the states are 0 critical, 1 warning, 2 held, 3 silent, 4 normal.
 * `unacknowledged` is 1 if an alarm of the device asks for an acknowledgement.
 */
export interface Mosaic { locations: string[]; devices: [id: string, location: number, state: number, unacknowledged?: number][] }
export interface LatestReading { value: number | string | boolean | null; unit?: string | null; time: string; flags: string }
/** `GET /api/v1/devices/{id}` */
export interface DeviceDetail extends Device {
  sequence?: { seen: number; gaps: number; missing: number; repeats: number; restarts: number };
  latest: Record<string, LatestReading>;
  alarms: Alert[];
}
export interface Columns {
  unit?: string | null;
  t: number[];
  min: (number | null)[];
  max: (number | null)[];
  mean: (number | null)[];
  first?: (number | null)[];
  last?: (number | null)[];
}
/** `GET /api/v1/devices/{id}/readings?sensor=a,b&from=&to=&points=` */
export interface Series { device: string; from: string; to: string; step: string; sensors: Record<string, Columns> }
/** `GET /api/v1/devices/{id}/limits?sensor=`: an array of these. `severity` is null for a check. */
export interface Limit {
  function: string;
  severity: 'critical' | 'warning' | null;
  side: 'high' | 'low';
  value: number;
  deadband?: number | null;
}
/** `GET /api/v1/devices/{id}/explain?sensor=&at=` */
export interface Explanation {
  device: string;
  sensor: string;
  reading: { time: string; value: number | string | null; unit?: string | null; quality: string; flags: string } | null;
  basis: 'live' | 'recomputed';
  warmup: { window: string; from?: string; readings: number; truncated: boolean; note: string };
  functions: ExplainedFunction[];
}
export type Fact = number | string | boolean | null | { value: number | string; unit?: string | null };
export interface ExplainedFunction {
  function: string;
  kind: string;
  stage: string;
  settings: Record<string, Fact>;
  ran: boolean;
  remembered?: Record<string, Fact> | null;
  remembers?: Record<string, Fact> | null;
  exact?: boolean;
  note?: string;
  concluded?: { level: 'critical' | 'warning' | null; sentence: string; score?: number; numbers?: unknown };
}

// --- functions -----------------------------------------------------------------------

export interface Times { samples: number; meanNs: number | null; p50Ns: number | null; p99Ns: number | null }
export interface FunctionUsage {
  name: string;
  kind: string;
  invocations: number;
  ratePerSecond: number | null;
  errors: number;
  verdicts: { critical: number; warning: number; none: number | null };
  time: Times;
  memory: { series: number; bytesPerSeries: number; bytes: number };
  lambda: Bill;
}
export interface Bill { requests: number; gbSeconds: number; usd: number }
/** `GET /api/v1/functions` */
export interface FunctionList {
  functions: FunctionUsage[];
  messages: { count: number; time: Times };
  lambda: {
    memoryMb: number; batchSize: number; usdPerMillionRequests: number; usdPerGbSecond: number;
    functionsApart: Bill; functionsTogether: Bill;
  };
}
/** `GET /api/v1/functions/{name}`: the usage, and: */
export interface FunctionDetail extends FunctionUsage {
  stage: string;
  /** As in the configuration file. */
  settings: Record<string, unknown>;
  /** The first 200 series that it watches. */
  series: { device: string; sensor: string }[];
  seriesTotal: number;
}

// --- quarantine ----------------------------------------------------------------------

/** `GET /api/v1/quarantine/reasons`: an array of these. */
export interface QuarantineReason { reason: string; means: string; count: number; newest: number | string; replayed: number }
/** `GET /api/v1/quarantine?group=message&reason=&device=&limit=&after=` */
export interface QuarantinePage { messages: QuarantinedMessage[]; next: string | number | null }
export interface QuarantinedMessage {
  id: string;
  received: number | string;
  topic: string;
  client: string;
  /** broker, source, http or clock. */
  door: string;
  retained: boolean;
  replayed: number | string | null;
  payloadBytes: number;
  payload: string | null;
  payloadHex?: string;
  entries: { id: string; reading: number | null; reason: string; detail: string }[];
}
/** `POST /api/v1/quarantine/replay`: one page of the replay. */
export interface ReplayOutcome {
  matched: number;
  replayed: number;
  alreadyReplayed: number;
  skipped: { truncated: number; noPayload: number; notAMessage: number };
  next?: number;
}

// --- Weir itself ---------------------------------------------------------------------

/** `GET /api/v1/system` */
export interface System {
  version: string;
  commit?: string;
  uptimeSeconds: number;
  dataDir?: string;
  addresses: Record<string, string>;
  ready: Readiness;
  journal: {
    bytes: number; limitBytes: number; appendedMessages: number; committedMessages: number;
    commits: number; syncSeconds: number; corruptRecords: number;
  };
  consumers: { name: string; lagBytes: number; stalledSeconds: number }[];
  store: { files: number; bytes: number; bufferedReadings: number; damagedFiles: number; queriesRunning: number };
  influxdb?: { writtenReadings: number; refusedReadings: number; retries: number } | null;
  quarantine: { entries: number; bytes: number };
  broker?: {
    connections: number; receivedMessages: number;
    refusedLogins: number; refusedPublishes: number; refusedSubscribes: number;
  } | null;
  sources: { connection: string; connected: boolean; receivedMessages: number; acknowledgedMessages: number }[];
  http: { refusedRequests: number };
  sequence: { gaps: number; missing: number; repeats: number; restarts: number };
  alertsPending: number;
  reloads: {
    inForceSince: number | string;
    applied: number; unchanged: number; needsRestart: number; invalid: number; failed: number;
    /** Of the file that was refused last, while it is not in force. */
    refused?: { at: number | string; problems: { line?: number; key?: string; message: string }[] } | null;
  };
}
/** `GET /api/v1/config` */
export interface Configuration {
  file: string | null;
  /** `origin`: `default`, `file:LINE`, `environment` or `demo`. Secrets are masked. */
  keys: { key: string; value: unknown; origin: string }[];
}

// --- the stream ----------------------------------------------------------------------

/** Event `reading` of `GET /api/v1/stream?events=flow,alert,action,reading&device=a,b` */
export interface LiveReading {
  time: string;
  device: string;
  sensor: string;
  value: number | string | boolean | null;
  unit?: string;
  location?: string;
  flags?: string;
}
