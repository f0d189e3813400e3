// Functions: what each did, how long it takes, and what AWS Lambda would have charged.
import { html, Fragment, useEffect, useRef, useState } from '../core/dom.js';
import { get, sql } from '../core/api.js';
import { useAsk } from '../core/ask.js';
import { bytes, nanos, plural, short, usd, whole } from '../core/numbers.js';
import { Answer } from '../parts/layout.js';
import { Tile } from '../parts/tile.js';
import { FunctionDetail } from './functions/detail.js';
import { FunctionTable } from './functions/table.js';

const REFRESH_MS = 3_000, ALARMS_MS = 30_000, KEPT = 60;
const RAISED = "SELECT function, count(*) AS raised FROM alerts WHERE state = 'raised' AND time >= now() - INTERVAL '24 hours' GROUP BY 1";

/** The last rates of each function, for its line. @param {import('../../../types/api').FunctionList|null} data */
function useRates(data) {
  const rates = useRef(new Map()), [, drawAgain] = useState(0);
  useEffect(() => {
    if (!data) return;
    for (const { name, ratePerSecond } of data.functions) rates.current.set(name, [...(rates.current.get(name) ?? []),
      ratePerSecond].slice(-KEPT));
    drawAgain(n => n + 1);
  }, [data]);
  return rates.current;
}

/** @param {{route: import('../core/router.js').Route}} props */
export default function Functions({ route: { query } }) {
  const answer = useAsk(signal => get('/api/v1/functions', signal), [], { every: REFRESH_MS });
  const alarms = useAsk(signal => sql(RAISED, signal), [], { every: ALARMS_MS });
  const rates = useRates(answer.data), name = query.get('name');
  const raised = new Map((alarms.data?.rows ?? []).map(row => [row.function, Number(row.raised)]));
  return html`<${Answer} of=${answer} rows=${10}>${data => html`<div class="page functions">
    <header class="page-head"><h1>Functions</h1><span class="dim">
      ${plural(data.functions.length, 'function')} on ${plural(sum(data, f => f.memory.series), 'series',
      'series')}, ${bytes(sum(data, f => f.memory.bytes))} of memory</span></header>
    <${Tiles} data=${data} />
    ${name && html`<${FunctionDetail} key=${name} name=${name} />`}
    <${FunctionTable} functions=${data.functions} raised=${raised}
      rates=${rates} sort=${query.get('sort') ?? '-time'} chosen=${name} />
    <p class="dim small">Every 64th invocation is timed. <code>weir backtest --config NEW.toml</code> evaluates another configuration on stored readings.</p></div>`}</${Answer}>`;
}

const sum = (data, of) => data.functions.reduce((total, f) => total + of(f), 0);

/** @param {{data: import('../../../types/api').FunctionList}} props */
function Tiles({ data }) {
  const { lambda, messages } = data, { functionsApart: apart, functionsTogether: together } = lambda;
  return html`<div class="tiles">
    <${Tile} name="One message" value=${nanos(messages.time.p50Ns)}
      note=${html`<${Fragment}>median; 99 % within ${nanos(messages.time.p99Ns)}; decoding, checks and all functions</${Fragment}>`} />
    <${Tile} name="Invocations" value=${`${short(sum(data, f => f.ratePerSecond))}/s`}
      note=${`${whole(sum(data, f => f.invocations))} in total`} />
    <${Tile} name="AWS Lambda, one function each" value=${`$ ${usd(apart.usd)}`}
      note=${`${whole(apart.requests)} requests, ${short(apart.gbSeconds)} GB-seconds since the data folder was created`} />
    <${Tile} name="AWS Lambda, one for all" value=${`$ ${usd(together.usd)}`}
      note=${`one request per message, ${lambda.memoryMb} MiB, $ ${lambda.usdPerMillionRequests} per million requests`} /></div>`;
}
