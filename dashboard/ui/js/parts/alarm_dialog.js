// The three actions that ask something: shelve, comment, assign.
import { html, useRef, useSignal, useState } from '../core/dom.js';
import { act, asked, operatorName, rememberName, targetName } from '../core/actions.js';
import { signedInName } from '../core/session.js';
import { Choice } from './choice.js';
import { Dialog } from './dialog.js';

const FOR_EVER = 'never';
const DURATIONS = [['15m', '15 min'], ['1h', '1 h'], ['8h', '8 h'], ['24h', '1 day'], ['168h', '7 days'],
  [FOR_EVER, 'Until ended']];
const TITLE = { shelve: 'Shelve', comment: 'Comment on', assign: 'Assign' };
const BUTTON = { shelve: 'Shelve', comment: 'Comment', assign: 'Assign' };

export function AlarmDialog() {
  const open = useSignal(asked);
  return open && html`<${Form} kind=${open.kind} target=${open.target} />`;
}

function Form({ kind, target }) {
  const [duration, setDuration] = useState('8h');
  const note = useRef(), name = useRef(), to = useRef();
  const close = () => asked.set(null);
  const submit = event => {
    event.preventDefault();
    if (name.current) rememberName(name.current.value.trim());
    const text = note.current.value.trim() || undefined;
    if (kind === 'shelve' && duration === FOR_EVER) act(target, 'out-of-service', { note: text });
    else if (kind === 'shelve') act(target, 'shelve', { duration, note: text });
    else if (kind === 'assign') act(target, 'assign', { to: to.current.value.trim() || undefined, note: text });
    else act(target, 'comment', { note: text });
    close();
  };
  return html`<${Dialog} title=${`${TITLE[kind]} ${targetName(target)}`} onClose=${close}><form onSubmit=${submit}>
    ${kind === 'shelve' && html`<p>No notifications are sent until then. The alarm stays in the list, under Suppressed.</p>
      <${Choice} label="For how long" value=${duration} onChoose=${setDuration} options=${DURATIONS} />`}
    ${kind === 'assign' && html`<label class="field">To<input
      ref=${to} data-focus defaultValue=${target.alarms?.[0].assignedTo ?? operatorName()}
      placeholder="nobody" spellcheck="false" maxlength="100" /></label>`}
    <label class="field">${kind === 'comment' ? 'Comment' : 'Note (optional)'}<textarea ref=${note} rows="2" maxlength="1000"
      required=${kind === 'comment'} data-focus=${kind === 'comment'}></textarea></label>
    ${!signedInName() && html`<label class="field">Your name<input ref=${name} defaultValue=${operatorName()}
      autocomplete="username" spellcheck="false" maxlength="100" /></label>`}
    <footer><button type="button" class="btn" onClick=${close}>Cancel</button><button class="btn primary">
      ${BUTTON[kind]}</button></footer>
  </form></${Dialog}>`;
}
