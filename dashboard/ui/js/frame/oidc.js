// Sign-in at an identity provider: OpenID Connect, authorization code with PKCE (RFC 7636).
// The ID token is sent to Weir as the bearer token; the server verifies it and maps its
// groups to a role. It is renewed before it expires if the provider gives a refresh token.
import { BASE, go, href } from '../core/router.js';
import { currentCredential, requireSignIn, useCredential } from '../core/session.js';
import { notify } from '../parts/feedback.js';

/** @typedef {import('../../../types/api').OidcProvider} OidcProvider */
/** @typedef {import('../core/session.js').Credential} Credential */

const KEY = 'weir.oidc';
const RENEW_BEFORE_MS = 60_000;
const redirectUri = () => location.origin + BASE + 'signed-in';

const base64url = bytes => btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
const sha256 = async text => base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))));

/** What the provider says of itself. @param {OidcProvider} provider */
async function discover({ issuer }) {
  const response = await fetch(issuer.replace(/\/$/, '') + '/.well-known/openid-configuration', { credentials: 'omit' });
  if (!response.ok) throw new Error(`${issuer} does not answer`);
  const metadata = await response.json();
  if (metadata.issuer !== issuer) throw new Error(`${issuer} names another issuer`);
  return metadata;
}

/** Leaves the page for the provider. @param {OidcProvider} provider */
export async function beginSignIn(provider) {
  const { authorization_endpoint: endpoint } = await discover(provider);
  const state = random(), nonce = random(), verifier = random();
  const back = location.pathname + location.search;
  sessionStorage.setItem(KEY, JSON.stringify({ state, nonce, verifier, provider, back }));
  const url = new URL(endpoint);
  const parameters = {
    response_type: 'code', client_id: provider.clientId, redirect_uri: redirectUri(), scope: provider.scope ?? 'openid profile',
    state, nonce, code_challenge: await sha256(verifier), code_challenge_method: 'S256',
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
    const tokens = await exchange(begun.provider, {
      grant_type: 'authorization_code', code: answer.get('code'), redirect_uri: redirectUri(), code_verifier: begun.verifier,
    });
    if (claims(tokens.id_token).nonce !== begun.nonce) throw new Error('the answer belongs to another sign-in');
    accept(begun.provider, tokens);
  } catch (error) {
    requireSignIn(begun?.provider);
    notify({ text: `Sign-in failed: ${error.message}`, bad: true });
  }
}

/** @param {OidcProvider} provider @param {Record<string, string>} form */
async function exchange(provider, form) {
  const { token_endpoint: endpoint } = await discover(provider);
  const body = new URLSearchParams({ client_id: provider.clientId, ...form });
  const response = await fetch(endpoint, { method: 'POST', body, credentials: 'omit' });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error_description ?? answer.error ?? String(response.status));
  return answer;
}

/** Read, not verified: the server verifies. @param {string} token */
function claims(token) {
  const bytes = atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'));
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, c => c.charCodeAt(0))));
}

function accept(provider, tokens, { renewed = false } = {}) {
  const expires = claims(tokens.id_token).exp * 1000;
  const oidc = { provider, idToken: tokens.id_token, refreshToken: tokens.refresh_token };
  useCredential({ header: `Bearer ${tokens.id_token}`, expires, oidc }, { renewed });
  keepRenewing();
}

/** Renews the token before it expires: after a sign-in, and when the page is loaded again. */
export function keepRenewing() {
  const credential = currentCredential();
  if (!credential?.oidc?.refreshToken) return;
  setTimeout(() => { if (currentCredential() === credential) renew(credential); },
    Math.max(0, credential.expires - Date.now() - RENEW_BEFORE_MS));
}

/** @param {Credential} credential */
async function renew({ oidc: { provider, idToken, refreshToken } }) {
  try {
    const tokens = await exchange(provider, { grant_type: 'refresh_token', refresh_token: refreshToken });
    accept(provider, { id_token: idToken, refresh_token: refreshToken, ...tokens }, { renewed: true });
  } catch { /* the server asks for a new sign-in when the token has expired */ }
}

/** Ends the session at the provider too. @param {Credential} ended */
export async function endSession({ oidc }) {
  const { end_session_endpoint: endpoint } = await discover(oidc.provider);
  if (!endpoint) return;
  const url = new URL(endpoint);
  url.searchParams.set('id_token_hint', oidc.idToken);
  url.searchParams.set('post_logout_redirect_uri', location.origin + BASE);
  location.assign(url);
}
