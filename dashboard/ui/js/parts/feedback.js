// Short messages at the foot of the page, the clipboard, and files that are saved.
import { html, cx, signal, useSignal } from '../core/dom.js';

/** @typedef {{text: string, undo?: () => void, bad?: boolean}} Message */

const shown = signal(/** @type {(Message & {id: number})[]} */ ([]));
let number = 0;

const remove = id => shown.set(shown.get().filter(message => message.id !== id));

/** @param {Message} message */
export function notify(message) {
  const id = ++number;
  shown.set([...shown.get().slice(-2), { ...message, id }]);
  setTimeout(() => remove(id), message.bad ? 12_000 : message.undo ? 9_000 : 4_000);
}

/** A failed request; a 401 has opened the sign-in already. @param {any} error */
export function notifyError(error) {
  if (error.name !== 'AbortError' && error.status !== 401) notify({ text: error.message, bad: true });
}

/** @param {string} text */
export async function copy(text, done = 'Copied') {
  try {
    await navigator.clipboard.writeText(text);
    notify({ text: done });
  } catch { notify({ text: 'The browser does not allow this page to copy', bad: true }); }
}

/** @param {string} name @param {Blob|string} content */
export function saveAs(name, content, type = 'text/plain') {
  const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export function Toasts() {
  const list = useSignal(shown);
  return html`<div class="toasts" role="status" aria-live="polite">
    ${list.map(message => html`<div key=${message.id} class=${cx('toast', message.bad && 'bad')}>
      <span>${message.text}</span>
      ${message.undo && html`<button type="button" class="btn"
        onClick=${() => { message.undo(); remove(message.id); }}>Undo</button>`}
    </div>`)}
  </div>`;
}
