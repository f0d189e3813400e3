// Pictures of every view: node tests/screenshots.mjs [FOLDER]
import { mkdirSync } from 'node:fs';
import { start } from './simulated_api.mjs';
import { launch, open, settled, views } from './support/browser.mjs';

const folder = process.argv[2] ?? new URL('./shots', import.meta.url).pathname,
  only = process.argv[3];
mkdirSync(folder, { recursive: true });
const api = await start({ alarms: 14 }),
  browser = await launch();
const alarm = api.state.fleet.alarms[0];
api.change(alarm, 'comment', { note: 'Bearing is hot to the touch, load reduced' });
for (const [name, options] of Object.entries({
  light: {},
  dark: { dark: true },
  phone: { phone: true },
  'phone-dark': { phone: true, dark: true },
})) {
  const { page, faults, context } = await open(browser, options);
  for (const [view, address] of Object.entries(views(alarm.alarmId, alarm.deviceId))) {
    if (only && view !== only) continue;
    await page.goto(api.ui + address);
    await settled(page);
    if (['overview', 'tap', 'functions', 'system'].includes(view)) await page.waitForTimeout(3500);
    await page.screenshot({ path: `${folder}/${view}-${name}.png` });
  }
  if (faults.length) console.error(name, faults.slice(0, 5));
  await context.close();
}
await browser.close();
await api.close();
