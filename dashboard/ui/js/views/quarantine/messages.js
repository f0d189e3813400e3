// Rejected messages, the newest first: what was wrong with each, and its bytes.
import { html, cx, useEffect, useState } from '../../core/dom.js';
import { get, path } from '../../core/api.js';
import { useAsk } from '../../core/ask.js';
import { may } from '../../core/session.js';
import { parse } from '../../core/spans.js';
import { bytes } from '../../core/numbers.js';
import { Answer, Code, Empty, Panel } from '../../parts/layout.js';
import { When } from '../../parts/times.js';
import { notifyError } from '../../parts/feedback.js';

/** @typedef {import('../../../../types/api').QuarantinedMessage} Message */

const PAGE = 100, REFRESH_MS = 10_000, LISTED = 20, MOST = 400;

/** The first page is asked for again; older pages are added by hand. */
function useMessages(reason, device) {
  const page = (after, signal) => get(path('/api/v1/quarantine', { group: 'message', reason, device, limit: PAGE, after }), signal);
  const answer = useAsk(signal => page(null, signal), [reason, device], { every: REFRESH_MS });
  const [older, setOlder] = useState({ messages: [], next: undefined });
  useEffect(() => setOlder({ messages: [], next: undefined }), [reason, device]);
  const next = older.next === undefined ? answer.data?.next : older.next;
  const more = async () => {
    try {
      const found = await page(next);
      setOlder(old => ({ messages: [...old.messages, ...found.messages], next: found.next ?? null }));
    } catch (error) { notifyError(error); }
  };
  const first = answer.data?.messages ?? [], known = new Set(first.map(({ id }) => id));
  /** @type {Message[]} */
  const messages = [...first, ...older.messages.filter(({ id }) => !known.has(id))];
  return { answer, messages, more: next != null && messages.length < MOST ? more : null };
}

/** @param {{reason?: string, device?: string, onReplay?: (ids: string[]) => void}} props */
export function Messages({ reason = '', device = '', onReplay }) {
  const { answer, messages, more } = useMessages(reason, device);
  const [open, setOpen] = useState(null);
  return html`<${Panel} title="Messages" id="messages" flush className="entries"><${Answer} of=${answer} rows=${6}>
    ${() => !messages.length
    ? html`<${Empty} title=${device ? `No message of ${device} was rejected` : 'No message matches'} />`
    : html`<div><ul class="rejected">
      ${messages.map(message => html`<${Row} key=${message.id} message=${message} open=${open === message.id}
      onToggle=${() => setOpen(open === message.id ? null : message.id)} onReplay=${onReplay} />`)}</ul>
        ${more && html`<p class="pad"><button type="button" class="btn"
          onClick=${more}>Show older messages</button></p>`}</div>`}</${Answer}></${Panel}>`;
}

/** @param {{message: Message, open: boolean, onToggle: () => void, onReplay?: (ids: string[]) => void}} props */
function Row({ message, open, onToggle, onReplay }) {
  const { entries } = message, shown = entries.slice(0, open ? LISTED : 1), rest = entries.length - shown.length;
  return html`<li class=${cx(open && 'open')}><button type="button" class="rejected-head" aria-expanded=${open} onClick=${onToggle}>
      <span class="num dim"><${When} at=${parse(message.received)} /></span><span class="mono topic cut">${message.topic}</span>
        <span class="dim cut">${message.client || message.door}</span>
      <span class="dim num">${bytes(message.payloadBytes)}</span>${message.replayed && html`<span class="tag">replayed</span>`}
      <span class="rejected-why">${shown.map(entry => html`<span>${entry.detail}</span>`)}${rest > 0 && html`<span
        class="dim">and ${rest} more</span>`}</span></button>
    ${open && html`<${Payload} message=${message} onReplay=${onReplay} />`}</li>`;
}

/** JSON in lines, if it is JSON. @param {string} text */
function pretty(text) {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}

function Payload({ message, onReplay }) {
  const { payload, payloadHex, entries, door, client } = message, text = payload ? pretty(payload) : payloadHex;
  const readings = entries.map(({ reading }) => reading).filter(reading => reading != null);
  return html`<div class="payload">${text ? html`<${Code} text=${text} className="json" />`
      : html`<p class="dim">The bytes of this message are not stored: it was accepted except for ${readings.length === 1 ? 'reading' : 'readings'} ${readings.join(', ')}.</p>`}
    <p class="dim small payload-foot">
      <span>Received by ${door}${client && ` from ${client}`}, ${bytes(message.payloadBytes)}${message.retained ? ', retained' : ''}.</span>
      ${onReplay && may('administer') && text && html`<button type="button" class="btn small"
        onClick=${() => onReplay(entries.map(({ id }) => id))}>Replay this message</button>`}</p></div>`;
}
