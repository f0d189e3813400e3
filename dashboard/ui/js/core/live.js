// What every view shares: one stream of events, and the answer of /api/v1/overview,
// which is asked for again soon after a change and otherwise every ten seconds. A page
// that is hidden for a minute costs nothing; everything returns when it is shown again.
import { signal, listeners } from './dom.js';
import { get, createParser } from './api.js';
import { authorization, identify, requireSignIn, session } from './session.js';
import { withAlert, withRecord } from './summary.js';

/** @typedef {import('../../../types/api').Overview} Overview */
/** @typedef {import('../../../types/api').Flow} Flow */
/** @typedef {import('../../../types/api').Alert} Alert */
/** @typedef {import('../../../types/api').Alarm} Alarm */
/** @typedef {import('../../../types/api').LiveReading} LiveReading */

const REFRESH_MS = 10_000, REFRESH_AT_LEAST_MS = 3_000, CHANGES_AT_LEAST_MS = 1_500;
const HIDDEN_MS = 60_000, RETRY_MS = 1_000, RETRY_AT_MOST_MS = 15_000;
const HISTORY = 300, RECENT = 20;

/** `at`: when the stream last brought something. `missed`: events left out for a slow page. */
export const link = signal({ state: /** @type {'connecting'|'live'|'stale'} */ ('connecting'), at: 0, missed: 0 });
export const overview = signal(/** @type {Overview|null} */ (null));
export const flow = signal(/** @type {Flow|null} */ (null));
/** What came per second, for the last 300 seconds. */
export const history = signal(/** @type {Rates[]} */ ([]));
/** Counts changes of alarms: lists ask again. In a storm of alerts it counts slower. */
export const alarmChanges = signal(0);

/** @type {ReturnType<typeof listeners<Alert>>} */
export const alerts = listeners();

// --- the overview ------------------------------------------------------------------------

let refreshTimer, refreshDue = Infinity, refreshedAt = 0;

/** Asks for the overview again, but not more often than every three seconds. */
export function refreshSoon(delay = 150) {
  const due = Math.max(Date.now() + delay, refreshedAt + REFRESH_AT_LEAST_MS);
  if (due >= refreshDue) return;
  clearTimeout(refreshTimer);
  refreshDue = due;
  refreshTimer = setTimeout(refresh, due - Date.now());
}

async function refresh() {
  clearTimeout(refreshTimer);
  refreshDue = Infinity;
  refreshedAt = Date.now();
  const { epoch } = session.get();
  try {
    const answer = /** @type {Overview} */ (await get('/api/v1/overview'));
    if (epoch !== session.get().epoch) return;
    overview.set(answer);
    if (!flow.get() || link.get().state !== 'live') flow.set(answer.flow);
    identify(answer.whoami ?? session.get().identity ?? await get('/api/v1/whoami'));
  } catch { /* the state of the link and the sign-in show it */ }
  if (!document.hidden && !session.get().required) refreshSoon(REFRESH_MS);
}

/** @param {(summary: import('../../../types/api').AlarmSummary) => any} change @param {Alert} [alert] */
function patch(change, alert) {
  const known = overview.get();
  if (!known) return;
  const recent = alert
    ? [alert, ...known.recent.filter(old => !alert.id || old.id !== alert.id)].slice(0, RECENT) : known.recent;
  overview.set({ ...known, alarms: change(known.alarms), recent });
}

let changeTimer, changedAt = 0;

/** The first change counts at once, those that follow it together. */
export function countChange() {
  clearTimeout(changeTimer);
  changeTimer = setTimeout(() => {
    changedAt = Date.now();
    alarmChanges.set(alarmChanges.get() + 1);
  }, changedAt + CHANGES_AT_LEAST_MS - Date.now());
}

/** An alarm as it is after an action, of this page or of another operator. @param {Alarm} record */
export function recordAction(record) {
  patch(summary => withRecord(summary, record));
  countChange();
  refreshSoon();
}

// --- the flow ------------------------------------------------------------------------------

/** @typedef {{at: number, messages: number, readings: number, stored: number, quarantined: number, deduplicated: number, inFlight: number}} Rates */

/** @type {{at: number, counts: Flow}|null} */
let lastFlow = null;

/** @param {Flow} counts */
function recordFlow(counts) {
  const at = Date.now();
  if (lastFlow) {
    const seconds = Math.max(.2, (at - lastFlow.at) / 1000), before = lastFlow.counts;
    const per = (now, then) => Math.max(0, (now - then) / seconds);
    const rates = {
      at,
      messages: per(counts.messages.received, before.messages.received),
      readings: per(counts.readings.received, before.readings.received),
      stored: per(counts.readings.stored, before.readings.stored),
      quarantined: per(counts.readings.quarantined, before.readings.quarantined),
      deduplicated: per(counts.readings.deduplicated, before.readings.deduplicated),
      inFlight: counts.messages.in_flight + counts.readings.in_flight,
    };
    history.set([...history.get().slice(1 - HISTORY), rates]);
  }
  lastFlow = { at, counts };
  flow.set(counts);
}

