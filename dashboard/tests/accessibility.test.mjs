// WCAG 2.2 AA by axe-core: no violation on any view, wide and phone, light and dark.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { start } from './simulated_api.mjs';
import { launch, open, settled, views } from './support/browser.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const LOOKS = {
  'light, wide': {},
  'dark, wide': { dark: true },
  'light, phone': { phone: true },
  'dark, phone': { phone: true, dark: true },
};

let browser, api;
before(async () => {
  browser = await launch();
  api = await start({ alarms: 14 });
});
after(async () => {
  await browser.close();
  await api.close();
});

async function violations(page) {
  const found = await page.evaluate(
    async rules =>
      (await /** @type {any} */ (window).axe.run(document, { runOnly: rules, resultTypes: ['violations'] })).violations,
    RULES,
  );
  return found.map(
    ({ id, nodes }) =>
      `${id}: ${nodes
        .slice(0, 3)
        .map(node => `${node.target.join(' ')} ${node.any[0]?.message ?? ''}`)
        .join(' | ')}`,
  );
}

for (const [look, options] of Object.entries(LOOKS)) {
  describe(look, () => {
    test('every view and dialog', async () => {
      // axe is injected by the test: the policy of the page would refuse it.
      const { page, done } = await open(browser, { ...options, bypassCSP: true });
      await page.addInitScript(AXE);
      const alarm = api.state.fleet.alarms[0],
        all = [];
      for (const [view, address] of Object.entries(views(alarm.alarmId, alarm.deviceId))) {
        await page.goto(api.ui + address);
        await settled(page);
        all.push(...(await violations(page)).map(violation => `${view}: ${violation}`));
      }
      for (const [name, open_] of Object.entries(dialogs)) {
        if (options.phone && name !== 'shelve') continue;
        await page.goto(`${api.ui}alarms`);
        await settled(page);
        await page.locator('.alarm-rows tr .c-device').first().waitFor();
        await open_(page);
        await page.locator('dialog[open]').waitFor();
        all.push(...(await violations(page)).map(violation => `${name}: ${violation}`));
      }
      assert.deepEqual(all, []);
      await done();
    });
  });
}

const dialogs = {
  keys: page => page.keyboard.press('?'),
  find: page => page.keyboard.press('Control+k'),
  shelve: async page => {
    await page.keyboard.press('j');
    await page.keyboard.press('s');
  },
};

test('the sign-in', async () => {
  const locked = await start({ auth: true, oidc: true }),
    { page, done } = await open(browser, { bypassCSP: true });
  await page.addInitScript(AXE);
  await page.goto(locked.ui);
  await page.getByRole('heading', { name: 'Sign in to Weir' }).waitFor();
  assert.deepEqual(await violations(page), []);
  await done();
  await locked.close();
});
