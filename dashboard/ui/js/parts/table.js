// A table of which only the rows in sight exist, for any number of rows.
import { html, cx, useEffect, useLayoutEffect, useRef, useState } from '../core/dom.js';

const OVERSCAN = 5;

/** The height of a row in this style of list. @param {{narrow: number}} heights */
export function rowHeight({ narrow }) {
  if (matchMedia('(max-width: 760px)').matches) return narrow;
  return matchMedia('(pointer: coarse)').matches ? 44 : 34;
}

function useView(box) {
  const [view, setView] = useState({ top: 0, height: 600 });
  useLayoutEffect(() => {
    const element = box.current;
    let frame = 0;
    const look = () => setView({ top: element.scrollTop, height: element.clientHeight });
    const onScroll = () => { frame ||= requestAnimationFrame(() => { frame = 0; look(); }); };
    const observer = new ResizeObserver(look);
    look();
    observer.observe(element);
    element.addEventListener('scroll', onScroll, { passive: true });
    return () => { element.removeEventListener('scroll', onScroll); observer.disconnect(); cancelAnimationFrame(frame); };
  }, []);
  return view;
}

/**
 * @param {{count: number, height: number, render: (i: number) => any, head: any, label: string, className?: string,
 *   active?: number, onRange?: (first: number, end: number) => void}} props
 *   `render` draws one row; `active` is scrolled into sight when it changes.
 */
export function Rows({ count, height, render, head, label, className, active, onRange }) {
  const box = useRef();
  const view = useView(box);
  useEffect(() => {
    if (!(active >= 0)) return;
    const element = box.current, top = active * height, headHeight = element.querySelector('thead').offsetHeight;
    const below = top + height + headHeight - element.clientHeight;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (below > element.scrollTop) element.scrollTop = below;
  }, [active]);
  // A list that became shorter is not scrolled beyond its end.
  const top = Math.max(0, Math.min(view.top, count * height - view.height));
  const first = Math.max(0, Math.floor(top / height) - OVERSCAN);
  const end = Math.min(count, Math.ceil((top + view.height) / height) + OVERSCAN);
  useEffect(() => { onRange?.(first, end); }, [first, end, count, onRange]);
  // While only the scroll position changes, rows that stay are not drawn again.
  const drawn = useRef({ render: null, rows: new Map() }), { current } = drawn;
  const rows = Array.from({ length: end - first }, (_, i) => (current.render === render && current.rows.get(first + i)) || render(first + i));
  drawn.current = { render, rows: new Map(rows.map((row, i) => [first + i, row])) };
  return html`<div class=${cx('rows', className)} ref=${box} tabindex="0" role="region" aria-label=${label}>
    <table aria-rowcount=${count + 1}><thead>${head}</thead><tbody>
      ${first > 0 && html`<${Spacer} height=${first * height} />`}${rows}${end < count && html`<${Spacer}
        height=${(count - end) * height} />`}
    </tbody></table></div>`;
}

/** The room of the rows that do not exist. */
const Spacer = ({ height }) => html`<tr class="spacer" aria-hidden="true" style=${{ height: height + 'px' }}></tr>`;

/** A row whose content has not arrived. @param {{columns: number}} props */
export const Waiting = ({ columns }) => html`<tr class="waiting" aria-hidden="true"><td colspan=${columns}></td></tr>`;
