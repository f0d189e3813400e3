// Journeys of people through the page, against the simulated interface. They wait for what
// is shown, never for time.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { PASSWORD, start } from './simulated_api.mjs';
import { launch, open, settled, views } from './support/browser.mjs';
import { HOSTILE } from './support/fleet.mjs';

/** @type {import('playwright-core').Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** A simulated Weir and a page on it; the page had no fault when it is done. */
async function journey(options, walk) {
  const { view = {}, ...fleet } = options,
    api = await start(fleet),
    opened = await open(browser, view);
  try {
    await walk({ api, page: opened.page, context: opened.context });
  } finally {
    await api.close();
  }
  await opened.done();
}
const textOf = (page, selector) => page.locator(selector).first().textContent();

describe('3 a.m., by keyboard only', () => {
  test('a critical alarm appears, is acknowledged, taken back and shelved', () =>
    journey({ alarms: 8 }, async ({ api, page }) => {
      await page.goto(api.ui);
      await settled(page);
      const alarm = {
        ...api.state.fleet.alarms[0],
        alarmId: 'f00d',
        deviceId: 'pump-777',
        lifecycle: 'unacknowledged',
        raisedAt: Date.now(),
        updatedAt: Date.now(),
        comments: [],
      };
      api.state.fleet.alarms.push(alarm);
      const raised = performance.now();
      api.emit('alert', {
        id: 'f00d-raised',
        alarmId: 'f00d',
        severity: 'CRITICAL',
        state: 'raised',
        deviceId: 'pump-777',
        sensor: 'temperature',
        function: 'overheat',
        value: 91,
        unit: 'Cel',
        threshold: 85,
        timestamp: Date.now(),
        raisedAt: Date.now(),
        reason: 'temperature 91 °C is above the critical limit 85 °C',
      });
      await page.locator('.wrong-line.critical.asks', { hasText: 'pump-777' }).waitFor();
      assert.ok(performance.now() - raised < 1000, 'within a second');
      await page.waitForFunction(() => document.title.startsWith('■'));

      await page.keyboard.press('g');
      await page.keyboard.press('a');
      await page.locator('.alarm-rows tr', { hasText: 'pump-777' }).waitFor();
      await page.keyboard.press('j');
      await page.locator('tr.at', { hasText: 'pump-777' }).waitFor();
      await page.keyboard.press('a');
      await page.locator('.toast', { hasText: 'pump-777 temperature: acknowledged' }).waitFor();
      assert.equal(alarm.lifecycle, 'acknowledged');
      await page.locator('tr.at', { hasText: 'pump-777' }).waitFor();

      await page.locator('.toast button').focus();
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => [...document.querySelectorAll('tr.asks')].some(row => row.textContent.includes('pump-777')));
      await page.evaluate(() => /** @type {HTMLElement} */ (document.activeElement).blur());
      await page.keyboard.press('s');
      await page.locator('dialog[open]').waitFor();
      await page.getByRole('button', { name: '1 h', exact: true }).focus();
      await page.keyboard.press('Space');
      await page.getByLabel('Note (optional)').focus();
      await page.keyboard.type('load reduced');
      await page.getByLabel('Your name').focus();
      await page.keyboard.press('Control+A');
      await page.keyboard.type('ana');
      await page.keyboard.press('Enter');
      await page.locator('.toast', { hasText: 'shelved' }).waitFor();
      assert.deepEqual(
        api.state.audit.map(entry => entry.action),
        ['shelve', 'unacknowledge', 'acknowledge'],
      );
      assert.deepEqual([api.state.audit[0].by, api.state.audit[0].note], ['ana', 'load reduced']);
    }));

  test('every view has a key, and ? lists the keys', () =>
    journey({}, async ({ api, page }) => {
      await page.goto(api.ui);
      await settled(page);
      for (const [key, title] of [
        ['d', 'Devices'],
        ['e', 'Explore'],
        ['f', 'Functions'],
        ['q', 'Quarantine'],
        ['t', 'Live tap'],
        ['s', 'System'],
        ['o', 'Overview'],
      ]) {
        await page.evaluate(() => /** @type {HTMLElement} */ (document.activeElement).blur());
        await page.keyboard.press('g');
        await page.keyboard.press(key);
        await page.waitForFunction(name => document.querySelector('main h1')?.textContent === name, title);
      }
      await page.keyboard.press('?');
      await page.locator('dialog .keys').waitFor();
      assert.match(await textOf(page, 'dialog'), /Live tap/);
      await page.getByRole('checkbox').uncheck();
      await page.keyboard.press('Escape');
      await page.locator('dialog').waitFor({ state: 'detached' });
      await page.keyboard.press('g');
      await page.keyboard.press('d');
      assert.equal(await textOf(page, 'main h1'), 'Overview', 'keys are switched off');
    }));

  test('a device is found by its name', () =>
    journey({}, async ({ api, page }) => {
      await page.goto(api.ui);
      await settled(page);
      await page.keyboard.press('Control+k');
      await page.getByRole('combobox').waitFor();
      await page.keyboard.type('pump-007');
      await page.locator('[role=option]', { hasText: 'device' }).first().waitFor();
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => location.pathname === '/ui/devices/pump-007');
    }));
});

