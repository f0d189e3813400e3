// Tabs, selections, search fields, sortable heads of columns.
import { html, cx, useRef } from '../core/dom.js';
import { useKeys } from '../core/keys.js';
import { whole } from '../core/numbers.js';
import { Icon } from './shape.js';

const ARROWS = { ArrowRight: 1, ArrowLeft: -1 };

/** @param {{tabs: [key: string, text: string, count?: number|null][], current: string, onChoose: (key: string) => void, label: string}} props */
export function Tabs({ tabs, current, onChoose, label }) {
  const move = event => {
    const by = ARROWS[event.key];
    if (!by) return;
    event.preventDefault();
    const all = /** @type {HTMLElement[]} */ ([...event.currentTarget.querySelectorAll('[role=tab]')]);
    const next = all[(all.indexOf(/** @type {HTMLElement} */ (document.activeElement)) + by + all.length) % all.length];
    next.focus();
    next.click();
  };
  return html`<div class="tabs" role="tablist" aria-label=${label} onKeyDown=${move}>
    ${tabs.map(([key, text, count]) => html`<button type="button" role="tab" key=${key} aria-selected=${key === current}
      tabindex=${key === current ? 0 : -1} class=${cx('tab', key === current && 'on')}
      onClick=${() => onChoose(key)}>${text}${count != null && html` <span class="count">${whole(count)}</span>`}</button>`)}
  </div>`;
}

/** @param {{options: [value: string, text: string][], value: string, onChoose: (value: string) => void, label: string}} props */
export const Select = ({ options, value, onChoose, label }) => html`<label class="select"><span class="sr">${label}</span>
  <select value=${value} onChange=${event => onChoose(event.target.value)}>
    ${options.map(([key, text]) => html`<option key=${key} value=${key} selected=${key === value}>${text}</option>`)}
  </select></label>`;

/** @param {{value: string, onInput: (value: string) => void, placeholder: string, label: string}} props */
export function Search({ value, onInput, placeholder, label }) {
  const field = useRef();
  useKeys('lists', { '/': [() => { field.current.focus(); field.current.select(); }, 'search'] });
  return html`<label class="search"><span class="sr">${label}</span><${Icon} name="search" />
    <input ref=${field} type="search" value=${value} placeholder=${placeholder} spellcheck="false" autocomplete="off"
      maxlength="200" onInput=${event => onInput(event.target.value)}
      onKeyDown=${event => { if (event.key === 'Escape') event.target.blur(); }} />
    ${!value && html`<kbd aria-hidden="true">/</kbd>`}</label>`;
}

/** The head of a column that sorts; a second click reverses. @param {{name: string, text: string, sort: string, onSort: (sort: string) => void, className?: string, title?: string}} props */
export function Sorter({ name, text, sort, onSort, className, title }) {
  const on = sort.replace('-', '') === name, down = sort.startsWith('-');
  return html`<th scope="col" class=${className} aria-sort=${on ? (down ? 'descending' : 'ascending') : null}>
    <button type="button" class="sorter" title=${title} aria-label=${text || title}
      onClick=${() => onSort(on && !down ? '-' + name : name)}>${text}<span aria-hidden="true">
        ${on ? (down ? ' ↓' : ' ↑') : ''}</span></button></th>`;
}

/** A menu that a button opens. */
export const Menu = ({ label, children }) => html`<details class="menu"
  onKeyDown=${event => { if (event.key === 'Escape') { event.currentTarget.open = false;
    event.currentTarget.firstElementChild.focus(); } }}
  onClick=${event => { if (event.target.closest('.item')) event.currentTarget.open = false; }}>
  <summary class="btn">${label}</summary><div class="popover">${children}</div></details>`;