/** The mean of the last five seconds. @param {Rates[]} rates @param {keyof Rates} key */
export function rateOf(rates, key) {
  const last = rates.slice(-5);
  return last.length ? last.reduce((sum, sample) => sum + sample[key], 0) / last.length : null;
}

// --- readings, only for views that show them -------------------------------------------------

/** @type {Set<{devices: string[]|null, listener: (reading: LiveReading) => void}>} */
const readingViews = new Set();

/**
 * Readings as they come, of some devices or (null) of all. The stream is opened again with
 * what the views of the page need together.
 * @param {string[]|null} devices @param {(reading: LiveReading) => void} listener
 */
export function watchReadings(devices, listener) {
  const view = { devices, listener };
  readingViews.add(view);
  reconsider();
  return () => { readingViews.delete(view); reconsider(); };
}

function streamUrl() {
  const query = new URLSearchParams({ events: 'flow,alert,action' });
  if (readingViews.size) {
    query.set('events', 'flow,alert,action,reading');
    const devices = [...readingViews].map(view => view.devices);
    if (devices.every(Boolean)) query.set('device', [...new Set(devices.flat())].join(','));
  }
  return '/api/v1/stream?' + query.toString().replaceAll('%2C', ',');
}

// --- the stream ------------------------------------------------------------------------------

let lastEventId = null, openUrl = null, stop = () => {}, wake = () => {};

const HANDLERS = {
  flow: data => recordFlow(JSON.parse(data)),
  alert(data) {
    const alert = JSON.parse(data);
    patch(summary => withAlert(summary, alert), alert);
    alerts.emit(alert);
    countChange();
    refreshSoon();
  },
  action: data => recordAction(JSON.parse(data)),
  reading(data) {
    const reading = JSON.parse(data);
    for (const { devices, listener } of readingViews) {
      if (!devices || devices.includes(reading.device)) listener(reading);
    }
  },
  missed: data => link.set({ ...link.get(), missed: link.get().missed + Number(data) }),
};

/** Reads one connection to its end. @param {AbortSignal} signal */
async function readStream(signal) {
  openUrl = streamUrl();
  /** @type {Record<string, string>} */
  const headers = { Accept: 'text/event-stream', ...authorization() };
  if (lastEventId) headers['Last-Event-ID'] = lastEventId;
  const response = await fetch(openUrl, { headers, signal, cache: 'no-store', credentials: 'omit' });
  if (response.status === 401) requireSignIn();
  if (!response.ok) throw new Error(String(response.status));
  lastFlow = null;
  const take = createParser(({ event, data, id }) => {
    if (id) lastEventId = id;
    HANDLERS[event]?.(data);
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    take(value);
    // Pieces come by the dozen; what watches the link is drawn once a second.
    const { state, at } = link.get();
    if (state !== 'live' || Date.now() - at > 900) link.set({ ...link.get(), state: 'live', at: Date.now() });
  }
}

const pause = ms => new Promise(resolve => {
  const timer = setTimeout(resolve, ms);
  wake = () => { clearTimeout(timer); resolve(null); };
});

async function run() {
  let wait = RETRY_MS;
  for (;;) {
    const abort = new AbortController();
    stop = () => abort.abort();
    const begin = Date.now();
    try { await readStream(abort.signal); } catch { /* the state of the link shows it */ }
    openUrl = null;
    if (Date.now() - begin > RETRY_AT_MOST_MS) wait = RETRY_MS;
    if (abort.signal.aborted && !isLongHidden() && !session.get().required) continue;
    link.set({ ...link.get(), state: 'stale' });
    do await pause(session.get().required || isLongHidden() ? HIDDEN_MS : wait * (.7 + Math.random() * .6));
    while (session.get().required || isLongHidden());
    wait = Math.min(wait * 2, RETRY_AT_MOST_MS);
    refreshSoon();
  }
}

/** Opens the stream again if the views need another one. */
function reconsider() {
  queueMicrotask(() => { if (openUrl && openUrl !== streamUrl()) stop(); });
}

// --- hidden, signed in, signed out --------------------------------------------------------------

let hiddenSince = 0, hiddenTimer;
const isLongHidden = () => document.hidden && hiddenSince > 0 && Date.now() - hiddenSince >= HIDDEN_MS;

document.addEventListener('visibilitychange', () => {
  clearTimeout(hiddenTimer);
  if (document.hidden) {
    hiddenSince = Date.now();
    hiddenTimer = setTimeout(() => stop(), HIDDEN_MS);
  } else {
    hiddenSince = 0;
    wake();
    refreshSoon(0);
  }
});

let { epoch, required } = session.get();
session.subscribe(now => {
  const changed = now.epoch !== epoch, ended = now.required && !required;
  ({ epoch, required } = now);
  if (!changed && !ended) return;
  overview.set(null);
  flow.set(null);
  history.set([]);
  lastEventId = null;
  refreshedAt = 0;
  stop();
  if (changed) { wake(); refresh(); }
});

/** Begins to read: called once, by the frame. */
export function start() {
  refresh();
  run();
}
