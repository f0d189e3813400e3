// Journeys of an engineer, a newcomer and an attacker through the real binary, and axe on
// its views. They wait for what is shown.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { launch, open, settled, views } from './support/browser.mjs';
import { PYTHON, shell, skip, Weir } from './support/weir.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** @type {import('playwright-core').Browser} */
let browser;
before(async () => {
  if (!skip) browser = await launch();
});
after(() => browser?.close());

/** A running Weir and a page; both had no fault when it is done. */
async function journey({ view = {}, ...options }, walk) {
  const weir = await new Weir(options).start(),
    opened = await open(browser, view);
  try {
    await walk({ weir, page: opened.page });
    await opened.done();
  } finally {
    await opened.context.close();
    await weir.stop();
  }
}

describe('engineer, with the real binary', { skip }, () => {
  test('a dragged range survives a reload, and what is explored arrives as Parquet', () =>
    journey({}, async ({ weir, page }) => {
      const start = Date.now() - 600_000,
        readings = i => [
          { sensorId: 'flow', value: 20 + (i % 5), unit: 'm3/h', timestamp: start + i * 1000 },
          { sensorId: 'vibration', value: 4 + (i % 3) / 10, unit: 'mm/s', timestamp: start + i * 1000 },
        ];
      await weir.send('pump-1', { data: Array.from({ length: 500 }, (_, i) => readings(i)).flat() });
      await page.goto(`${weir.ui}devices/pump-1?sensor=flow`);
      await settled(page);
      const plot = page.locator('.chart-plot[tabindex]'),
        box = await plot.boundingBox();
      await page.mouse.move(box.x + box.width * 0.85, box.y + 100);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width * 0.95, box.y + 110, { steps: 8 });
      await page.mouse.up();
      await page.waitForFunction(() => new URLSearchParams(location.search).get('to'));
      await page.getByRole('button', { name: 'vibration', exact: true }).click({ modifiers: ['Shift'] });
      await page.waitForFunction(() => document.querySelectorAll('.big .chart-legend .key').length === 2);
      const url = page.url(),
        label = await plot.getAttribute('aria-label');
      await page.reload();
      await page.waitForFunction(() => document.querySelectorAll('.big .chart-legend .key').length === 2);
      assert.equal(page.url(), url);
      assert.equal(await plot.getAttribute('aria-label'), label);
      await page.getByRole('link', { name: 'Explore in SQL' }).click();
      await page.locator('.result').waitFor();
      await page.getByText('Save', { exact: true }).click();
      const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Parquet' }).click()]);
      const sql = await page.locator('textarea').inputValue();
      const rows = await weir.ask('/api/v1/query', { method: 'POST', body: JSON.stringify({ sql }) });
      if (!PYTHON) return;
      const script =
        'import sys, pyarrow.parquet as p; t = p.read_table(sys.argv[1]); print(t.num_rows, sorted(set(t["sensor"].to_pylist())))';
      const read = execFileSync(PYTHON, ['-c', script, await download.path()], { encoding: 'utf8' }).trim();
      assert.ok(rows.length > 0);
      assert.equal(read, `${rows.length} ['flow', 'vibration']`);
    }));
});

describe('newcomer, with the real binary', { skip }, () => {
  test('the line that the overview shows makes the first device appear', () =>
    journey({}, async ({ weir, page }) => {
      await page.goto(weir.ui);
      await page.getByText('No readings yet').waitFor();
      const line = await page.locator('.code', { hasText: 'mosquitto_pub' }).locator('pre, code').first().textContent();
      await shell(line);
      await page.getByRole('link', { name: /pump-1/ }).first().waitFor({ timeout: 30_000 });
    }));
});

const OVERHEAT = '[[function]]\nname = "overheat"\nkind = "threshold"\nsensor = "temperature"\nwarning_high = 80.0\n';
const MARKUP = '<img src=x onerror=alert(1)>';