describe('engineer', () => {
  test('a dragged range and the chosen sensors are in the URL and survive a reload', () =>
    journey({}, async ({ api, page }) => {
      const { deviceId } = api.state.fleet.alarms[0];
      await page.goto(`${api.ui}devices/${deviceId}`);
      await settled(page);
      const box = await page.locator('.chart-plot[tabindex]').boundingBox();
      await page.mouse.move(box.x + box.width * 0.4, box.y + 100);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width * 0.6, box.y + 110, { steps: 8 });
      await page.mouse.up();
      await page.waitForFunction(() => new URLSearchParams(location.search).get('to'));
      await page.getByRole('button', { name: 'flow', exact: true }).click();
      await page.getByRole('button', { name: 'vibration', exact: true }).click({ modifiers: ['Shift'] });
      await page.waitForFunction(() => location.search.includes('sensor=flow,vibration'));
      await page.waitForFunction(() => document.querySelectorAll('.big .chart-legend .key').length === 2);
      const url = page.url(),
        label = await page.locator('.chart-plot[tabindex]').getAttribute('aria-label');
      await page.reload();
      await page.waitForFunction(() => document.querySelectorAll('.big .chart-legend .key').length === 2);
      assert.equal(page.url(), url);
      assert.equal(await page.locator('.chart-plot[tabindex]').getAttribute('aria-label'), label);
      await page.getByRole('link', { name: 'Explore in SQL' }).click();
      await page.locator('.result').waitFor();
      assert.match(await page.locator('textarea').inputValue(), /sensor IN \('flow', 'vibration'\)/);
      await page.getByText('Save', { exact: true }).click();
      const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Parquet' }).click()]);
      assert.equal(download.suggestedFilename(), 'weir.parquet');
    }));

  test('a chart is read with the keyboard', () =>
    journey({}, async ({ api, page }) => {
      await page.goto(`${api.ui}devices/${api.state.fleet.alarms[0].deviceId}`);
      await settled(page);
      await page.locator('.chart-plot[tabindex]').focus();
      await page.keyboard.press('Home');
      await page.locator('.big .stamp').waitFor();
      const first = await textOf(page, '.big .stamp');
      await page.keyboard.press('Shift+ArrowRight');
      await page.waitForFunction(text => document.querySelector('.big .stamp').textContent !== text, first);
      await page.getByRole('button', { name: 'Show as a table' }).click();
      await page.getByRole('region', { name: 'Points of the chart' }).waitFor();
    }));

  test('an error of SQL is shown where the query is', () =>
    journey({}, async ({ api, page }) => {
      await page.goto(`${api.ui}explore?sql=SELECX%201`);
      await page.locator('.query-error').waitFor();
      assert.match(await textOf(page, '.query-error'), /line 1, column 1/);
    }));
});

