// Whether every reading is accounted for: the equation with its rates, the same as a bar,
// and how much comes in.
import { html, cx, Fragment, useSignal } from '../../core/dom.js';
import { href } from '../../core/router.js';
import { flow, history, rateOf } from '../../core/live.js';
import { terms, unaccounted } from '../../core/summary.js';
import { percent, plural, short, whole } from '../../core/numbers.js';
import { Loading, Panel } from '../../parts/layout.js';
import { Spark } from '../../parts/spark.js';

/** Terms with a view of their own, and with a rate. */
const VIEW = { stored: 'explore', quarantined: 'quarantine' };
const RATED = ['stored', 'quarantined', 'deduplicated'];

export function Conservation() {
  const counts = useSignal(flow), rates = useSignal(history);
  if (!counts) return html`<${Panel} title="Every reading is accounted for" id="flow"><${Loading} rows=${2} /></${Panel}>`;
  const rest = unaccounted(counts), parts = terms(counts), { messages, readings } = counts;
  const rate = key => { const value = rateOf(rates, key); return value == null ? '' : `${short(value)}/s`; };
  const aside = html`<span class=${cx('adds', rest !== 0 && 'bad')}>
    ${rest === 0 ? '✓ adds up' : `${whole(rest)} unaccounted for`}</span>`;
  return html`<${Panel} title="Every reading is accounted for" id="flow" className="flow" aside=${aside}>
    <dl class="equation">
      <${Term} name="received" count=${readings.received} rate=${rate('readings')} className="total" />
      ${parts.map(([name, count], i) => html`<${Fragment} key=${name}><i class="sign" aria-hidden="true">${i ? '+' : '='}</i>
        <${Term} name=${name} count=${count} rate=${RATED.includes(name) ? rate(name) : ''} view=${VIEW[name]} /></${Fragment}>`)}</dl>
    <${Bar} parts=${parts} total=${readings.received} />
    <div class="pace">
      <${Pace} name="Messages" now=${rate('messages')} values=${rates.map(sample => sample.messages)} unit="/s" />
      <${Pace} name="Readings" now=${rate('readings')} values=${rates.map(sample => sample.readings)} unit="/s" />
      <${Pace} name="In flight" now=${whole(messages.in_flight + readings.in_flight)}
        values=${rates.map(sample => sample.inFlight)} />
      <p class="dim small"><${Messages} messages=${messages} conflicts=${readings.conflicts} /></p>
    </div></${Panel}>`;
}

const Term = ({ name, count, rate, view = null, className = '' }) => html`<div class=${cx('term', className, !count && 'zero')}>
  <dt>${view ? html`<a href=${href(view)}>${name}</a>` : name}</dt><dd class="num">${whole(count)}</dd><dd class="dim small num">
    ${rate}</dd></div>`;

const Pace = ({ name, now, values, unit = '' }) => html`<figure><figcaption><span>${name}</span><b class="num">
  ${now}</b></figcaption>
  <${Spark} values=${values} label=${name} unit=${unit} /></figure>`;

function Messages({ messages, conflicts }) {
  const waiting = messages.received - messages.journaled;
  return html`<${Fragment}>${whole(messages.received)} messages, ${waiting ? html`<b>
    ${whole(waiting)} not yet in the journal</b>` : 'all in the journal'}${
    messages.shadow_requests ? `, ${whole(messages.shadow_requests)} of them for shadows` : ''}${
    conflicts ? `; ${plural(conflicts, 'value')} replaced at the same key` : ''}.</${Fragment}>`;
}

const WIDTH = 1000, LEAST = 5, GAP = 2;

/** What is small stays visible: each part has at least a few units. */
function Bar({ parts, total }) {
  if (!total) return null;
  const shown = parts.filter(([, count]) => count > 0);
  const small = shown.filter(([, count]) => count / total * WIDTH < LEAST).length;
  let x = 0;
  return html`<svg class="stream" viewBox=${`0 0 ${WIDTH} 18`} preserveAspectRatio="none" role="img"
    aria-label=${`Of the readings received: ${shown.map(([name, count]) => `${percent(count / total)} ${name}`).join(', ')}`}>
    ${shown.map(([name, count]) => {
      const size = Math.max(LEAST, count / total * (WIDTH - small * LEAST)), at = x;
      x += size;
      return html`<rect key=${name} class=${'part ' + name.replace(' ', '-')} x=${at} y="0" width=${Math.max(1, size - GAP)}
        height="18">
        <title>${name}: ${whole(count)} (${percent(count / total)})</title></rect>`;
    })}</svg>`;
}
