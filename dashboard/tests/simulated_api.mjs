// The HTTP interface of Weir for tests of the page: the contract of types/api.d.ts over
// a simulated fleet of any size. No dependencies.
//
//     node tests/simulated_api.mjs --devices 100000 --alarms 10000 --port 8099
import { createServer } from 'node:http';
import { gzipSync } from 'node:zlib';
import { pathToFileURL } from 'node:url';
import { makeFleet, SENSORS, valueAt } from './support/fleet.mjs';
import * as answers from './support/answers.mjs';
import { serveFile } from './support/files.mjs';
import { identityProvider } from './support/identity_provider.mjs';

const LIFECYCLE_AFTER = {
  ack: 'acknowledged',
  unack: 'unacknowledged',
  shelve: 'shelved',
  unshelve: 'unacknowledged',
  'out-of-service': 'out-of-service',
  'in-service': 'unacknowledged',
};
const AUDIT_NAME = { ack: 'acknowledge', unack: 'unacknowledge' };

/** Tokens of the tests with `auth`. */
export const TOKENS = {
  'token-reader': { name: 'rita', role: 'reader', may: ['read'] },
  'token-operator': { name: 'ana', role: 'operator', may: ['read', 'operate'] },
  'token-admin': { name: 'root', role: 'admin', may: ['read', 'operate', 'administer'] },
};
export const PASSWORD = ['ana', 'päss:word'];

