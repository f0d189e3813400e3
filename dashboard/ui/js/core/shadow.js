// A device shadow as rows: one for each leaf of its document.

/** @typedef {{key: string, desired?: any, reported?: any, pending: boolean, at: number}} ShadowRow */

/** The leaves below a node by their path; arrays are leaves. @returns {Map<string, {path: string[], value: any}>} */
function leaves(node, path = [], found = new Map()) {
  if (node && typeof node === 'object' && !Array.isArray(node)) {
    for (const [key, value] of Object.entries(node)) leaves(value, [...path, key], found);
  } else if (node !== undefined) found.set(path.join('.'), { path, value: node });
  return found;
}

/** When a leaf was written, in milliseconds; its metadata has the same form as the document. */
function writtenAt(metadata, path) {
  let node = metadata;
  for (const key of path) node = node && Object.hasOwn(node, key) ? node[key] : null;
  while (Array.isArray(node)) node = node[0];
  return typeof node?.timestamp === 'number' ? node.timestamp * 1000 : NaN;
}

/**
 * What is pending first, then what somebody desires.
 * @param {{state?: any, metadata?: any}} shadow
 * @returns {ShadowRow[]}
 */
export function shadowRows({ state = {}, metadata = {} }) {
  const desired = leaves(state.desired), reported = leaves(state.reported), delta = leaves(state.delta);
  const keys = [...new Set([...desired.keys(), ...reported.keys()])];
  const rows = keys.map(key => {
    const wanted = desired.get(key), is = reported.get(key), pending = delta.has(key);
    const times = [wanted && writtenAt(metadata.desired, wanted.path), !pending && is && writtenAt(metadata.reported, is.path)];
    return { key, desired: wanted?.value, reported: is?.value, pending, at: Math.max(...times.filter(Number.isFinite)) };
  });
  const rank = row => (row.pending ? 0 : 2) + (row.desired === undefined ? 1 : 0);
  return rows.sort((a, b) => rank(a) - rank(b) || (a.key < b.key ? -1 : 1));
}

/** The update that makes `before` into `after`: what is missing in `after` is removed. */
export function desiredUpdate(before = {}, after) {
  const removed = Object.keys(before).filter(key => !Object.hasOwn(after, key));
  return { ...after, ...Object.fromEntries(removed.map(key => [key, null])) };
}
