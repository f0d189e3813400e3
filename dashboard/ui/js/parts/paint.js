// Colours for canvas. Custom properties with light-dark() do not resolve by name, so a
// probe element resolves them, once for each theme.
const probe = document.createElement('i');
probe.hidden = true;
document.documentElement.append(probe);

/** @type {Map<string, string>} */
const resolved = new Map();
/** @type {Set<() => void>} */
const watchers = new Set();

/** @param {string} name  Of a token, such as `--critical-fill`. */
export function color(name) {
  if (!resolved.has(name)) {
    probe.style.color = `var(${name})`;
    resolved.set(name, getComputedStyle(probe).color);
  }
  return resolved.get(name);
}

/** Calls when the theme changes. @param {() => void} watch */
export function onTheme(watch) {
  watchers.add(watch);
  return () => { watchers.delete(watch); };
}

function changed() {
  resolved.clear();
  for (const watch of watchers) watch();
}
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);
new MutationObserver(changed).observe(document.documentElement, { attributeFilter: ['data-theme'] });
