// What views are written with: html`…` templates (htm on preact), hooks, and signals,
// which are values that many components watch.
import { h, render, Fragment } from '../../vendor/preact.mjs';
import {
  useState, useEffect, useLayoutEffect, useRef, useMemo, useCallback,
} from '../../vendor/hooks.mjs';
import htm from '../../vendor/htm.mjs';

export const html = htm.bind(h);
export { render, Fragment, useState, useEffect, useLayoutEffect, useRef, useMemo, useCallback };

/** Class names; what is false or empty is left out. @param {...any} names */
export const cx = (...names) => names.filter(Boolean).join(' ');

/**
 * @template T
 * @param {T} value
 */
export function signal(value) {
  const watchers = new Set();
  return {
    get: () => value,
    /** @param {T} next */
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const watch of [...watchers]) watch(value);
    },
    /** @param {(value: T) => void} watch  Returns what ends it. */
    subscribe(watch) {
      watchers.add(watch);
      return () => { watchers.delete(watch); };
    },
  };
}

/**
 * The value of a signal; the component is drawn again when it changes.
 * @template T
 * @param {{get: () => T, subscribe: (watch: (value: T) => void) => () => void}} source
 */
export function useSignal(source) {
  const [value, set] = useState(source.get());
  useEffect(() => {
    set(() => source.get());
    return source.subscribe(next => set(() => next));
  }, [source]);
  return value;
}

/** A set of listeners: `add` returns what ends it. @template T */
export function listeners() {
  /** @type {Set<(event: T) => void>} */
  const all = new Set();
  return {
    /** @param {(event: T) => void} listener */
    add(listener) {
      all.add(listener);
      return () => { all.delete(listener); };
    },
    /** @param {T} event */
    emit(event) { for (const listener of [...all]) listener(event); },
    get size() { return all.size; },
  };
}

// Preferences of this browser. Storage can be switched off: then nothing is remembered.

/** @param {string} key */
export function kept(key) {
  try { return localStorage.getItem('weir.' + key); } catch { return null; }
}

/** @param {string} key @param {string|null} value  Null removes it. */
export function keep(key, value) {
  try {
    if (value == null) localStorage.removeItem('weir.' + key); else localStorage.setItem('weir.' + key, value);
  } catch { /* nothing is remembered */ }
}
