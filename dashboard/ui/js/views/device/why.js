// Why a reading was, or was not, found unusual: any sensor, any instant.
import { html, Fragment } from '../../core/dom.js';
import { setQuery } from '../../core/router.js';
import { get, path, segment } from '../../core/api.js';
import { useAsk } from '../../core/ask.js';
import { Answer, Panel } from '../../parts/layout.js';
import { Select } from '../../parts/controls.js';
import { Trace } from '../../parts/trace.js';

/** @param {{id: string, device: import('../../../../types/api').DeviceDetail, query: URLSearchParams}} props */
export function DeviceWhy({ id, device, query }) {
  const sensors = Object.keys(device.latest).sort(), at = query.get('at') ?? '';
  const asked = (query.get('sensor') ?? '').split(',')[0], sensor = asked || sensors[0];
  const answer = useAsk(signal => get(path(`/api/v1/devices/${segment(id)}/explain`, { sensor, at }), signal), [id, sensor, at]);
  const aside = html`<${Fragment}><${Select} label="Sensor" value=${sensor} onChoose=${value => setQuery({ sensor: value })}
    options=${sensors.map(name => [name, name])} />
    <label class="select"><span class="sr">At or before</span><input type="text" size="24" placeholder="now, or RFC 3339"
      spellcheck="false" value=${at} onChange=${event => setQuery({ at: event.target.value })} /></label></${Fragment}>`;
  return html`<${Panel} title="Evaluation of one reading" id="why" aside=${aside}><${Answer} of=${answer} rows=${5}>
    ${data => html`<${Trace} data=${data} />`}</${Answer}></${Panel}>`;
}