describe('reader and operator', () => {
  const signIn = async (page, token) => {
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  };
  test('a wrong token is named, a reader has no buttons, revoked rights end everything', () =>
    journey({ auth: true }, async ({ api, page }) => {
      await page.goto(api.ui);
      await page.getByRole('heading', { name: 'Sign in to Weir' }).waitFor();
      await signIn(page, 'token-wrong');
      await page.getByRole('alert').waitFor();
      assert.match(await textOf(page, '[role=alert]'), /unknown, revoked or expired/);
      await signIn(page, 'token-reader');
      await settled(page);
      await page.waitForFunction(() => document.querySelector('.rail-foot').textContent === 'rita, reader');
      assert.equal(await page.getByRole('button', { name: /Ack/ }).count(), 0);
      assert.ok(!page.url().includes('token'));
      await page.waitForFunction(() => document.querySelector('.live')?.textContent.trim() === 'Live');
      api.state.tokens.delete('token-reader');
      api.dropStreams();
      await page.getByRole('heading', { name: 'Sign in to Weir' }).waitFor();
      assert.equal((await page.locator('main').textContent()).trim(), '', 'nothing is shown');
      await signIn(page, 'token-operator');
      await page.getByRole('button', { name: /Ack/ }).first().waitFor();
      await page.reload();
      await settled(page);
      assert.equal(await textOf(page, '.rail-foot'), 'ana, operator', 'the tab keeps the token');
      await page.getByRole('button', { name: /Sign out/ }).click();
      await page.getByRole('heading', { name: 'Sign in to Weir' }).waitFor();
    }));

  test('a name and a password with a colon and an umlaut', () =>
    journey({ auth: true }, async ({ api, page }) => {
      await page.goto(api.ui);
      await page.getByRole('button', { name: 'Name and password' }).click();
      await page.getByLabel('Name').fill(PASSWORD[0]);
      await page.getByLabel('Password').fill(PASSWORD[1]);
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      await page.waitForFunction(() => document.querySelector('.rail-foot')?.textContent === 'ana, operator');
    }));

  test('an identity provider signs in with a code and PKCE, and signs out', () =>
    journey({ auth: true, oidc: true }, async ({ api, page }) => {
      await page.goto(`${api.ui}alarms?show=asking`);
      await page.getByRole('button', { name: /Sign in with 127/ }).click();
      await page.waitForFunction(() => document.querySelector('.rail-foot')?.textContent === 'olga, operator');
      assert.ok(page.url().endsWith('/ui/alarms?show=asking'), 'back where it began');
      await page.getByRole('button', { name: /Sign out/ }).click();
      await page.getByRole('button', { name: /Sign in with 127/ }).waitFor();
    }));
});

describe('newcomer', () => {
  test('without a device the overview says how to send the first reading', () =>
    journey({ devices: 0, alarms: 0 }, async ({ api, page }) => {
      await page.goto(api.ui);
      await page.getByText('No readings yet').waitFor();
      assert.match(await textOf(page, '.code'), /mosquitto_pub -h 127\.0\.0\.1 -q 1 -t devices\/pump-1\/telemetry/);
    }));
});

