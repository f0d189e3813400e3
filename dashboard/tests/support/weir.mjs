// The real binary: `weir up` on free ports with a data folder of its own. WEIR_BIN names
// it (`cargo xtask test` sets it); without it these journeys are left out.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export const BINARY = process.env.WEIR_BIN;
export const PYTHON = process.env.WEIR_PYTHON;
/** Of `describe`: why these journeys do not run. */
export const skip = BINARY ? false : 'WEIR_BIN does not name the binary of Weir';

const DEADLINE_MS = 30_000,
  LOOK_MS = 20;
const run = promisify(execFile);

const LISTENERS = '[http]\nlisten = "127.0.0.1:0"\n[broker]\nlisten = "127.0.0.1:0"\n';

/** Returns what `look` finds as soon as it finds something. */
export async function until(what, look, deadline = DEADLINE_MS) {
  for (const end = Date.now() + deadline; Date.now() < end; ) {
    const found = await look();
    if (found) return found;
    await new Promise(resolve => setTimeout(resolve, LOOK_MS));
  }
  return assert.fail(`${what}: not within ${deadline / 1000} s`);
}

/** What may be in the log of a healthy run. */
const FAULT = /\b(WARN|ERROR)\b/;

export class Weir {
  /** @param {{config?: string, listeners?: string, files?: Record<string, string>, allowed?: RegExp, demo?: boolean}} options */
  constructor({ config = '', listeners = LISTENERS, files = {}, allowed, demo = false } = {}) {
    this.demo = demo;
    this.folder = mkdtempSync(join(tmpdir(), 'weir-page-'));
    this.config = listeners + config;
    this.allowed = allowed;
    for (const [name, text] of Object.entries(files)) writeFileSync(this.path(name), text);
  }

  path(name) {
    return join(this.folder, name);
  }

  /** A free port of the first start is kept: a restart has the same addresses. */
  async start() {
    const ports = this.path('ports.json'),
      log = openSync(this.path('weir.log'), 'a');
    if (existsSync(ports)) unlinkSync(ports);
    writeFileSync(this.path('weir.toml'), this.config);
    // The demo has a configuration of its own.
    const which = this.demo ? ['--demo'] : ['--config', this.path('weir.toml')],
      args = ['up', ...which, '--data-dir', this.path('data'), '--ports-file', ports];
    const env = { PATH: process.env.PATH, ...(this.demo && { WEIR_HTTP_LISTEN: '127.0.0.1:0', WEIR_BROKER_LISTEN: '127.0.0.1:0' }) };
    this.process = spawn(BINARY, args, { stdio: ['ignore', 'ignore', log], env });
    this.ended = new Promise(resolve => this.process.on('exit', (code, signal) => resolve(signal ?? code)));
    closeSync(log);
    await until('weir writes its ports', () => {
      if (this.process.exitCode !== null) assert.fail(`weir ended:\n${this.log()}`);
      return existsSync(ports);
    });
    const { http, mqtt } = JSON.parse(readFileSync(ports, 'utf8'));
    this.url = `http://${http}`;
    this.ui = `${this.url}/ui/`;
    this.mqttPort = mqtt?.split(':')[1];
    // For the next start: a changed file would be loaded now.
    this.config = this.config.replace('127.0.0.1:0', http).replace('127.0.0.1:0', mqtt ?? '');
    await until('weir is ready', async () => (await fetch(`${this.url}/readyz`)).ok);
    return this;
  }

  log() {
    return readFileSync(this.path('weir.log'), 'utf8');
  }

  async kill() {
    this.process.kill('SIGKILL');
    await this.ended;
  }

  /** @param {string} path @param {RequestInit & {token?: string}} [options] */
  async ask(path, { token, ...options } = {}) {
    const headers = { Accept: 'application/json', 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) };
    const response = await fetch(this.url + path, { headers, ...options });
    assert.ok(response.ok, `${path}: ${response.status} ${response.ok ? '' : await response.text()}`);
    return response.json();
  }

  /** Sends a payload over HTTP, and returns when it is processed. */
  async send(device, payload, { token } = {}) {
    const body = typeof payload === 'string' ? payload : JSON.stringify(payload);
    return this.ask(`/api/v1/ingest/devices/${encodeURIComponent(device)}/telemetry?wait=processed`, { method: 'POST', body, token });
  }

  /** The first alarm, as soon as there is one: alarms are recorded behind the readings. */
  async firstAlarm() {
    return until('an alarm is recorded', async () => (await this.ask('/api/v1/alarms')).alarms[0]);
  }

  /** Over MQTT, as devices do. @param {string[]} login  Further arguments. */
  async publish(topic, payload, login = []) {
    await run('mosquitto_pub', ['-h', '127.0.0.1', '-p', this.mqttPort, '-q', '1', '-t', topic, '-m', JSON.stringify(payload), ...login]);
  }

  /** `weir ARGS` against this one. */
  async command(...args) {
    return (await run(BINARY, args, { cwd: this.folder, env: { PATH: process.env.PATH, ...(this.url && { WEIR_URL: this.url }) } })).stdout;
  }

  /** Adds an identity to the access file. Returns its token. */
  async add(name, role) {
    return (await this.command('auth', 'add', name, '--role', role, '--file', this.path('access.toml'))).trim();
  }

  write(name, text) {
    writeFileSync(this.path(name), text);
  }

  /** Stops it; its log had no fault. */
  async stop() {
    this.process.kill('SIGTERM');
    const end = await this.ended,
      faults = this.log().split('\n').filter(line => FAULT.test(line) && !this.allowed?.test(line));
    rmSync(this.folder, { recursive: true, force: true });
    assert.deepEqual(faults, []);
    assert.equal(end, 0, 'it stops in order');
  }
}

/** A shell line as people paste it. @param {string} line */
export const shell = line => run('bash', ['-c', line]);
