// Journeys of operators through the real binary: at night, why, with roles, after a crash.
// They wait for what is shown.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { launch, open, settled } from './support/browser.mjs';
import { skip, until, Weir } from './support/weir.mjs';

/** @type {import('playwright-core').Browser} */
let browser;
before(async () => {
  if (!skip) browser = await launch();
});
after(() => browser?.close());

/** A running Weir and a page; both had no fault when it is done. */
async function journey(options, walk) {
  const weir = await new Weir(options).start(),
    opened = await open(browser);
  try {
    await walk({ weir, page: opened.page });
    await opened.done();
  } finally {
    await opened.context.close();
    await weir.stop();
  }
}

const OVERHEAT = `
[[function]]
name = "overheat"
kind = "threshold"
sensor = "temperature"
warning_high = 80.0
critical_high = 90.0
deadband = 2.0
`;
const AUTH = '[auth]\nfile = "access.toml"\n';
/** Before the sign-in, and with a wrong token. */
const REFUSED = /refused by HTTP/;
const text = (page, selector) => page.locator(selector).first().textContent();

describe('3 a.m., by keyboard only, with the real binary', { skip }, () => {
  test('a critical alarm is acknowledged, taken back and shelved, and the audit has it all', async () => {
    const weir = new Weir({ config: OVERHEAT + AUTH, allowed: REFUSED });
    const token = await weir.add('ana', 'operator'),
      device = await weir.add('pump-7', 'device');
    await weir.start();
    const { page, context, done } = await open(browser);
    try {
      await page.goto(weir.ui);
      await page.getByLabel('Token').waitFor();
      await page.keyboard.type(token);
      await page.keyboard.press('Enter');
      await settled(page);
      await page.waitForFunction(() => document.querySelector('.live')?.textContent.trim() === 'Live');
      await weir.publish('devices/pump-7/telemetry', { temperature: 95.5 }, ['-u', 'pump-7', '-P', device]);
      await page.locator('.wrong-line.critical.asks', { hasText: 'pump-7' }).waitFor({ timeout: 10_000 });
      await page.waitForFunction(() => document.title.startsWith('■'));

      await page.keyboard.press('g');
      await page.keyboard.press('a');
      await page.locator('.alarm-rows tr', { hasText: 'pump-7' }).waitFor();
      await page.keyboard.press('j');
      await page.locator('tr.at', { hasText: 'pump-7' }).waitFor();
      await page.keyboard.press('a');
      await page.locator('.toast', { hasText: 'pump-7 temperature: acknowledged' }).waitFor();
      await until('it is acknowledged by the signed-in name', async () => {
        const { alarms } = await weir.ask('/api/v1/alarms', { token });
        return alarms[0].acknowledged?.by === 'ana';
      });
      await page.locator('.toast button').focus();
      await page.keyboard.press('Enter');
      await page.locator('tr.asks', { hasText: 'pump-7' }).waitFor();
      await page.evaluate(() => /** @type {HTMLElement} */ (document.activeElement).blur());
      await page.keyboard.press('s');
      await page.locator('dialog[open]').waitFor();
      await page.getByRole('button', { name: '1 h', exact: true }).focus();
      await page.keyboard.press('Space');
      await page.getByLabel('Note (optional)').focus();
      await page.keyboard.type('load reduced');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await page.locator('.toast', { hasText: 'shelved' }).waitFor();
      const { audit } = await weir.ask('/api/v1/alarms/audit', { token });
      assert.deepEqual(audit.map(entry => [entry.action, entry.by]), [['shelve', 'ana'], ['unacknowledge', 'ana'], ['acknowledge', 'ana']]);
      assert.equal(audit[0].note, 'load reduced');
      await done();
    } finally {
      await context.close();
      await weir.stop();
    }
  });
});

