// Sign-in at an identity provider: OpenID Connect, authorization code with PKCE (RFC 7636).
// The page proves that it began the sign-in, Weir exchanges the code and verifies who it
// is, and answers with a session token that it renews and can revoke.
import { BASE, go, href } from '../core/router.js';
import { get, path, post, request } from '../core/api.js';
import { currentCredential, requireSignIn, useCredential } from '../core/session.js';
import { notify } from '../parts/feedback.js';

/** @typedef {import('../core/session.js').Credential} Credential */
/** @typedef {import('../../../types/api').SignedIn} SignedIn */

const KEY = 'weir.oidc', SESSION = '/api/v1/session';
const redirectUri = () => location.origin + BASE + 'signed-in';

const base64url = bytes => btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
const sha256 = async text => base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))));

/** Leaves the page for the provider. */
export async function beginSignIn() {
  const { authorizationEndpoint, clientId, scope } = await get(SESSION);
  const state = random(), nonce = random(), verifier = random(), back = location.pathname + location.search;
  sessionStorage.setItem(KEY, JSON.stringify({ state, nonce, verifier, back }));
  const url = new URL(authorizationEndpoint);
  const parameters = {
    response_type: 'code', client_id: clientId, redirect_uri: redirectUri(), scope, state, nonce,
    code_challenge: await sha256(verifier), code_challenge_method: 'S256',
  };
  for (const [key, value] of Object.entries(parameters)) url.searchParams.set(key, value);
  location.assign(url);
}

/** The provider has sent the browser back with a code. */
export async function completeSignIn() {
  const answer = new URLSearchParams(location.search);
  const begun = JSON.parse(sessionStorage.getItem(KEY) ?? 'null');
  sessionStorage.removeItem(KEY);
  go(begun?.back ?? href('overview'), { replace: true });
  try {
    if (!begun || begun.state !== answer.get('state')) throw new Error('the sign-in did not begin in this tab');
    const refused = answer.get('error');
    if (refused) throw new Error(answer.get('error_description') ?? refused);
    accept(await post(SESSION, {
      code: answer.get('code'), codeVerifier: begun.verifier, nonce: begun.nonce, redirectUri: redirectUri(),
    }));
  } catch (error) {
    requireSignIn();
    notify({ text: `Sign-in failed: ${error.message}`, bad: true });
  }
}

/** @param {SignedIn} session */
function accept({ token, began, expires, renewable }, { renewed = false } = {}) {
  const now = Date.now(), lasts = Date.parse(expires) - (renewed ? now : Date.parse(began));
  useCredential({ header: `Bearer ${token}`, session: { renewable, renewAt: now + lasts / 2 } }, { renewed });
  keepRenewing();
}

/** Renews the session halfway to its end: after a sign-in, and when the page is loaded again. */
export function keepRenewing() {
  const credential = currentCredential(), session = credential?.session;
  if (!session?.renewable) return;
  setTimeout(() => { if (currentCredential() === credential) renew(); }, Math.max(0, session.renewAt - Date.now()));
}

async function renew() {
  try {
    accept(await post(SESSION + '/renew'), { renewed: true });
  } catch { /* Weir asks for a new sign-in when the session has ended */ }
}

/** Ends the session here and at the provider. */
export async function endSession() {
  let end = null;
  try {
    const answer = await request(path(SESSION, { returnTo: location.origin + BASE }), { method: 'DELETE' });
    ({ endSession: end } = await answer.json());
  } catch { /* it has ended by itself */ }
  useCredential(null);
  if (end) location.assign(end);
}
