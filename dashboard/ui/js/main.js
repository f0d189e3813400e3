// The page begins here.
import { html, render } from './core/dom.js';
import { route } from './core/router.js';
import { currentCredential } from './core/session.js';
import { start } from './core/live.js';
import { App } from './frame/app.js';

/** The identity provider returns here after a sign-in. */
const RETURN = 'signed-in';

if (route.get().view === RETURN) await import('./frame/oidc.js').then(({ completeSignIn }) => completeSignIn());
else if (currentCredential()?.session) import('./frame/oidc.js').then(({ keepRenewing }) => keepRenewing());
start();

const root = document.getElementById('app');
root.replaceChildren();
render(html`<${App} />`, root);
