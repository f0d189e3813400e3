// The fleet as a mosaic: a cell for each device, by location. A large fleet is painted on
// a canvas, the worst first; the list of devices is the way for keyboards then.
import { html, cx, useEffect, useLayoutEffect, useMemo, useRef, useSignal, useState } from '../../core/dom.js';
import { go, href } from '../../core/router.js';
import { overview } from '../../core/live.js';
import { get } from '../../core/api.js';
import { useAsk } from '../../core/ask.js';
import { byLocation, byState, cells, shapeOf, STATE_NAME, STATES } from '../../core/fleet.js';
import { plural, whole } from '../../core/numbers.js';
import { Loading, Panel } from '../../parts/layout.js';
import { Shape } from '../../parts/shape.js';
import { color, onTheme } from '../../parts/paint.js';

/** Above this number cells are painted. */
const LINKS = 800, EVERY_MS = 15_000;

export function Fleet() {
  const now = useSignal(overview), devices = now?.devices;
  const [pointed, setPointed] = useState(null);
  const title = devices ? plural(devices.total, 'device') : 'Devices';
  return html`<${Panel} title=${title} id="fleet" className="fleet" aside=${html`<a class="more-link"
    href=${href('devices')}>List</a>`}>
    ${!devices ? html`<${Loading} rows=${4} />` : html`<ul class="legend">
      ${STATES.filter(state => devices.states[state]).map(state => html`<li key=${state}>
        <a href=${href('devices', null, { state })}><${Shape} ...${shapeOf(state)} label="" size=${14} /><b class="num">
          ${whole(devices.states[state])}</b> ${STATE_NAME[state]}</a></li>`)}</ul>
      ${devices.total > 0 && html`<${Mosaic} devices=${devices} onPoint=${setPointed} />
        <p class="mosaic-said" aria-hidden="true"><${Pointed} cell=${pointed} worst=${now.alarms.worst} /></p>`}`}
  </${Panel}>`;
}

/** A small fleet comes with the overview. */
function Mosaic({ devices, onPoint }) {
  const small = devices.mosaic;
  const asked = useAsk(signal => small ? null : get('/api/v1/devices/mosaic', signal), [!small], { every: small ? 0 : EVERY_MS });
  const mosaic = small ?? asked.data;
  const all = useMemo(() => mosaic ? cells(mosaic) : [], [mosaic]);
  if (!mosaic) return html`<div class="mosaic-hold">${asked.error && html`<p class="dim">${asked.error.message}</p>`}</div>`;
  return all.length > LINKS ? html`<${Painted} all=${all} onPoint=${onPoint} />` : html`<${Links} all=${all} onPoint=${onPoint} />`;
}

const Pointed = ({ cell, worst }) => {
  if (!cell) return html`<span class="dim">One cell per device. Point at a cell for its name.</span>`;
  const alarm = worst.find(({ deviceId }) => deviceId === cell.id);
  return html`<b>${cell.id}</b> ${alarm ? alarm.reason : STATE_NAME[cell.state]}`;
};

function Links({ all, onPoint }) {
  const groups = useMemo(() => byLocation(all), [all]);
  return html`<div class="mosaic" onMouseLeave=${() => onPoint(null)} onFocusOut=${() => onPoint(null)}>
    ${groups.map(([location, group]) => html`<section key=${location}><h3 class="cut">${location || 'no location'}</h3>
      <div class="cells">${group.map(cell => html`<${Cell} key=${cell.id} cell=${cell}
        onPoint=${onPoint} />`)}</div></section>`)}</div>`;
}

const MARK = {
  critical: '!',
  warning: html`<svg viewBox="0 0 10 10" aria-hidden="true"><path d="M5 1.4 9 8.6H1Z" /></svg>`,
};
const Cell = ({ cell, onPoint }) => html`<a class=${cx('cell', cell.state, cell.asks && 'asks')} href=${href('devices', cell.id)}
  aria-label=${`${cell.id}, ${STATE_NAME[cell.state]}${cell.asks ? ', unacknowledged' : ''}`}
    onMouseEnter=${() => onPoint(cell)} onFocus=${() => onPoint(cell)}>${MARK[cell.state]}</a>`;

const HEIGHT = 210, LARGEST = 18, SMALLEST = 1;

/** The largest cell with which all devices fit. */
function grid(count, width) {
  let size = LARGEST;
  while (size > SMALLEST && Math.floor(width / size) * Math.floor(HEIGHT / size) < count) size -= size > 8 ? 1 : .25;
  return { size, across: Math.floor(width / size), gap: size > 5 ? 1 : size > 3 ? .5 : 0 };
}

function Painted({ all, onPoint }) {
  const canvas = useRef(), drawn = useRef({ size: 1, across: 1 }), [theme, setTheme] = useState(0);
  const sorted = useMemo(() => byState(all), [all]);
  useEffect(() => onTheme(() => setTheme(n => n + 1)), []);
  useLayoutEffect(() => {
    const element = canvas.current, width = element.parentElement.clientWidth, ratio = devicePixelRatio;
    const { size, across, gap } = grid(sorted.length, width);
    drawn.current = { size, across };
    element.width = width * ratio;
    element.height = HEIGHT * ratio;
    Object.assign(element.style, { width: `${width}px`, height: `${HEIGHT}px` });
    const context = element.getContext('2d');
    context.scale(ratio, ratio);
    const fills = {
      critical: color('--critical-fill'), warning: color('--warning-fill'), held: color('--held'),
      silent: color('--line-strong'), normal: color('--cell'),
    };
    sorted.forEach((cell, i) => {
      context.fillStyle = fills[cell.state];
      context.fillRect((i % across) * size, Math.floor(i / across) * size, size - gap, size - gap);
    });
  }, [sorted, theme]);
  const at = event => {
    const box = canvas.current.getBoundingClientRect(), { size, across } = drawn.current;
    return sorted[Math.floor((event.clientY - box.top) / size) * across + Math.floor((event.clientX - box.left) / size)] ?? null;
  };
  return html`<div><canvas ref=${canvas} role="img" aria-label="The fleet by state: the numbers above say the same"
    onMouseMove=${event => onPoint(at(event))} onMouseLeave=${() => onPoint(null)}
    onClick=${event => { const cell = at(event); if (cell) go(href('devices', cell.id)); }}></canvas></div>`;
}
