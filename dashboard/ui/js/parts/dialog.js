// A modal dialog: Escape and a click outside close it, and the focus returns.
import { html, useLayoutEffect, useRef } from '../core/dom.js';

/** @param {{title: string, onClose?: () => void, className?: string, children?: any}} props  Without `onClose` it stays open. */
export function Dialog({ title, onClose, className, children }) {
  const dialog = useRef();
  useLayoutEffect(() => {
    const element = dialog.current, before = /** @type {HTMLElement} */ (document.activeElement);
    element.showModal();
    element.querySelector('[data-focus]')?.focus();
    return () => { element.close(); before?.focus?.(); };
  }, []);
  // A browser closes a dialog at the second Escape, whatever its first answer was.
  const closed = () => { if (dialog.current?.isConnected) onClose ? onClose() : dialog.current.showModal(); };
  return html`<dialog ref=${dialog} class=${className} aria-label=${title}
    onCancel=${event => { event.preventDefault(); onClose?.(); }} onClose=${closed}
    onClick=${event => { if (event.target === dialog.current) onClose?.(); }}>
    <div class="dialog-body"><header><h2>${title}</h2>
      ${onClose && html`<button type="button" class="btn icon ghost" aria-label="Close" onClick=${onClose}>✕</button>`}</header>
      ${children}</div></dialog>`;
}
