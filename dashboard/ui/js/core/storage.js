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
