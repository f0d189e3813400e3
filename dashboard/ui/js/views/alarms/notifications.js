// Notifications: the channels, what could not be delivered, and the audit of actions.
import { html } from '../../core/dom.js';
import { href } from '../../core/router.js';
import { get, post, segment } from '../../core/api.js';
import { useAsk } from '../../core/ask.js';
import { ACTION } from '../../core/alarm_terms.js';
import { may } from '../../core/session.js';
import { plural, whole } from '../../core/numbers.js';
import { Answer, Panel } from '../../parts/layout.js';
import { notify, notifyError } from '../../parts/feedback.js';
import { Shape } from '../../parts/shape.js';
import { When } from '../../parts/times.js';

const CHANNELS_MS = 5_000, AUDIT_MS = 15_000, LETTERS = 100, ENTRIES = 200;

export function Notifications() {
  const channels = useAsk(signal => get('/api/v1/alarms/channels', signal), [], { every: CHANNELS_MS });
  const letters = useAsk(signal => get(`/api/v1/alarms/dead-letters?limit=${LETTERS}`, signal), []);
  const audit = useAsk(signal => get(`/api/v1/alarms/audit?limit=${ENTRIES}`, signal), [], { every: AUDIT_MS });
  const retry = async which => {
    try {
      const { retried } = await post(`/api/v1/alarms/dead-letters/${which}/retry`);
      notify({ text: `${plural(retried, 'notification')} returned to the outbox` });
      letters.retry();
    } catch (error) { notifyError(error); }
  };
  const all = letters.data?.deadLetters.length > 0 && may('operate') && html`<button type="button" class="btn small"
    onClick=${() => retry('all')}>Retry all</button>`;
  return html`<div class="two">
    <${Panel} title="Channels" id="channels" flush><${Answer} of=${channels}>
      ${data => html`<${Channels} channels=${data.channels} />`}</${Answer}></${Panel}>
    <${Panel} title="Dead letters" id="dead" flush aside=${all}><${Answer} of=${letters}>
      ${data => html`<${Letters} letters=${data.deadLetters} onRetry=${retry} />`}</${Answer}></${Panel}>
    <${Panel} title="Audit of actions" id="audit" flush className="wide"><${Answer} of=${audit}>
      ${data => html`<${Audit} entries=${data.audit} />`}</${Answer}></${Panel}></div>`;
}

async function test(name) {
  try {
    await post(`/api/v1/alarms/channels/${segment(name)}/test`);
    notify({ text: `${name}: the test notification was delivered` });
  } catch (error) { notifyError(error); }
}

function Channels({ channels }) {
  if (!channels.length) return html`<p class="dim pad">No channel is configured.</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Table of channels"><table class="plain">
    <thead><tr><th scope="col">Channel</th><th scope="col">Kind</th><th scope="col" class="num">Queued</th><th scope="col"
      class="num">Delivered</th><th scope="col" class="num">Dead letters</th><th scope="col">State</th><th scope="col">
      <span class="sr">Test</span></th></tr></thead>
    <tbody>${channels.map(c => html`<tr key=${c.name}><td><b>${c.name}</b></td><td class="dim">${c.kind}</td><td class="num">
      ${whole(c.queued)}</td><td class="num">${whole(c.delivered)}</td><td class="num">${whole(c.deadLetters)}</td>
      <td>${c.failing ? html`<${Shape} severity="warning" label="failing" size=${14} /> ${c.failing}` : html`<span
        class="dim">works</span>`}</td>
      <td>${may('operate') && html`<button type="button" class="btn small" aria-label=${`Test ${c.name}`}
        onClick=${() => test(c.name)}>Test</button>`}</td></tr>`)}</tbody></table></div>`;
}

function Letters({ letters, onRetry }) {
  if (!letters.length) return html`<p class="dim pad">Every notification was delivered.</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Table of dead letters"><table class="plain">
    <thead><tr><th scope="col">Time</th><th scope="col">Channel</th><th scope="col">Notification</th><th scope="col">
      <span class="sr">Retry</span></th></tr></thead>
    <tbody>${letters.map(letter => html`<tr key=${letter.n}><td class="num dim nowrap"><${When} at=${letter.at} /></td><td>
      ${letter.channel}</td><td>${letter.title}<div class="dim small">${letter.reason}</div></td>
      <td>${may('operate') && html`<button type="button" class="btn small"
        onClick=${() => onRetry(letter.n)}>Retry</button>`}</td></tr>`)}</tbody></table></div>`;
}

function Audit({ entries }) {
  if (!entries.length) return html`<p class="dim pad">No action has been recorded.</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Table of actions"><table class="plain">
    <thead><tr><th scope="col">Time</th><th scope="col">Who</th><th scope="col">Action</th><th scope="col">Alarm</th>
      <th scope="col">Note</th></tr></thead>
    <tbody>${entries.map(entry => html`<tr><td class="num dim nowrap"><${When} at=${entry.at} /></td><td>${entry.by}</td>
      <td>${ACTION[entry.action] ?? entry.action}${entry.to && ` to ${entry.to}`}${entry.until && html` <span
        class="dim">until <${When} at=${entry.until} /></span>`}</td>
      <td><a class="mono small" href=${href('alarms', entry.alarmId)}>${entry.alarmId}</a></td><td class="dim">
        ${entry.note ?? ''}</td></tr>`)}</tbody></table></div>`;
}
