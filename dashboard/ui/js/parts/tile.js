// One figure with its name, its bounds as a scale, and a note.
import { html, cx } from '../core/dom.js';

/** The place of the upper bound on the scale, of 100. */
const UPPER = 66;

/** @param {{name: string, value: any, note?: any, figure?: number, bounds?: number[]}} props  `bounds`: the goal, and what is too much. */
export function Tile({ name, value, note, figure, bounds }) {
  const level = bounds && figure > bounds[1] ? 'high' : bounds && figure > bounds[0] ? 'fair' : null;
  return html`<div class=${cx('tile', level)}><h2>${name}</h2>
    <p class="tile-value num">${value}${level && html`<span class="tile-level">
      ${level === 'high' ? 'too high' : 'above the goal'}</span>`}</p>
    ${bounds && html`<svg class="scale" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect x="0" y="2"
      width="100" height="4" class="ground" />
      <rect x="0" y="2" width=${Math.min(100, figure / bounds[1] * UPPER)} height="4" class="fill" /><path class="mark"
        d=${`M${bounds[0] / bounds[1] * UPPER} 0v8M${UPPER} 0v8`} /></svg>`}
    <p class="dim small">${note}</p></div>`;
}
