// 100,000 devices and 10,000 alarms: few rows in the document, quick answers, a flat heap.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { start } from './simulated_api.mjs';
import { launch, open, settled } from './support/browser.mjs';

const ROWS = 60,
  FRAME_MS = 8,
  EVENTS = 300,
  HEAP_GROWTH = 1.05;

let browser, api;
before(async () => {
  browser = await launch();
  api = await start({ devices: 100_000, alarms: 10_000 });
});
after(async () => {
  await browser.close();
  await api.close();
});

const rows = page => page.evaluate(() => document.querySelectorAll('.rows tbody tr:not(.spacer)').length);

/** Script time of a frame while the list is scrolled through, in milliseconds. */
async function scrolled(page, session) {
  const script = async () =>
    (await session.send('Performance.getMetrics')).metrics.find(metric => metric.name === 'ScriptDuration').value * 1000;
  await session.send('Performance.enable');
  const before = await script(),
    frames = 60;
  await page.evaluate(
    count =>
      new Promise(resolve => {
        const box = document.querySelector('.rows');
        let frame = 0;
        const step = () => {
          // Every tenth frame is a jump, as of a dragged scroll bar.
          box.scrollTop = frame % 10 ? box.scrollTop + 120 : (box.scrollHeight * frame) / count;
          if (++frame < count) requestAnimationFrame(step);
          else resolve(null);
        };
        requestAnimationFrame(step);
      }),
    frames,
  );
  return ((await script()) - before) / frames;
}

for (const [view, last] of [
  ['devices', 100_000],
  ['alarms?show=asking', null],
]) {
  test(`${view}: few rows, whatever is scrolled to`, async () => {
    const { page, context, done } = await open(browser);
    await page.goto(api.ui + view);
    await settled(page);
    assert.ok((await rows(page)) < ROWS);
    const perFrame = await scrolled(page, await context.newCDPSession(page));
    assert.ok((await rows(page)) < ROWS, `${await rows(page)} rows`);
    await page.evaluate(() => {
      const box = document.querySelector('.rows');
      box.scrollTop = box.scrollHeight;
    });
    if (last) await page.waitForFunction(index => document.querySelector(`tr[aria-rowindex="${index + 1}"]`), last);
    console.log(`${view}: ${perFrame.toFixed(1)} ms of script a frame, ${await rows(page)} rows`);
    if (process.env.WEIR_TIMED) assert.ok(perFrame <= FRAME_MS, `${perFrame} ms of script a frame`);
    await done();
  });
}

test("search is the server's: what is typed is shown, and the list follows", async () => {
  const { page, done } = await open(browser);
  await page.goto(`${api.ui}devices`);
  await settled(page);
  await page.keyboard.press('/');
  await page.keyboard.type('pump-099999');
  await page.waitForFunction(
    () =>
      document.querySelector('[role=status].num')?.textContent === '0 devices' ||
      document.querySelectorAll('.device-rows tbody tr').length === 1,
  );
  await page.waitForFunction(() => location.search === '?q=pump-099999');
  await done();
});

test('the overview paints the fleet and groups the flood', async () => {
  const { page, done } = await open(browser);
  await page.goto(api.ui);
  await settled(page);
  await page.locator('.fleet canvas').waitFor();
  await page.getByText('Alarm flood.').waitFor();
  assert.ok((await page.evaluate(() => document.querySelectorAll('*').length)) < 1500);
  await done();
});

/** Used heap after a collection, at three moments. */
async function heaps(session, pass) {
  const sizes = [];
  for (let i = 0; i < 3; i++) {
    await pass(20);
    await session.send('HeapProfiler.collectGarbage');
    sizes.push((await session.send('Runtime.getHeapUsage')).usedSize);
  }
  return sizes;
}

for (const view of ['overview', 'alarms', 'device', 'tap']) {
  test(`${view}: the heap is flat over as many events as five minutes bring`, async () => {
    const fast = await start({ devices: 1000, alarms: 40, flowEveryMs: 20 }),
      { page, context, done } = await open(browser);
    const addresses = { overview: '', device: `devices/${fast.state.fleet.alarms[0].deviceId}` };
    await page.goto(fast.ui + (addresses[view] ?? view));
    await settled(page);
    const session = await context.newCDPSession(page);
    const pass = async events => {
      const until = fast.flow.messages.received + events * 61;
      while (fast.flow.messages.received < until) await page.evaluate(() => new Promise(requestAnimationFrame));
    };
    // The history of 300 seconds is full before the first look.
    await pass(EVENTS * 2);
    const before = Math.max(...(await heaps(session, pass)));
    await pass(EVENTS);
    const later = Math.min(...(await heaps(session, pass)));
    console.log(`${view}: heap ${(before / 2 ** 20).toFixed(2)} → ${(later / 2 ** 20).toFixed(2)} MiB`);
    assert.ok(later <= before * HEAP_GROWTH, `${before} → ${later}`);
    await done();
    await fast.close();
  });
}
