// The pictures of the documentation, with the real binary and its demo: WEIR_BIN names it.
// `cargo xtask pictures` runs this.
import { mkdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { launch, open, settled } from './support/browser.mjs';
import { until, Weir } from './support/weir.mjs';

const FOLDER = fileURLToPath(new URL('../../docs/guides/page/', import.meta.url)),
  MAX_BYTES = 150 * 1024,
  SIZE = { width: 1200, height: 760 },
  ALARMS = 6,
  READINGS = 15_000;

mkdirSync(FOLDER, { recursive: true });
const weir = await new Weir({ demo: true, allowed: /WARN/ }).start(),
  browser = await launch();
try {
  const alarms = await until(
    'the demo has raised alarms',
    async () => {
      const { alarms } = await weir.ask('/api/v1/alarms?state=active&sort=need'),
        { flow } = await weir.ask('/api/v1/overview');
      return alarms.length >= ALARMS && flow.readings.stored >= READINGS && alarms;
    },
    600_000,
  );
  const alarm = alarms.find(({ function: name }) => name === 'overheat') ?? alarms[0],
    device = encodeURIComponent(alarm.deviceId);
  const statement = 'SELECT date_bin(INTERVAL \'10 seconds\', time) AS time, avg(value) AS mean, max(value) AS max\nFROM readings\n' +
    `WHERE device = '${alarm.deviceId}' AND sensor = '${alarm.sensor}'\nGROUP BY 1 ORDER BY 1`;
  const views = {
    overview: '',
    alarm: `alarms/${encodeURIComponent(alarm.alarmId)}`,
    device: `devices/${device}?from=now-15m`,
    explore: `explore?sql=${encodeURIComponent(statement)}&view=chart`,
  };
  for (const [name, options] of [...Object.keys(views).map(view => [view, {}]), ['overview', { phone: true }], ['overview', { dark: true }]]) {
    const { page, context } = await open(browser, { viewport: SIZE, ...options }),
      look = options.phone ? '-phone' : options.dark ? '-dark' : '',
      file = `${FOLDER}${name}${look}.png`;
    await page.goto(weir.ui + views[name]);
    await settled(page);
    await page.waitForFunction(() => document.querySelector('.live')?.textContent.trim() === 'Live');
    if (name === 'explore') await page.locator('.chart-plot canvas').first().waitFor();
    // Rates are known after two looks.
    if (name === 'overview') await page.waitForFunction(() => /\d.*\/s/.test(document.querySelector('.overview-now').textContent));
    await page.screenshot({ path: file, animations: 'disabled' });
    await context.close();
    const { size } = statSync(file);
    console.log(`${file}: ${(size / 1024).toFixed(0)} KiB`);
    if (size > MAX_BYTES) throw new Error(`${file} is too large`);
  }
} finally {
  await browser.close();
  await weir.stop();
}
