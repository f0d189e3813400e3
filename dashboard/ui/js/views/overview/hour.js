// Alarms raised in each minute of the last hour.
import { html, useSignal } from '../../core/dom.js';
import { href } from '../../core/router.js';
import { overview } from '../../core/live.js';
import { shortTime, zone } from '../../core/time.js';
import { parse } from '../../core/spans.js';
import { plural, whole } from '../../core/numbers.js';
import { Loading, Panel } from '../../parts/layout.js';

const HEIGHT = 84, LEAST_TOP = 4;

export function Hour() {
  useSignal(zone);
  const hour = useSignal(overview)?.hour;
  return html`<${Panel} title="Alarms raised in the last hour" id="hour" className="hour" aside=${html`<a class="more-link"
    href=${href('alarms', null, { tab: 'figures' })}>Figures</a>`}>
    ${!hour ? html`<${Loading} />` : html`<${Bars} hour=${hour} />`}</${Panel}>`;
}

function Bars({ hour }) {
  const critical = hour.reduce((sum, minute) => sum + minute.critical, 0);
  const total = hour.reduce((sum, minute) => sum + minute.critical + minute.warning, 0);
  const most = Math.max(0, ...hour.map(minute => minute.critical + minute.warning)), top = Math.max(LEAST_TOP, most);
  const width = 600 / Math.max(1, hour.length), height = count => count / top * (HEIGHT - 4),
    time = i => shortTime(parse(hour[i].minute));
  return html`<p class="hour-said"><b class="num">${whole(total)}</b> <span
    class="dim">raised${critical ? `, ${whole(critical)} critical` : ''}.
      EEMUA 191: up to 6 an hour and operator are acceptable.</span></p>
    <svg class="hour-bars" viewBox=${`0 0 600 ${HEIGHT}`} preserveAspectRatio="none" role="img"
      aria-label=${`${plural(total, 'alarm')} raised in the last hour, at most ${most} in a minute`}>
      <path class="base" d=${`M0 ${HEIGHT - .5}h600`} />
      ${hour.map((minute, i) => html`<${Minute} key=${minute.minute} minute=${minute} x=${i * width} width=${width}
        height=${height} />`)}</svg>
    ${hour.length > 0 && html`<p class="hour-axis dim small num"><span>${time(0)}</span><span>
      ${time(Math.floor(hour.length / 2))}</span><span>now</span></p>`}`;
}

function Minute({ minute, x, width, height }) {
  const warning = height(minute.warning), critical = height(minute.critical), bar = { x: x + 1.5, width: width - 3 };
  return html`<g><title>${shortTime(parse(minute.minute))}: ${minute.critical} critical, ${minute.warning} warnings</title>
    <rect class="hit" x=${x} y="0" width=${width} height=${HEIGHT} />
    ${warning > 0 && html`<rect class="warning" ...${bar} y=${HEIGHT - 1 - warning} height=${warning} />`}
    ${critical > 0 && html`<rect class="critical" ...${bar} y=${HEIGHT - 1 - warning - critical} height=${critical} />`}</g>`;
}
