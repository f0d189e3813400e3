// Panels, and what is shown instead of content: nothing found, loading, failed. And parts
// whose code is loaded when they are shown first.
import { html, cx, useState, useEffect } from '../core/dom.js';
import { copy } from './feedback.js';

/** @param {{title?: any, id?: string, aside?: any, className?: any, flush?: boolean, children?: any}} props */
export function Panel({ title, id, aside, className, flush, children }) {
  return html`<section class=${cx('panel', className)} aria-labelledby=${title ? id + '-panel' : null}>
    ${title && html`<header class="panel-head"><h2 id=${id + '-panel'}>${title}</h2>
      ${aside && html`<div class="panel-aside">${aside}</div>`}</header>`}
    <div class=${cx('panel-body', flush && 'flush')}>${children}</div>
  </section>`;
}

export const Empty = ({ title, children = null }) => html`<div class="empty"><p class="empty-title">${title}</p>${children}</div>`;

/** Text to copy: a command, a payload. */
export const Code = ({ text, className = '' }) => html`<div class="code"><pre class=${className} tabindex="0"><code>
  ${text}</code></pre>
  <button type="button" class="btn small" onClick=${() => copy(text)}>Copy</button></div>`;

const LATE_MS = 300;

/** Grey bars, after a moment: what is quick shows nothing in between. */
export function Loading({ rows = 3 }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), LATE_MS);
    return () => clearTimeout(timer);
  }, []);
  return late && html`<div class="loading" aria-busy="true"><span class="sr">Loading</span>
    ${Array.from({ length: rows }, () => html`<i></i>`)}</div>`;
}

export const Failed = ({ error, onRetry = null }) => html`<div class="empty" role="alert">
  <p class="empty-title">${error.status === 0 ? 'Weir does not answer' : 'The request failed'}</p>
  ${error.status !== 0 && html`<p>${error.message}</p>`}
  ${onRetry && html`<button type="button" class="btn" onClick=${onRetry}>Try again</button>`}</div>`;

/** What an answer is shown with: loading, failed, or its content. @param {{of: any, rows?: number, children: (data: any) => any}} props */
export function Answer({ of, rows = 4, children }) {
  if (of.data) return children(of.data);
  return of.error ? html`<${Failed} error=${of.error} onRetry=${of.retry} />` : html`<${Loading} rows=${rows} />`;
}

/** Style sheets by their name in css/, each loaded once. @type {Map<string, Promise<void>>} */
const sheets = new Map();

/** @param {string} name */
export function stylesheet(name) {
  if (!sheets.has(name)) {
    sheets.set(name, new Promise(resolve => {
      const link = document.createElement('link');
      link.rel = 'stylesheet';
      link.href = new URL(`../../css/${name}`, import.meta.url).href;
      link.onload = link.onerror = () => resolve();
      document.head.append(link);
    }));
  }
  return sheets.get(name);
}

/**
 * A component whose code, and style sheets, are loaded when it is shown first.
 * @param {() => Promise<any>} load  Gives the component. @param {string[]} sheets
 */
export function lazy(load, ...sheets) {
  const both = () => Promise.all([load(), ...sheets.map(stylesheet)]).then(([component]) => component);
  return props => html`<${Lazy} load=${both} ...${props} />`;
}

/** A part whose code is loaded when it is shown first. @param {{load: () => Promise<any>, [prop: string]: any}} props */
function Lazy({ load, ...props }) {
  const [part, setPart] = useState({ component: null, error: null });
  useEffect(() => {
    let gone = false;
    load().then(component => { if (!gone) setPart({ component, error: null }); },
      error => { if (!gone) setPart({ component: null, error }); });
    return () => { gone = true; };
  }, []);
  if (part.error) return html`<${Failed} error=${part.error} onRetry=${() => location.reload()} />`;
  return part.component ? html`<${part.component} ...${props} />` : html`<${Loading} />`;
}
