// What can be done with the chosen alarms, or with the one at the cursor.
import { html, cx } from '../../core/dom.js';
import { act, ask, targetName } from '../../core/actions.js';
import { isSuppressed } from '../../core/alarm_terms.js';
import { plural } from '../../core/numbers.js';

/** @param {{target: import('../../core/actions.js').Target, chosen: number, onDone: () => void}} props */
export function BulkBar({ target, chosen, onDone }) {
  const none = target.alarms?.length === 0, suppressed = target.alarms?.some(isSuppressed);
  const button = (text, key, onClick) => html`<button type="button" class="btn" disabled=${none} onClick=${onClick}>
    ${text}${key && html` <kbd>${key}</kbd>`}</button>`;
  return html`<div class=${cx('bulk', chosen > 0 && 'on')}>
    <span role="status" class="cut">${chosen ? `${plural(chosen, 'alarm')} chosen` : none ? html`<span
      class="dim">Choose alarms, or press <kbd>j</kbd></span>` : targetName(target)}</span>
    ${button('Acknowledge', 'a', () => { act(target, 'ack'); onDone(); })}
    ${button('Shelve', 's', () => ask('shelve', target))}
    ${button('Comment', 'c', () => ask('comment', target))}
    ${button('Assign', 'i', () => ask('assign', target))}
    ${suppressed && button('Unshelve', null, () => { act({ alarms: target.alarms.filter(isSuppressed) }, 'unshelve');
      onDone(); })}</div>`;
}
