// The SQL editor: a text area over coloured text.
import { html, useMemo, useRef } from '../../core/dom.js';

const KEYWORDS = new Set(`SELECT FROM WHERE GROUP BY ORDER LIMIT OFFSET AND OR NOT IN IS NULL LIKE ILIKE BETWEEN AS ON JOIN LEFT RIGHT FULL
  INNER OUTER CROSS UNION ALL DISTINCT HAVING CASE WHEN THEN ELSE END WITH OVER PARTITION ASC DESC INTERVAL CAST TRUE FALSE EXISTS VALUES
  EXPLAIN ANALYZE`.split(/\s+/));
const TOKEN = /(?<comment>--[^\n]*)|(?<string>'(?:[^']|'')*'?)|(?<name>"(?:[^"]|"")*"?)|(?<number>\b\d+(?:\.\d+)?\b)|(?<word>[A-Za-z_][A-Za-z0-9_]*)(?=(?<call>\s*\())?/g;

function kindOf({ comment, string, name, number, word, call }) {
  if (comment != null) return 'comment';
  if (string != null) return 'string';
  if (name != null) return 'name';
  if (number != null) return 'number';
  return KEYWORDS.has(word.toUpperCase()) ? 'word' : call != null ? 'call' : null;
}

/** @param {string} text */
function colored(text) {
  const parts = [];
  let at = 0;
  for (const match of text.matchAll(TOKEN)) {
    const kind = kindOf(/** @type {any} */ (match.groups));
    parts.push(text.slice(at, match.index), kind ? html`<span class=${'t-' + kind}>${match[0]}</span>` : match[0]);
    at = match.index + match[0].length;
  }
  return [...parts, text.slice(at) + '\n'];
}

const ROWS = [7, 24];

/** @param {{text: string, onInput: (text: string) => void, onRun: () => void, area: {current: any}}} props */
export function Editor({ text, onInput, onRun, area }) {
  const under = useRef(), content = useMemo(() => colored(text), [text]);
  const lines = text.split('\n').length;
  const onKey = event => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) { event.preventDefault(); onRun(); }
    if (event.key === 'Escape') event.target.blur();
  };
  const follow = event => { under.current.scrollLeft = event.target.scrollLeft; under.current.scrollTop = event.target.scrollTop; };
  return html`<div class="editor"><pre class="editor-lines" aria-hidden="true">
    ${Array.from({ length: lines }, (_, i) => i + 1).join('\n')}</pre>
    <div class="editor-text"><pre class="editor-under" ref=${under} aria-hidden="true">${content}</pre>
      <textarea ref=${area} aria-label="SQL; Ctrl and Enter run it" spellcheck="false" autocapitalize="off"
        autocomplete="off" wrap="off"
        rows=${Math.min(ROWS[1], Math.max(ROWS[0], lines + 1))} value=${text} onInput=${event => onInput(event.target.value)}
          onScroll=${follow} onKeyDown=${onKey}></textarea></div></div>`;
}
