// The overview: on the left what to do, on the right where.
import { html } from '../core/dom.js';
import { Attention } from './overview/attention.js';
import { Conservation } from './overview/conservation.js';
import { Activity } from './overview/activity.js';
import { Fleet } from './overview/fleet.js';
import { Hour } from './overview/hour.js';

export default () => html`<div class="overview">
  <h1 class="sr">Overview</h1>
  <div class="overview-now"><${Attention} /><${Conservation} /><${Activity} /></div>
  <div class="overview-all"><${Fleet} /><${Hour} /></div></div>`;
