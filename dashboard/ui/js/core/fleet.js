// The fleet as the mosaic needs it: every device with its location and its state.

/** @typedef {import('../../../types/api').Mosaic} Mosaic */
/** @typedef {import('../../../types/api').DeviceState} DeviceState */

/** In the order of the numbers in the mosaic: the worst first. @type {DeviceState[]} */
export const STATES = ['critical', 'warning', 'held', 'silent', 'normal'];
/** @type {Record<DeviceState, string>} */
export const STATE_NAME = { critical: 'critical', warning: 'warning', held: 'suppressed', silent: 'silent', normal: 'normal' };

/** How a state is drawn: the properties of a `Shape`. @param {DeviceState} state */
export const shapeOf = state => state === 'critical' || state === 'warning' ? { severity: state, lifecycle: undefined }
  : { severity: undefined, lifecycle: state === 'held' ? 'shelved' : state };

/** @typedef {{id: string, location: string, state: DeviceState, asks: boolean}} Cell */

/** @param {Mosaic} mosaic @returns {Cell[]} */
export const cells = mosaic => mosaic.devices.map(([id, location, state, unacknowledged]) => ({
  id, location: mosaic.locations[location] ?? '', state: STATES[state], asks: unacknowledged === 1,
}));

const byText = (a, b) => a < b ? -1 : a > b ? 1 : 0;

/** @param {Cell[]} all @returns {[location: string, cells: Cell[]][]} */
export function byLocation(all) {
  /** @type {Map<string, Cell[]>} */
  const groups = new Map();
  for (const cell of all) {
    if (!groups.has(cell.location)) groups.set(cell.location, []);
    groups.get(cell.location).push(cell);
  }
  for (const group of groups.values()) group.sort((a, b) => byText(a.id, b.id));
  return [...groups].sort(([a], [b]) => byText(a, b));
}

/** The worst first, then by location. @param {Cell[]} all */
export const byState = all => [...all].sort((a, b) =>
  STATES.indexOf(a.state) - STATES.indexOf(b.state) || byText(a.location, b.location));
