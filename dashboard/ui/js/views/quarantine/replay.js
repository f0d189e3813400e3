// Replay: a dry run first shows what would be sent.
import { html, useEffect, useState } from '../../core/dom.js';
import { post } from '../../core/api.js';
import { plural, whole } from '../../core/numbers.js';
import { Loading } from '../../parts/layout.js';
import { Dialog } from '../../parts/dialog.js';
import { notify } from '../../parts/feedback.js';

const SKIPPED = { truncated: 'stored truncated', noPayload: 'without bytes', notAMessage: 'not a message' };
const COUNTS = ['matched', 'replayed', 'alreadyReplayed'];

/** Page after page. @param {any} request */
async function replayAll(request) {
  const sum = { matched: 0, replayed: 0, alreadyReplayed: 0, skipped: {} };
  for (let after; ;) {
    const page = await post('/api/v1/quarantine/replay', { ...request, after });
    for (const key of COUNTS) sum[key] += page[key];
    for (const [key, count] of Object.entries(page.skipped)) sum.skipped[key] = (sum.skipped[key] ?? 0) + count;
    if (page.next == null) return sum;
    after = page.next;
  }
}

/** @param {{which: {reason?: string, device?: string, ids?: string[]}, onClose: (done: boolean) => void}} props */
export function Replay({ which, onClose }) {
  const [state, setState] = useState({ outcome: null, error: null, busy: true });
  const request = Object.fromEntries(Object.entries(which).filter(([, value]) => value));
  const run = async dryRun => {
    setState(old => ({ ...old, busy: true }));
    try {
      const outcome = await replayAll({ ...request, dryRun });
      setState({ outcome, error: null, busy: false });
      if (dryRun) return;
      notify({ text: `${plural(outcome.replayed, 'message')} replayed` });
      onClose(true);
    } catch (error) { setState({ outcome: null, error, busy: false }); }
  };
  useEffect(() => { run(true); }, []);
  const { outcome, error, busy } = state;
  return html`<${Dialog} title="Replay the quarantine" onClose=${() => onClose(false)}>
    <p>These messages go through the pipeline again with the current configuration. They count as received again. Readings that are already stored are deduplicated.</p>
    ${error ? html`<p class="bad" role="alert">${error.message}</p>` : !outcome ? html`<${Loading} rows=${2} />`
      : html`<${Outcome} outcome=${outcome} />`}
    <footer><button type="button" class="btn" onClick=${() => onClose(false)}>Cancel</button>
      <button type="button" class="btn primary" disabled=${busy || !outcome?.replayed}
        onClick=${() => run(false)}>Replay ${plural(outcome?.replayed ?? 0, 'message')}</button></footer></${Dialog}>`;
}

function Outcome({ outcome }) {
  const fact = (name, count) => html`<div><dt>${name}</dt><dd class="num">${whole(count)}</dd></div>`;
  return html`<dl class="inline big">
    ${fact('match', outcome.matched)}${fact('to replay', outcome.replayed)}${fact('replayed before', outcome.alreadyReplayed)}
    ${Object.entries(outcome.skipped).map(([key, count]) => count > 0 && fact(SKIPPED[key] ?? key, count))}</dl>`;
}
