// How components ask the server: again when an input changes or an interval has passed,
// with the old answer on the screen until the new one is there.
import { useState, useEffect, useCallback } from './dom.js';

/**
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>|T} ask
 * @param {any[]} inputs
 * @param {{every?: number}} [options]  In milliseconds; none while the page is hidden.
 */
export function useAsk(ask, inputs, { every = 0 } = {}) {
  const [state, set] = useState({ data: /** @type {T|null} */ (null), error: null, busy: true });
  const [round, setRound] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    let timer;
    const later = () => {
      if (!abort.signal.aborted) timer = setTimeout(() => document.hidden ? later() : run(), every);
    };
    const run = async () => {
      set(old => ({ ...old, busy: true }));
      try {
        const data = await ask(abort.signal);
        if (!abort.signal.aborted) set({ data, error: null, busy: false });
      } catch (error) {
        if (!abort.signal.aborted) set(old => ({ data: old.data, error, busy: false }));
      }
      if (every) later();
    };
    run();
    return () => { abort.abort(); clearTimeout(timer); };
  }, [...inputs, round]);
  return { ...state, retry: useCallback(() => setRound(n => n + 1), []) };
}
