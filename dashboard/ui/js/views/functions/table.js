// The functions as a table. The order is in the URL; a click opens the settings of one.
import { html, cx } from '../../core/dom.js';
import { href, setQuery } from '../../core/router.js';
import { KIND } from '../../core/series.js';
import { bytes, nanos, percent, short, usd, whole } from '../../core/numbers.js';
import { Sorter } from '../../parts/controls.js';
import { Shape } from '../../parts/shape.js';
import { Spark } from '../../parts/spark.js';

/** @typedef {import('../../../../types/api').FunctionUsage} FunctionUsage */

const spent = f => (f.time.meanNs ?? 0) * f.invocations;
/** What a column sorts by. @type {Record<string, (f: FunctionUsage, raised: Map<string, number>) => any>} */
const BY = {
  name: f => f.name, kind: f => KIND[f.kind] ?? f.kind, rate: f => f.ratePerSecond, n: f => f.invocations,
    hits: f => f.verdicts.critical + f.verdicts.warning,
  alarms: (f, raised) => raised.get(f.name) ?? 0, errors: f => f.errors, p50: f => f.time.p50Ns ?? 0, p99: f => f.time.p99Ns ?? 0,
    time: spent,
  memory: f => f.memory.bytes, lambda: f => f.lambda.usd,
};

const TEXTS = ['name', 'kind'];

/** A column of numbers begins with the largest. @param {string} next @param {string} sort */
function largestFirst(next, sort) {
  const column = next.replace('-', '');
  if (TEXTS.includes(column)) return next;
  return sort === '-' + column ? column : '-' + column;
}

/**
 * @param {{functions: FunctionUsage[], raised: Map<string, number>, rates: Map<string, number[]>, sort: string, chosen: string|null}} props
 */
export function FunctionTable({ functions, raised, rates, sort, chosen }) {
  const by = BY[sort.replace('-', '')] ?? BY.time, way = sort.startsWith('-') ? -1 : 1;
  const compare = (a, b) => a < b ? -1 : a > b ? 1 : 0;
  const sorted = [...functions].sort((a, b) => compare(by(a, raised), by(b, raised)) * way);
  const total = functions.reduce((sum, f) => sum + spent(f), 0) || 1;
  const head = (name, text, title) => html`<${Sorter} name=${name} text=${text} title=${title} sort=${sort}
    onSort=${next => setQuery({ sort: largestFirst(next, sort) }, { replace: true })} className=${TEXTS.includes(name) ? '' : 'num'} />`;
  return html`<section class="panel function-table"><div class="rows" tabindex="0" role="region" aria-label="Functions"><table>
    <thead><tr>
      ${head('name', 'Function')}${head('kind', 'Watches')}${head('rate', 'Rate')}
      <th scope="col"><span class="sr">Recent rate</span></th>
      ${head('n', 'Invocations')}
      ${head('hits', 'Findings', 'readings found critical or worth a warning')}
      ${head('alarms', 'Alarms', 'raised in the last 24 hours')}
      ${head('errors', 'Errors')}${head('p50', 'p50')}${head('p99', 'p99')}
      ${head('time', 'Share of time')}${head('memory', 'Memory, series')}${head('lambda', 'On Lambda')}</tr></thead>
    <tbody>${sorted.map(f => html`<${Row} key=${f.name} f=${f} raised=${raised.get(f.name)}
      rates=${rates.get(f.name) ?? []} share=${spent(f) / total} chosen=${f.name === chosen} />`)}</tbody></table></div></section>`;
}

const NONE = html`<span class="dim">–</span>`;

/** @param {{f: FunctionUsage, raised?: number, rates: number[], share: number, chosen: boolean}} props */
function Row({ f, raised, rates, share, chosen }) {
  const { critical, warning } = f.verdicts;
  const finding = (severity, count) => count > 0 && html`<${Shape} severity=${severity}
    label=${severity} size=${12} /> ${whole(count)} `;
  return html`<tr class=${cx(chosen && 'at')}>
    <td><a href=${href('functions', null, { name: f.name })}><b>${f.name}</b></a></td>
    <td class="dim nowrap" title=${f.kind}>${KIND[f.kind] ?? f.kind}</td>
    <td class="num nowrap">${short(f.ratePerSecond)}/s</td>
    <td class="spark-cell"><${Spark} values=${rates} width=${70} height=${18} label=${`Rate of ${f.name}`} unit="/s" /></td>
    <td class="num">${whole(f.invocations)}</td>
    <td class="num nowrap">${finding('critical', critical)}${finding('warning', warning)}${critical + warning === 0 && NONE}</td>
    <td class="num">${raised ? html`<a href=${href('alarms', null, { tab: 'history', q: f.name })}>${whole(raised)}</a>` : NONE}</td>
    <td class="num">${f.errors ? html`<b class="warn">${whole(f.errors)}</b>` : NONE}</td>
    <td class="num nowrap">${nanos(f.time.p50Ns)}</td>
    <td class="num nowrap">${nanos(f.time.p99Ns)}</td>
    <td class="share num nowrap"><svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
      <rect width=${100 * share} height="8" /></svg>${percent(share)}</td>
    <td class="num nowrap">${bytes(f.memory.bytes)} <span class="dim">${whole(f.memory.series)}</span></td>
    <td class="num nowrap">$ ${usd(f.lambda.usd)}</td></tr>`;
}
