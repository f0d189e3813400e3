// Debian's chromium through playwright-core, and a page that fails a test when a script
// error, a failed policy or an unexpected console message occurs.
import { chromium } from 'playwright-core';
import assert from 'node:assert/strict';

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';
export const launch = () =>
  chromium.launch({ executablePath: EXECUTABLE, args: ['--no-sandbox', '--enable-precise-memory-info', '--js-flags=--expose-gc'] });

export const WIDE = { width: 1440, height: 900 },
  PHONE = { width: 390, height: 844 };

/** What the browser says of answers that a test provokes. */
const EXPECTED = /Failed to load resource/;

/** @param {import('playwright-core').Browser} browser */
export async function open(browser, { viewport = WIDE, dark = false, phone = false, ...options } = {}) {
  const context = await browser.newContext({
    viewport: phone ? PHONE : viewport,
    colorScheme: dark ? 'dark' : 'light',
    hasTouch: phone,
    isMobile: phone,
    deviceScaleFactor: 1,
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    ...options,
  });
  const page = await context.newPage(),
    faults = [];
  page.on('pageerror', error => faults.push(`error: ${error.stack ?? error}`));
  page.on('dialog', dialog => {
    faults.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on('console', message => {
    if (['error', 'warning'].includes(message.type()) && !EXPECTED.test(message.text()))
      faults.push(`${message.type()}: ${message.text()}`);
  });
  await page.addInitScript(() =>
    addEventListener('securitypolicyviolation', event =>
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`),
    ),
  );
  return {
    page,
    faults,
    context,
    async done() {
      await context.close();
      assert.deepEqual(faults, []);
    },
  };
}

/** The views of the page with an address for each. @param {import('../../types/api').Alarm} alarm @param {string} device */
export const views = (alarm, device) => ({
  overview: '',
  alarms: 'alarms',
  history: 'alarms?tab=history',
  figures: 'alarms?tab=figures',
  notifications: 'alarms?tab=notifications',
  alarm: `alarms/${encodeURIComponent(alarm)}`,
  devices: 'devices',
  device: `devices/${encodeURIComponent(device)}`,
  shadow: `devices/${encodeURIComponent(device)}?tab=shadow`,
  'device-alarms': `devices/${encodeURIComponent(device)}?tab=alarms`,
  why: `devices/${encodeURIComponent(device)}?tab=why&sensor=temperature`,
  explore: 'explore',
  functions: 'functions',
  function: 'functions?name=overheat',
  quarantine: 'quarantine',
  tap: 'tap',
  system: 'system',
  configuration: 'system?tab=configuration',
});

/** What every view shows when it is complete. */
export async function settled(page) {
  await page.waitForSelector('main h1', { state: 'attached' });
  await page.waitForFunction(
    () => !document.querySelector('[aria-busy=true], .chart-hold:not(.small)') && document.querySelector('.sentence .said'),
  );
}
