// A long list that the server searches and sorts: the page holds only the pages of it
// that were in sight lately.
import { useCallback, useEffect, useRef, useState } from './dom.js';

const SIZE = 100, KEPT = 12;

/**
 * @template R
 * @param {(offset: number, limit: number, signal: AbortSignal) => Promise<{rows: R[], total: number}>} ask
 * @param {string} key  Another key is another list.
 * @param {{every?: number, changes?: any}} [options]
 *   `every`: rows in sight are asked for again after so many milliseconds. `changes`: and when this value changes.
 */
export function usePages(ask, key, { every = 0, changes } = {}) {
  const [, drawAgain] = useState(0);
  const list = useRef(null);
  list.current ??= { key: null, pages: new Map(), asked: new Map(), answer: null, error: null, range: [0, 0], stale: false };
  const state = list.current;
  state.ask = ask;

  const load = useCallback(async number => {
    state.asked.get(number)?.abort();
    const abort = new AbortController(), { key: asked } = state;
    state.asked.set(number, abort);
    try {
      const answer = await state.ask(number * SIZE, SIZE, abort.signal);
      if (abort.signal.aborted || asked !== state.key) return;
      if (state.stale) { state.pages.clear(); state.stale = false; }
      state.pages.delete(number);
      state.pages.set(number, answer.rows);
      state.answer = answer;
      state.error = null;
      for (const old of [...state.pages.keys()].slice(0, -KEPT)) state.pages.delete(old);
    } catch (error) {
      if (abort.signal.aborted) return;
      state.error = error;
    }
    if (state.asked.get(number) === abort) state.asked.delete(number);
    drawAgain(n => n + 1);
  }, []);

  const inSight = () => {
    const [first, end] = state.range, numbers = [];
    for (let n = Math.floor(first / SIZE); n <= Math.floor(Math.max(first, end - 1) / SIZE); n++) numbers.push(n);
    return numbers;
  };

  useEffect(() => {
    for (const abort of state.asked.values()) abort.abort();
    state.asked.clear();
    // Rows of the list before stay until the first of this one are there.
    Object.assign(state, { key, stale: true, range: [0, SIZE] });
    load(0);
  }, [key]);

  const refresh = useCallback(() => {
    const numbers = inSight();
    for (const number of state.pages.keys()) if (!numbers.includes(number)) state.pages.delete(number);
    numbers.forEach(load);
  }, []);
  useEffect(() => { if (state.answer) refresh(); }, [changes]);
  useEffect(() => {
    if (!every) return;
    const timer = setInterval(() => { if (!document.hidden) refresh(); }, every);
    return () => clearInterval(timer);
  }, [every]);
  useEffect(() => () => { for (const abort of state.asked.values()) abort.abort(); }, []);

  return {
    /** The last answer, with whatever it says beside its rows. */
    answer: state.answer,
    total: state.answer?.total ?? 0,
    error: state.answer ? null : state.error,
    /** @param {number} i @returns {R|undefined} */
    row: i => state.pages.get(Math.floor(i / SIZE))?.[i % SIZE],
    /** Rows that are there, with their place. @returns {[number, R][]} */
    loaded: () => [...state.pages].flatMap(([number, rows]) =>
      rows.map((row, i) => /** @type {[number, R]} */ ([number * SIZE + i, row]))),
    /** Which rows are in sight. */
    onRange: useCallback((first, end) => {
      state.range = [first, end];
      if (state.stale) return;
      for (const number of inSight()) if (!state.pages.has(number) && !state.asked.has(number)) load(number);
    }, []),
    refresh,
  };
}
