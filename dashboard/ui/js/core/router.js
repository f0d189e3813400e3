// The URL is the state: the path names the view and what it shows, the query holds
// filters, ranges and choices. Links are plain links.
import { signal } from './dom.js';

/** Where the page is served: `/ui/`. */
export const BASE = new URL('../..', import.meta.url).pathname;

function decoded(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}
function read() {
  const path = location.pathname.startsWith(BASE) ? location.pathname.slice(BASE.length) : '';
  const [view, id] = path.split('/').filter(Boolean).map(decoded);
  return { view: view ?? 'overview', id, query: new URLSearchParams(location.search) };
}

export const route = signal(read());
/** @typedef {ReturnType<typeof read>} Route */

/** Colons, commas and slashes are allowed in a query and stay readable. @param {URLSearchParams} query */
function searchOf(query) {
  const text = query.toString().replaceAll('%3A', ':').replaceAll('%2C', ',').replaceAll('%2F', '/');
  return text ? '?' + text : '';
}

/**
 * The address of a view. Names go into addresses only here.
 * @param {string} view @param {string|null} [id] @param {Record<string, any>} [query]
 */
export function href(view, id, query = {}) {
  const path = BASE + (view === 'overview' ? '' : view) + (id == null ? '' : '/' + encodeURIComponent(id));
  const filled = Object.entries(query).filter(([, value]) => value != null && value !== '');
  return path + searchOf(new URLSearchParams(filled));
}

/** @param {string} url */
export function go(url, { replace = false } = {}) {
  if (url === location.pathname + location.search) return;
  history[replace ? 'replaceState' : 'pushState'](null, '', url);
  route.set(read());
}

/**
 * Changes a part of the query; null and '' remove a key. Typing replaces the entry of
 * the browser's history, choosing adds one.
 * @param {Record<string, any>} changes @param {{replace?: boolean}} [options]
 */
export function setQuery(changes, options) {
  const query = new URLSearchParams(location.search);
  for (const [key, value] of Object.entries(changes)) {
    if (value == null || value === '' || value === false) query.delete(key); else query.set(key, value);
  }
  go(location.pathname + searchOf(query), options);
}

addEventListener('popstate', () => route.set(read()));

// An unmodified click on a link of the page changes the view without loading the page.
document.addEventListener('click', event => {
  if (event.defaultPrevented || event.button) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = /** @type {HTMLAnchorElement|null} */ (/** @type {Element} */ (event.target).closest('a[href]'));
  if (!link || link.target || link.hasAttribute('download')) return;
  const url = new URL(link.href);
  if (url.origin !== location.origin || !url.pathname.startsWith(BASE) || url.hash) return;
  event.preventDefault();
  const before = location.pathname;
  go(url.pathname + url.search);
  if (location.pathname !== before) document.getElementById('main')?.scrollTo(0, 0);
});