describe('why, with the real binary', { skip }, () => {
  test('an alarm shows its chart, the reason, the levels, and the CSV has the points', () =>
    journey({ config: OVERHEAT }, async ({ weir, page }) => {
      const start = Date.now() - 300_000;
      for (const [i, value] of [70, 75, 85, 93, 94].entries())
        await weir.send('pump-1', { timestamp: start + i * 30_000, data: [{ sensorId: 'temperature', value, unit: 'Cel' }] });
      const alarm = await weir.firstAlarm();
      await page.goto(`${weir.ui}alarms/${alarm.alarmId}`);
      await settled(page);
      assert.match(await text(page, 'main h1'), /pump-1/);
      const label = await page.locator('.chart-plot[tabindex]').getAttribute('aria-label');
      assert.match(label, /70.*94/s, label);
      const why = page.locator('.step.culprit', { hasText: 'overheat' });
      await why.waitFor();
      const said = await why.textContent();
      assert.match(said, /Settings[\s\S]*90[\s\S]*80[\s\S]*Memory before[\s\S]*Memory after/);

      await page.goto(`${weir.ui}devices/pump-1?sensor=temperature`);
      await settled(page);
      const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'CSV' }).click()]);
      const csv = readFileSync(await download.path(), 'utf8').trim().split('\n');
      assert.equal(csv.length, 6);
      assert.deepEqual(csv.slice(1).map(line => Number(line.split(',')[2])), [70, 75, 85, 93, 94]);
    }));
});

describe('reader and operator, with the real binary', { skip }, () => {
  test('a wrong token is named, a reader has no buttons, and revoked rights end everything', async () => {
    const weir = new Weir({ config: OVERHEAT + AUTH, allowed: REFUSED });
    const operator = await weir.add('ana', 'operator'),
      admin = await weir.add('root', 'admin');
    const kept = readFileSync(weir.path('access.toml'), 'utf8');
    const reader = await weir.add('rita', 'reader');
    await weir.start();
    await weir.send('pump-1', { temperature: 95 }, { token: admin });
    const { page, context, done } = await open(browser);
    const signIn = async token => {
      await page.getByLabel('Token').fill(token);
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    };
    try {
      await page.goto(weir.ui);
      await signIn('wrong');
      await page.getByRole('alert').waitFor();
      await signIn(reader);
      await settled(page);
      await page.waitForFunction(() => document.querySelector('.rail-foot').textContent === 'rita, reader');
      await page.waitForFunction(() => document.querySelector('.live')?.textContent.trim() === 'Live');
      await page.locator('.wrong-line.critical', { hasText: 'pump-1' }).waitFor();
      assert.equal(await page.getByRole('button', { name: /Ack/ }).count(), 0);
      assert.ok(!page.url().includes(reader));
      weir.write('access.toml', kept);
      await page.getByRole('heading', { name: 'Sign in to Weir' }).waitFor();
      assert.equal((await page.locator('main').textContent()).trim(), '', 'nothing is shown');
      await signIn(operator);
      await page.getByRole('button', { name: /Ack/ }).first().waitFor();
      await done();
    } finally {
      await context.close();
      await weir.stop();
    }
  });
});

describe('broken, with the real binary', { skip }, () => {
  test('a killed Weir is stale, and after its start the figures go on without a second alarm', async () => {
    const weir = await new Weir({ config: OVERHEAT }).start(),
      { page, context, done } = await open(browser);
    try {
      await weir.send('pump-1', { temperature: 95 });
      await page.goto(weir.ui);
      await settled(page);
      await page.locator('.wrong-line.critical', { hasText: 'pump-1' }).waitFor();
      await page.waitForFunction(() => document.querySelector('.live')?.textContent.trim() === 'Live');
      await weir.kill();
      await page.locator('.live.stale', { hasText: /Stale, \d+ s/ }).waitFor();
      await weir.start();
      await page.waitForFunction(() => document.querySelector('.live')?.textContent.trim() === 'Live', null, { timeout: 30_000 });
      await weir.send('pump-2', { temperature: 96 });
      await page.locator('.wrong-line.critical', { hasText: 'pump-2' }).waitFor();
      assert.equal(await page.locator('.wrong-line.critical').count(), 2);
      const { alarms } = await weir.ask('/api/v1/alarms?state=any');
      assert.deepEqual(alarms.map(alarm => alarm.deviceId).sort(), ['pump-1', 'pump-2']);
      await done();
    } finally {
      await context.close();
      await weir.stop();
    }
  });
});
