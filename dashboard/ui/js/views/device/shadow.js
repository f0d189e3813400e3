// The device shadow: what is desired and what is reported, and what is pending.
import { html, cx, Fragment, useState } from '../../core/dom.js';
import { get, path, post, segment } from '../../core/api.js';
import { useAsk } from '../../core/ask.js';
import { may } from '../../core/session.js';
import { desiredUpdate, shadowRows } from '../../core/shadow.js';
import { Answer, Empty, Panel } from '../../parts/layout.js';
import { Select } from '../../parts/controls.js';
import { Age } from '../../parts/times.js';
import { notify, notifyError } from '../../parts/feedback.js';

const REFRESH_MS = 3_000;
const NONE = { state: {}, metadata: {}, version: 0, none: true };
const ifFound = fallback => error => { if (error.status === 404) return fallback; throw error; };

/** @param {{id: string}} props */
export function DeviceShadow({ id }) {
  const [name, setName] = useState(''), [edit, setEdit] = useState(null), [raw, setRaw] = useState(false);
  const names = useAsk(signal => get(`/api/things/shadow/ListNamedShadowsForThing/${segment(id)}`,
    signal).catch(ifFound({ results: [] })), [id]);
  const url = path(`/things/${segment(id)}/shadow`, { name });
  const answer = useAsk(signal => get(url, signal).catch(ifFound(NONE)), [url], { every: edit ? 0 : REFRESH_MS });
  const shadow = answer.data, results = names.data?.results ?? [];
  const begin = () => setEdit({ text: JSON.stringify(shadow.state.desired ?? {}, null, 2), version: shadow.version });
  const aside = shadow && html`<${Fragment}><span class="dim small num">version ${shadow.version}${shadow.timestamp &&
    html`, <${Age} at=${shadow.timestamp * 1000} suffix=" ago" />`}</span>
    ${results.length > 0 && html`<${Select} label="Shadow" value=${name} onChoose=${setName}
      options=${[['', 'classic'], ...results.map(n => [n, n])]} />`}
    <button type="button" class="btn small" onClick=${() => setRaw(!raw)}>${raw ? 'As a table' : 'As JSON'}</button>
    ${may('operate') && html`<button type="button" class="btn small" onClick=${begin}>Edit desired</button>`}</${Fragment}>`;
  return html`<${Panel} title=${name ? `Shadow ${name}` : 'Shadow'} id="shadow" flush aside=${aside}>
    ${edit && html`<${Editor} edit=${edit} shadow=${shadow} url=${url}
      onInput=${text => setEdit({ ...edit, text })} onClose=${() => { setEdit(null); answer.retry(); }} />`}
    <${Answer} of=${answer} rows=${6}>${data => data.none ? html`<${Empty} title="No shadow yet" />` : raw ? html`<pre class="json"
      tabindex="0">${JSON.stringify(data.state, null, 2)}</pre>` : html`<${Table} shadow=${data} />`}</${Answer}></${Panel}>`;
}

const text = value => value === undefined ? html`<span class="dim">–</span>` : JSON.stringify(value);

const Table = ({ shadow }) => html`<div class="scroll" tabindex="0" role="region" aria-label="Keys of the shadow">
  <table class="plain shadow">
  <thead><tr><th scope="col">Key</th><th scope="col">Desired</th><th scope="col">Reported</th><th scope="col">State</th>
    <th scope="col" class="num">Age</th></tr></thead>
  <tbody>${shadowRows(shadow).map(row => html`<tr key=${row.key} class=${cx(row.pending && 'pending')}><th scope="row" class="mono">
    ${row.key}</th><td class="mono">${text(row.desired)}</td>
    <td class="mono cut" title=${JSON.stringify(row.reported)}>${text(row.reported)}</td>
    <td>${row.pending ? html`<b class="warn">pending</b>` : row.desired === undefined ? html`<span
      class="dim">reported only</span>` : row.reported === undefined ? html`<span class="dim">desired only</span>` : 'in sync'}</td>
    <td class="num dim">${Number.isFinite(row.at) ? html`<${Age} at=${row.at} />` : '–'}</td></tr>`)}</tbody></table></div>`;

function Editor({ edit, shadow, url, onInput, onClose }) {
  const send = async event => {
    event.preventDefault();
    try {
      const desired = desiredUpdate(shadow.state.desired, JSON.parse(edit.text));
      await post(url, { state: { desired }, version: edit.version });
      notify({ text: 'The shadow is updated' });
      onClose();
    } catch (error) {
      if (error.status === 409) notify({ text: 'The shadow was changed meanwhile. Nothing was sent.', bad: true });
      else notifyError(error);
    }
  };
  return html`<form class="shadow-edit" onSubmit=${send}>
    <label class="field">Desired<textarea class="mono" rows="10" spellcheck="false" value=${edit.text}
      onInput=${event => onInput(event.target.value)}></textarea></label>
    <p class="dim small">The device receives only the differences, as a delta.
      A removed key is removed from the shadow. The update applies only to version ${edit.version}.</p>
    <footer><button type="button" class="btn" onClick=${onClose}>Cancel</button>
      <button class="btn primary">Send</button></footer></form>`;
}