describe('hostile, with the real binary', { skip }, () => {
  test('names, values and payloads are text: no script runs and no policy is violated', () =>
    journey({ config: OVERHEAT, allowed: /message refused/ }, async ({ weir, page }) => {
      const send = (id, data) => weir.send(id, { data: [data] });
      const location = '"><script>alert(2)</script>';
      await send('__proto__', { sensorId: 'temperature', value: 95, unit: '<b>C</b>', location });
      await send('constructor', { sensorId: 'constructor', value: 1, location: '__proto__' });
      // Refused as names of devices: they show in the quarantine.
      await send(MARKUP, { sensorId: 'temperature', value: 95 });
      await send('abc\u202egnp.exe', { sensorId: 'temperature', value: 1 });
      await send('pump-1', { sensorId: 'javascript:alert(3)', value: MARKUP });
      await weir.send('pump-2', `<svg/onload=alert(4)>${'A'.repeat(65_536)}`);
      await weir.send('pump-3', 'a\u0000\u001b[31mb');
      const { alarmId } = await weir.firstAlarm(),
        { devices } = await weir.ask('/api/v1/devices');
      assert.deepEqual(devices.map(({ id }) => id).sort(), ['__proto__', 'constructor', 'pump-1']);
      for (const { id } of devices) {
        for (const address of Object.values(views(alarmId, id))) {
          await page.goto(weir.ui + address);
          await settled(page);
        }
        await page.goto(`${weir.ui}devices/${encodeURIComponent(id)}`);
        await settled(page);
        assert.equal(await page.locator('.device-head h1').textContent(), id);
      }
      assert.equal(await page.evaluate(() => document.querySelectorAll('img:not(.brand img), iframe, main script').length), 0);
    }));
});

describe('budgets, with the real binary', { skip }, () => {
  test('the first view has at most 70 KiB, an alarm with its chart at most 100', () =>
    journey({ config: OVERHEAT }, async ({ weir }) => {
      await weir.send('pump-1', { data: [{ sensorId: 'temperature', value: 95, unit: 'Cel', location: 'hall-1' }] });
      const { alarmId } = await weir.firstAlarm();
      for (const [address, budget] of [['', 70], [`alarms/${alarmId}`, 100]]) {
        const { page, context } = await open(browser),
          session = await context.newCDPSession(page);
        let bytes = 0;
        await session.send('Network.enable');
        session.on('Network.loadingFinished', event => (bytes += event.encodedDataLength));
        await page.goto(weir.ui + address);
        await settled(page);
        await page.waitForFunction(() => document.querySelector('.live')?.textContent.trim() === 'Live');
        await context.close();
        console.log(`${address || 'overview'}: ${(bytes / 1024).toFixed(1)} KiB`);
        assert.ok(bytes > 0 && bytes <= budget * 1024, `${address}: ${bytes} bytes`);
      }
    }));
});

describe('accessibility, with the real binary', { skip }, () => {
  for (const [name, view] of Object.entries({ light: {}, dark: { dark: true }, phone: { phone: true } })) {
    test(`axe finds nothing on any view: ${name}`, () =>
      journey({ config: OVERHEAT, view: { ...view, bypassCSP: true } }, async ({ weir, page }) => {
        // axe is injected by the test: the policy of the page would refuse it.
        await page.addInitScript(AXE);
        await weir.send('pump-1', { data: [{ sensorId: 'temperature', value: 95, criticalThreshold: 90, unit: 'Cel', location: 'hall-1' }] });
        await weir.send('pump-2', '{');
        const { alarmId } = await weir.firstAlarm();
        for (const [title, address] of Object.entries(views(alarmId, 'pump-1'))) {
          await page.goto(weir.ui + address);
          await settled(page);
          const found = await page.evaluate(
            async tags => (await /** @type {any} */ (window).axe.run(document, { runOnly: tags })).violations.map(v => `${v.id}: ${v.nodes[0].html}`),
            TAGS,
          );
          assert.deepEqual(found, [], title);
        }
      }));
  }
});