class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** @param {{devices?: number, alarms?: number, hostile?: boolean, auth?: boolean, port?: number, flowEveryMs?: number, oidc?: boolean}} options */
export async function start(options = {}) {
  const { hostile = false, auth = false, oidc = false, port = 0, flowEveryMs = 1000 } = options;
  const fleet = makeFleet(options),
    started = Date.now(),
    audit = [],
    requests = [],
    streams = new Set();
  const state = {
    fleet,
    ready: { ready: true, reasons: {}, degraded: {} },
    tokens: new Map(Object.entries(TOKENS)),
    requests,
    audit,
    eventId: 0,
  };
  const flow = {
    messages: { received: 181_362, journaled: 181_362, processed: 181_362, in_flight: 0, shadow_requests: 12 },
    readings: { received: 620_425, stored: 619_627, quarantined: 383, deduplicated: 412, expired: 0, in_flight: 3, conflicts: 2 },
  };
  const ticker = setInterval(() => {
    for (const key of ['received', 'journaled', 'processed']) flow.messages[key] += 61;
    flow.readings.received += 209;
    flow.readings.stored += 209;
    emit('flow', flow);
    for (const stream of streams) if (stream.events.includes('reading')) sendReadings(stream);
  }, flowEveryMs);

  function sendReadings(stream) {
    const names = stream.devices ?? fleet.devices.slice(0, 15).map(d => d.id),
      time = new Date().toISOString();
    for (const device of names)
      for (const sensor of SENSORS)
        send(stream, 'reading', {
          time,
          device,
          sensor: sensor[0],
          value: valueAt(sensor, Date.now()),
          unit: sensor[1],
          location: 'hall-2',
        });
  }
  const send = (stream, event, data, id) =>
    stream.response.write(`${id ? `id: ${id}\n` : ''}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  function emit(event, data) {
    const id = event === 'alert' ? ++state.eventId : null;
    for (const stream of streams) if (stream.events.includes(event)) send(stream, event, data, id);
  }

  function identify(request) {
    if (!auth) return { name: null, role: 'admin', auth: false };
    const header = request.headers.authorization ?? '',
      token = header.replace(/^Bearer /, ''),
      provider = oidc ? { issuer: url(), clientId: 'weir' } : undefined;
    const basic = header.startsWith('Basic ') && Buffer.from(header.slice(6), 'base64').toString() === PASSWORD.join(':');
    const known = basic
      ? TOKENS['token-operator']
      : (state.tokens.get(token) ??
        (oidc && provider_.accepts(token) ? { name: 'olga', role: 'operator', may: ['read', 'operate'] } : null));
    if (!known) throw Object.assign(new Refused(401, 'credentials are required'), { oidc: provider });
    return { ...known, auth: true, token, ...(provider && { oidc: provider }) };
  }
  const need = (identity, right) => {
    if (identity.role !== 'admin' && !identity.may.includes(right)) throw new Refused(403, `${identity.name} may not ${right}`);
  };

  function change(alarm, action, body, identity) {
    if (!alarm) throw new Refused(404, 'there is no such alarm');
    const at = Date.now(),
      by = identity.name ?? body.by ?? 'api',
      lifecycle = LIFECYCLE_AFTER[action];
    if (lifecycle) alarm.lifecycle = lifecycle;
    alarm.acknowledged = action === 'ack' ? { by, at, note: body.note } : action === 'unack' ? undefined : alarm.acknowledged;
    if (action === 'shelve')
      alarm.shelvedUntil = at + { m: 6e4, h: 36e5 }[(body.duration ?? '1h').at(-1)] * parseInt(body.duration ?? '1');
    if (action === 'assign') alarm.assignedTo = body.to;
    if (action === 'comment') alarm.comments = [...alarm.comments, { by, at, text: body.note }];
    audit.unshift({
      alarmId: alarm.alarmId,
      action: AUDIT_NAME[action] ?? action,
      by,
      at,
      note: body.note,
      to: body.to,
      until: action === 'shelve' ? alarm.shelvedUntil : undefined,
    });
    emit('action', alarm);
    return alarm;
  }
  const alarmOf = id => fleet.alarms.find(alarm => alarm.alarmId === id);

  /** @type {[method: string, path: RegExp, right: string, handler: (match: string[], query: URLSearchParams, body: any, identity: any) => any][]} */
  const routes = [
    ['GET', /^\/api\/v1\/whoami$/, 'read', (m, q, b, { token, ...identity }) => identity],
    ['POST', /^\/api\/v1\/session\/renew$/, 'read', (m, q, b, { token }) => provider_.renew(token)],
    ['DELETE', /^\/api\/v1\/session$/, 'read', (m, q, b, { token }) => provider_.end(token, q.get('returnTo'))],
    [
      'GET',
      /^\/api\/v1\/overview$/,
      'read',
      (m, q, b, identity) => answers.overview(fleet, { flow, ready: state.ready, identity }),
    ],
    ['GET', /^\/api\/v1\/devices$/, 'read', (m, q) => answers.devicePage(fleet, q)],
    ['GET', /^\/api\/v1\/devices\/mosaic$/, 'read', () => answers.mosaic(fleet)],
    ['GET', /^\/api\/v1\/devices\/([^/]+)$/, 'read', ([id]) => answers.device(fleet, id, { hostile })],
    ['GET', /^\/api\/v1\/devices\/([^/]+)\/readings$/, 'read', ([id], q) => ({ device: id, ...answers.readings(q) })],
    ['GET', /^\/api\/v1\/devices\/([^/]+)\/limits$/, 'read', (m, q) => (q.get('sensor') === 'temperature' ? answers.limits : [])],
    ['GET', /^\/api\/v1\/devices\/([^/]+)\/explain$/, 'read', ([id], q) => answers.explanation(id, q.get('sensor'), q.get('at'))],
    ['GET', /^\/api\/v1\/alarms$/, 'read', (m, q) => answers.alarmPage(fleet, q)],
    ['GET', /^\/api\/v1\/alarms\/kpi$/, 'read', () => answers.kpi(fleet)],
    ['GET', /^\/api\/v1\/alarms\/channels$/, 'read', () => ({ channels: answers.channels })],
    ['POST', /^\/api\/v1\/alarms\/channels\/([^/]+)\/test$/, 'operate', () => ({ delivered: true })],
    ['GET', /^\/api\/v1\/alarms\/dead-letters$/, 'read', () => ({ deadLetters: answers.deadLetters(Date.now()) })],
    ['POST', /^\/api\/v1\/alarms\/dead-letters\/([^/]+)\/retry$/, 'operate', () => ({ retried: 1 })],
    ['GET', /^\/api\/v1\/alarms\/audit$/, 'read', () => ({ audit: audit.slice(0, 200) })],
    [
      'POST',
      /^\/api\/v1\/alarms\/actions$/,
      'operate',
      (m, q, body, identity) => {
        const chosen = body.ids ? body.ids.map(alarmOf) : answers.matchingAlarms(fleet, new URLSearchParams(body.filter)).matching;
        for (const alarm of chosen) change(alarm, body.action, body, identity);
        return { done: chosen.length, failed: [], ...(body.filter && { ids: chosen.map(a => a.alarmId) }) };
      },
    ],
    [
      'GET',
      /^\/api\/v1\/alarms\/([^/]+)$/,
      'read',
      ([id]) => {
        const alarm = alarmOf(id);
        return alarm && { ...alarm, transitions: answers.transitionsOf(alarm), audit: audit.filter(e => e.alarmId === id) };
      },
    ],
    [
      'POST',
      /^\/api\/v1\/alarms\/([^/]+)\/([^/]+)$/,
      'operate',
      ([id, action], q, body, identity) => change(alarmOf(id), action, body, identity),
    ],
    [
      'GET',
      /^\/api\/v1\/functions$/,
      'read',
      () => ({
        functions: fleet.functions,
        messages: { count: 181_362, time: { samples: 2800, meanNs: 140_000, p50Ns: 127_000, p99Ns: 1_900_000 } },
        lambda: {
          memoryMb: 128,
          batchSize: 1,
          usdPerMillionRequests: 0.2,
          usdPerGbSecond: 0.0000166667,
          functionsApart: { requests: 855_222, gbSeconds: 108, usd: 0.17 },
          functionsTogether: { requests: 181_362, gbSeconds: 22, usd: 0.04 },
        },
      }),
    ],
    [
      'GET',
      /^\/api\/v1\/functions\/([^/]+)$/,
      'read',
      ([name]) => {
        const f = fleet.functions.find(x => x.name === name);
        return (
          f && {
            ...f,
            stage: 'detect',
            settings: {
              name,
              kind: f.kind,
              device: 'pump-*',
              sensor: 'temperature',
              warning_high: 70,
              critical_high: 85,
              deadband: 1,
            },
            series: fleet.devices.slice(0, 37).map(d => ({ device: d.id, sensor: 'temperature' })),
            seriesTotal: 37,
          }
        );
      },
    ],
    ['GET', /^\/api\/v1\/quarantine$/, 'read', (m, q) => answers.quarantine(q, { hostile }).page],
    ['GET', /^\/api\/v1\/quarantine\/reasons$/, 'read', (m, q) => answers.quarantine(q, { hostile }).reasons],
    [
      'POST',
      /^\/api\/v1\/quarantine\/replay$/,
      'administer',
      (m, q, body) => ({
        matched: body.ids ? 1 : 212,
        replayed: body.ids ? 1 : 198,
        alreadyReplayed: 2,
        skipped: { truncated: 12, noPayload: 0, notAMessage: 0 },
      }),
    ],
    ['GET', /^\/api\/v1\/system$/, 'read', () => answers.system(flow, state.ready, started)],
    ['GET', /^\/api\/v1\/config$/, 'read', () => answers.config],
    [
      'POST',
      /^\/api\/v1\/query$/,
      'read',
      (m, q, body) => {
        const rows = answers.query(fleet, body.sql);
        if (!rows) throw new Refused(400, 'SQL: expected a statement, found SELEC at line 1, column 1');
        return rows;
      },
    ],
    ['GET', /^\/things\/([^/]+)\/shadow$/, 'read', () => answers.shadow()],
    ['POST', /^\/things\/([^/]+)\/shadow$/, 'operate', () => ({})],
    ['GET', /^\/api\/things\/shadow\/ListNamedShadowsForThing\/([^/]+)$/, 'read', () => ({ results: ['firmware'] })],
  ];

  const server = createServer(async (request, response) => {
    const target = new URL(request.url, 'http://localhost'),
      { pathname, searchParams } = target;
    if (pathname.startsWith('/ui')) return serveFile(pathname.slice(4), request, response);
    if (oidc && provider_.handles(pathname)) return provider_.answer(request, response, target);
    requests.push(`${request.method} ${pathname}`);
    try {
      if (oidc && pathname === '/api/v1/session' && request.method === 'GET') return sendJson(request, response, 200, provider_.start());
      if (oidc && pathname === '/api/v1/session' && request.method === 'POST') {
        const session = provider_.exchange(await readBody(request));
        if (!session) throw new Refused(401, 'the identity provider refuses the sign-in');
        return sendJson(request, response, 201, session);
      }
      const identity = identify(request);
      if (pathname === '/api/v1/stream') return openStream(request, response, searchParams);
      const body = await readBody(request);
      const route = routes.find(([method, path]) => method === request.method && path.test(pathname));
      if (!route) throw new Refused(404, `there is no ${pathname}`);
      need(identity, route[2]);
      const answer = route[3](route[1].exec(pathname).slice(1).map(decodeURIComponent), searchParams, body, identity);
      if (answer == null) throw new Refused(404, 'not found');
      sendJson(request, response, 200, answer);
    } catch (error) {
      if (!error.status) throw error;
      sendJson(
        request,
        response,
        error.status,
        { type: 'about:blank', title: 'refused', status: error.status, detail: error.message, oidc: error.oidc },
        'application/problem+json',
      );
    }
    return undefined;
  });

  function openStream(request, response, query) {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    const stream = {
      response,
      events: (query.get('events') ?? 'flow').split(','),
      devices: query.get('device')?.split(','),
      lastEventId: request.headers['last-event-id'] ?? null,
    };
    streams.add(stream);
    send(stream, 'flow', flow);
    response.on('close', () => streams.delete(stream));
  }

  await new Promise(resolve => server.listen(port, '127.0.0.1', () => resolve(null)));
  const url = () => `http://127.0.0.1:${/** @type {any} */ (server.address()).port}`;
  const provider_ = identityProvider(url);
  return {
    url: url(),
    ui: `${url()}/ui/`,
    state,
    flow,
    streams,
    emit,
    change: (alarm, action, body = {}) => change(alarm, action, body, { name: 'bob' }),
    /** Ends all streams, as a restart does. */
    dropStreams() {
      for (const stream of streams) stream.response.destroy();
    },
    async close() {
      clearInterval(ticker);
      this.dropStreams();
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

async function readBody(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text ? JSON.parse(text) : {};
}

function sendJson(request, response, status, value, type = 'application/json') {
  let body = Buffer.from(JSON.stringify(value));
  const headers = { 'Content-Type': type, 'Cache-Control': 'no-store' };
  if (body.length > 500 && /gzip/.test(request.headers['accept-encoding'] ?? '')) {
    body = gzipSync(body, { level: 5 });
    headers['Content-Encoding'] = 'gzip';
  }
  response.writeHead(status, { ...headers, 'Content-Length': body.length }).end(body);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const option = (name, fallback) => {
    const at = process.argv.indexOf('--' + name);
    return at < 0 ? fallback : Number(process.argv[at + 1]);
  };
  const has = name => process.argv.includes('--' + name);
  const api = await start({
    devices: option('devices', 121),
    alarms: option('alarms', 8),
    port: option('port', 8099),
    hostile: has('hostile'),
    auth: has('auth'),
    oidc: has('oidc'),
  });
  console.log(api.ui);
}
