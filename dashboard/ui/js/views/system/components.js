// The components of Weir, each as a small table of facts.
import { html } from '../../core/dom.js';
import { plural, bytes, measure, percent, short, whole } from '../../core/numbers.js';
import { span } from '../../core/spans.js';
import { Panel } from '../../parts/layout.js';
import { Spark } from '../../parts/spark.js';

/** @typedef {import('../../../../types/api').System} System */

const Fact = ({ name, value, note = '', rates = [] }) => html`<tr><th scope="row">${name}</th><td class="num">${value}</td>
  <td class="dim small">${rates.length > 1 && html`<${Spark} values=${rates} width=${120} height=${18} label=${name}
    unit="/s" />`}${note}</td></tr>`;
const Facts = ({ title, id, children }) => html`<${Panel} title=${title} id=${id} flush><table class="plain facts-table"><tbody>
  ${children}</tbody></table></${Panel}>`;
/** A count that should be zero. */
const fault = count => count ? html`<b class="warn">${whole(count)}</b>` : '0';
const rate = values => values.length ? `${short(values.at(-1))}/s` : '–';

/** @param {{system: System, rates: Record<string, number[]>}} props */
export const Components = ({ system, rates }) => html`<div class="three">
  <${Journal} journal=${system.journal} rates=${rates} /><${Consumers} system=${system} /><${Store} system=${system} />
  <${Connections} system=${system} rates=${rates} /><${Sequence} sequence=${system.sequence} />
  <${Process} system=${system} /></div>`;

const Journal = ({ journal, rates }) => html`<${Facts} title="Journal" id="journal">
  <${Fact} name="Size" value=${bytes(journal.bytes)}
    note=${`${percent(journal.bytes / journal.limitBytes)} of ${bytes(journal.limitBytes)}`} />
  <${Fact} name="Committed" value=${rate(rates.committed)} rates=${rates.committed}
    note=${`${whole(journal.committedMessages)} messages`} />
  <${Fact} name="Syncs" value=${rate(rates.commits)} rates=${rates.commits}
    note=${journal.commits > 0 && `${measure(1000 * journal.syncSeconds / journal.commits)} ms each`} />
  <${Fact} name="Damaged records" value=${fault(journal.corruptRecords)} /></${Facts}>`;

const Consumers = ({ system: { consumers, alertsPending } }) => html`<${Facts} title="Consumers of the journal" id="consumers">
  ${consumers.map(({ name, lagBytes, stalledSeconds }) => html`<${Fact} key=${name} name=${name} value=${stalledSeconds > 0
    ? html`<b class="warn">stalled for ${span(stalledSeconds * 1000)}</b>` : bytes(lagBytes)}
    note=${stalledSeconds > 0 ? `${bytes(lagBytes)} behind` : 'behind'} />`)}
  <${Fact} name="Alerts" value=${whole(alertsPending)} note="not confirmed by a publisher" /></${Facts}>`;

const Store = ({ system: { store, influxdb, quarantine } }) => html`<${Facts} title="Store" id="store">
  <${Fact} name="On disk" value=${bytes(store.bytes)} note=${plural(store.files, 'file')} />
  <${Fact} name="In memory" value=${whole(store.bufferedReadings)} note="readings that are not yet in a file" />
  <${Fact} name="Damaged files" value=${fault(store.damagedFiles)} />
  <${Fact} name="Queries" value=${whole(store.queriesRunning)} note="running" />
  <${Fact} name="Quarantine" value=${whole(quarantine.entries)} note=${`entries, ${bytes(quarantine.bytes)}`} />
  <${InfluxDb} influxdb=${influxdb} /></${Facts}>`;

const InfluxDb = ({ influxdb }) => !influxdb ? html`<${Fact} name="InfluxDB" value=${html`<span class="dim">off</span>`} />`
  : html`<${Fact} name="InfluxDB" value=${whole(influxdb.writtenReadings)}
      note=${`${whole(influxdb.refusedReadings)} refused, ${plural(influxdb.retries, 'retry', 'retries')}`} />`;

const NO_BROKER = { refusedLogins: 0, refusedPublishes: 0, refusedSubscribes: 0 };

function Connections({ system: { broker, sources, http }, rates }) {
  const { refusedLogins, refusedPublishes, refusedSubscribes } = broker ?? NO_BROKER;
  const refused = refusedLogins + refusedPublishes + refusedSubscribes + http.refusedRequests;
  return html`<${Facts} title="Connections" id="connections">
    ${broker && html`<${Fact} name="Broker" value=${whole(broker.connections)} note="connections" />`}
    ${broker && html`<${Fact} name="Messages" value=${rate(rates.broker)} rates=${rates.broker}
      note=${`${whole(broker.receivedMessages)} received`} />`}
    ${sources.map(({ connection, connected, receivedMessages }) => html`<${Fact} key=${connection} name=${connection}
      value=${connected ? 'connected' : html`<b class="warn">not connected</b>`} note=${`${whole(receivedMessages)} messages`} />`)}
    <${Fact} name="Refused" value=${whole(refused)} note="logins, publishes, subscriptions, requests" /></${Facts}>`;
}

const Sequence = ({ sequence }) => html`<${Facts} title="Sequence numbers of devices" id="sequence"><${Fact} name="Gaps"
  value=${whole(sequence.gaps)} />
  <${Fact} name="Missing" value=${whole(sequence.missing)} note="numbered messages that were not received" /><${Fact} name="Repeats"
    value=${whole(sequence.repeats)} /><${Fact} name="Restarts" value=${whole(sequence.restarts)} /></${Facts}>`;

const Process = ({ system: { version, commit, dataDir, addresses } }) => html`<${Facts} title="Process" id="process">
  <${Fact} name="Version" value=${version} note=${commit} />
  ${dataDir && html`<${Fact} name="Data folder" value=${html`<code>${dataDir}</code>`} />`}
  ${Object.entries(addresses).map(([name, address]) => html`<${Fact} key=${name} name=${name} value=${html`<code>
    ${address}</code>`} />`)}</${Facts}>`;
