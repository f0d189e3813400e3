// One of a few, as buttons side by side.
import { html, cx } from '../core/dom.js';

/** One of a few. @param {{options: [key: string, text: any][], value: string, onChoose: (key: string) => void, label: string}} props */
export const Choice = ({ options, value, onChoose, label }) => html`<div class="choice" role="group" aria-label=${label}>
  ${options.map(([key, text]) => html`<button type="button" key=${key} class=${cx(key === value && 'on')}
    aria-pressed=${key === value} onClick=${() => onChoose(key)}>${text}</button>`)}</div>`;
