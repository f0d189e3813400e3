// What the first view costs: bytes, requests; and what a page costs that nobody looks at.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { start } from './simulated_api.mjs';
import { staticImports } from './support/modules.mjs';
import { launch, open, settled } from './support/browser.mjs';

const FIRST_VIEW = 70 * 1024,
  HEAVIEST = 100 * 1024,
  EVERYTHING = 164 * 1024;

let browser, api;
before(async () => {
  browser = await launch();
  api = await start({ alarms: 14 });
});
after(async () => {
  await browser.close();
  await api.close();
});

/** Bytes on the wire, headers included, and the requests of the interface until the view is complete. */
async function cost(address) {
  const { page, context, done } = await open(browser),
    session = await context.newCDPSession(page);
  let bytes = 0,
    files = 0;
  await session.send('Network.enable');
  session.on('Network.loadingFinished', event => {
    bytes += event.encodedDataLength;
    files++;
  });
  api.state.requests.length = 0;
  await page.goto(api.ui + address);
  await settled(page);
  await page.waitForFunction(() => document.querySelector('.live')?.textContent.trim() === 'Live');
  const requests = [...api.state.requests],
    paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime);
  console.log(
    `${address || 'overview'}: ${(bytes / 1024).toFixed(1)} KiB in ${files} files, ${requests.length} requests, first paint after ${paint?.toFixed(0)} ms`,
  );
  await done();
  return { bytes, requests };
}

test('the first view: two requests of the interface, at most 70 KiB', async () => {
  const { bytes, requests } = await cost('');
  assert.deepEqual(requests.sort(), ['GET /api/v1/overview', 'GET /api/v1/stream']);
  assert.ok(bytes <= FIRST_VIEW, `${bytes} bytes`);
});

test('the heaviest view', async () => {
  const { bytes } = await cost(`alarms/${api.state.fleet.alarms[0].alarmId}`);
  assert.ok(bytes <= HEAVIEST, `${bytes} bytes`);
});

test('steady state: the overview asks at most 20 times a minute, also in a storm of alerts', async () => {
  const { page, done } = await open(browser);
  await page.goto(api.ui);
  await settled(page);
  api.state.requests.length = 0;
  const begin = Date.now(),
    seconds = 9;
  while (Date.now() - begin < seconds * 1000) {
    api.emit('alert', {
      id: String(Math.random()),
      alarmId: 'storm',
      severity: 'WARNING',
      state: 'raised',
      deviceId: 'd',
      sensor: 's',
      function: 'f',
      value: 1,
      timestamp: Date.now(),
      raisedAt: Date.now(),
      reason: 'r',
    });
    await page.evaluate(() => new Promise(requestAnimationFrame));
  }
  const asked = api.state.requests.filter(request => request.endsWith('/overview')).length;
  assert.ok(asked >= 2 && asked <= Math.ceil(seconds / 3) + 1, `${asked} requests in ${seconds} s`);
  await done();
});

test('the document preloads what the frame needs, so that no module waits for another', () => {
  const document_ = readFileSync(new URL('../ui/index.html', import.meta.url), 'utf8');
  const preloaded = [...document_.matchAll(/rel="modulepreload" href="\/ui\/([^"]+)"/g)].map(([, path]) => path);
  assert.deepEqual(preloaded.sort(), staticImports('js/main.js').sort());
});

test('everything there is', () => {
  const root = new URL('../ui/', import.meta.url),
    served = /\.(html|js|mjs|css|svg)$/;
  const files = readdirSync(root, { recursive: true })
    .map(String)
    .filter(name => served.test(name));
  const bytes = files.reduce((sum, name) => sum + gzipSync(readFileSync(new URL(name, root)), { level: 9 }).length, 0);
  console.log(`everything: ${(bytes / 1024).toFixed(1)} KiB in ${files.length} files`);
  assert.ok(bytes <= EVERYTHING, `${bytes} bytes`);
});