describe('broken', () => {
  test('a lost stream says how old the figures are, and comes back', () =>
    journey({}, async ({ api, page }) => {
      await page.goto(api.ui);
      await page.waitForFunction(() => document.querySelector('.live')?.textContent.trim() === 'Live');
      await page.route('**/api/v1/stream*', route => route.abort());
      api.dropStreams();
      await page.locator('.live.stale', { hasText: /Stale, \d+ s/ }).waitFor();
      await page.unroute('**/api/v1/stream*');
      await page.waitForFunction(() => document.querySelector('.live')?.textContent.trim() === 'Live', null, { timeout: 20_000 });
    }));

  test('the stream is resumed after its last alert', () =>
    journey({}, async ({ api, page }) => {
      await page.goto(api.ui);
      await settled(page);
      api.emit('alert', {
        id: 'x',
        alarmId: 'x',
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
      await page.locator('.recent-list a', { hasText: /^d$/ }).waitFor();
      api.dropStreams();
      await new Promise(resolve => {
        const timer = setInterval(() => {
          if (api.streams.size) {
            clearInterval(timer);
            resolve(null);
          }
        }, 20);
      });
      assert.equal([...api.streams][0].lastEventId, '1');
    }));

  test('a complaint of Weir comes first in the sentence', () =>
    journey({}, async ({ api, page }) => {
      api.state.ready = { ready: false, reasons: { journal: 'fsync failed: no space left on device' }, degraded: {} };
      await page.goto(api.ui);
      await settled(page);
      assert.match(await textOf(page, '.sentence .said'), /^\s*journal: fsync failed/);
    }));

  test('readings that are lost are named', () =>
    journey({}, async ({ api, page }) => {
      api.flow.readings.stored -= 5;
      await page.goto(api.ui);
      await page.getByText('5 unaccounted for').waitFor();
      await page.getByRole('link', { name: '5 readings unaccounted for' }).waitFor();
    }));
});

describe('hostile', () => {
  test('names and texts are text everywhere: no script runs, no policy is violated', () =>
    journey({ hostile: true, alarms: 6 }, async ({ api, page }) => {
      const { devices, alarms } = api.state.fleet;
      for (const [i, device] of devices.slice(0, 6).entries()) {
        // What is not of a device is the same for the next one.
        const addresses = Object.values(views(alarms[0].alarmId, device.id)).filter(address => i === 0 || address.startsWith('devices/'));
        for (const address of addresses) {
          await page.goto(api.ui + address);
          await settled(page);
        }
        assert.equal(await page.evaluate(() => document.querySelectorAll('img:not(.brand img), iframe, main script').length), 0);
      }
    }));

  test('links go where they say', () =>
    journey({ hostile: true, alarms: 6 }, async ({ api, page }) => {
      for (const [i, name] of [HOSTILE.device, HOSTILE.traversal].entries()) {
        await page.goto(`${api.ui}devices?sort=id&q=${encodeURIComponent(name)}`);
        await page.locator('.device-rows .c-device a').first().click();
        await page.waitForFunction(() => document.querySelector('.device-head h1'));
        assert.equal(await textOf(page, '.device-head h1'), api.state.fleet.devices[i].id);
        assert.equal(new URL(page.url()).pathname, `/ui/devices/${encodeURIComponent(name)}`);
      }
      const outside = await page.evaluate(() =>
        [...document.querySelectorAll('a[href]')]
          .map(a => /** @type {HTMLAnchorElement} */ (a))
          .filter(a => new URL(a.href).origin !== location.origin || a.protocol === 'javascript:')
          .map(a => a.href),
      );
      assert.deepEqual(outside, []);
    }));
});

describe('everybody', () => {
  test('bulk: all alarms that match are acknowledged with one request, and undone', () =>
    journey({ devices: 400, alarms: 300 }, async ({ api, page }) => {
      await page.goto(`${api.ui}alarms?show=asking`);
      await settled(page);
      await page.keyboard.press('*');
      await page.locator('.bulk.on').waitFor();
      api.state.requests.length = 0;
      await page.locator('.bulk .btn', { hasText: 'Acknowledge' }).click();
      await page.getByText('No alarm matches').waitFor();
      assert.deepEqual(
        api.state.requests.filter(request => request.startsWith('POST')),
        ['POST /api/v1/alarms/actions'],
      );
      await page.locator('.toast button', { hasText: 'Undo' }).click();
      await page.locator('.alarm-rows tr.asks').first().waitFor();
    }));

  test('an action of another operator is shown at once', () =>
    journey({}, async ({ api, page }) => {
      await page.goto(api.ui);
      await settled(page);
      const alarm = api.state.fleet.alarms[0];
      await page.locator('.wrong-line.asks', { hasText: alarm.deviceId }).waitFor();
      api.change(alarm, 'ack');
      await page.locator('.wrong-line:not(.asks)', { hasText: alarm.deviceId }).waitFor();
    }));

  test('times are local or UTC by one switch, and themes too', () =>
    journey({}, async ({ api, page }) => {
      await page.goto(`${api.ui}alarms?tab=history`);
      await settled(page);
      const cell = '.history-rows tbody time',
        local = await textOf(page, cell);
      await page.keyboard.press('U');
      await page.waitForFunction(([selector, text]) => document.querySelector(selector).textContent !== text, [cell, local]);
      await page.keyboard.press('T');
      await page.waitForFunction(() => document.documentElement.dataset.theme === 'dark');
      await page.reload();
      await settled(page);
      assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
      assert.equal(await textOf(page, '.zone'), 'UTC');
    }));

  test('quarantine: a replay shows first what it would send', () =>
    journey({}, async ({ api, page }) => {
      await page.goto(`${api.ui}quarantine`);
      await settled(page);
      await page.locator('.rejected-head').first().click();
      await page.getByRole('button', { name: 'Replay this message' }).click();
      await page.getByRole('button', { name: 'Replay 1 message', exact: true }).click();
      await page.locator('.toast', { hasText: '1 message replayed' }).waitFor();
    }));
});
