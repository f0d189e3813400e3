// The equation of conservation: received = stored + quarantined + deduplicated +
// expired + in flight.

/** @typedef {import('../../../types/api').Flow} Flow */

/** Where received readings are, in the order of the equation. @param {Flow} flow @returns {[name: string, count: number][]} */
export const terms = ({ readings }) => [
  ['stored', readings.stored], ['quarantined', readings.quarantined], ['deduplicated', readings.deduplicated],
  ['expired', readings.expired], ['in flight', readings.in_flight],
];

/** Zero, or readings were lost or invented. @param {Flow} flow */
export const unaccounted = flow => terms(flow).reduce((rest, [, count]) => rest - count, flow.readings.received);
