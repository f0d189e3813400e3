// One sensor of a device as a small chart. It is drawn when it comes into sight: a device
// may have a hundred sensors.
import { html, cx, useEffect, useMemo, useRef, useState } from '../../core/dom.js';
import { measure } from '../../core/numbers.js';
import { Shape } from '../../parts/shape.js';
import { Chart } from '../../parts/chart.js';

const HEIGHT = 104, AHEAD = '300px';
/** Not worth a word: the device sends no time of its own. */
const USUAL = 'time_received';
const NO_BANDS = [];

function useInSight() {
  const box = useRef(), [seen, setSeen] = useState(false);
  useEffect(() => {
    const observer = new IntersectionObserver(entries => {
      if (!entries.some(entry => entry.isIntersecting)) return;
      setSeen(true);
      observer.disconnect();
    }, { rootMargin: AHEAD });
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  return { box, seen };
}

/**
 * @param {{device: string, sensor: string, latest: import('../../../../types/api').LatestReading, unit?: string|null, answer: any,
 *   bands?: import('../../parts/chart_marks.js').Band[], on: boolean, sync: string, onPick: (event: any) => void, onZoom: (from: number, to: number) => void}} props
 */
export function SmallChart({ device, sensor, latest, unit, answer, bands = NO_BANDS, on, sync, onPick, onZoom }) {
  const { box, seen } = useInSight();
  const line = answer?.lines.get(sensor), lines = useMemo(() => line?.x.length ? [line] : [], [line]);
  const open = bands.find(band => band.to == null), flags = latest.flags && latest.flags !== USUAL ? latest.flags : null;
  return html`<section class=${cx('small-chart panel', on && 'on')} ref=${box}>
    <header><button type="button" class="quiet" aria-pressed=${on} title=${sensor} onClick=${onPick}>
      ${open && html`<${Shape} severity=${open.severity} size=${13} />`}<b>${sensor}</b></button>
      <span class="num now-value cut">
        ${typeof latest.value === 'boolean' ? String(latest.value) : measure(latest.value, latest.unit ?? unit)}</span>
        ${flags && html`<span class="tag" title=${flags}>${flags}</span>`}</header>
    ${seen && lines.length ? html`<${Chart} compact label=${`${device} ${sensor}`} lines=${lines} from=${answer.from}
      to=${answer.to} step=${answer.step} height=${HEIGHT} bands=${bands} sync=${sync} onZoom=${onZoom} />`
      : html`<div class="chart-hold small">${seen && answer && html`<span class="dim small">
        ${typeof latest.value === 'string' ? 'text values' : 'no readings in this time'}</span>`}</div>`}</section>`;
}
