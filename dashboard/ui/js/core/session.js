// Who is signed in. The credential is a header of every request; it is kept in
// sessionStorage of this tab, never in a cookie or an address, so no other page can use it.
import { signal } from './dom.js';

/** @typedef {import('../../../types/api').Identity} Identity */
/** @typedef {import('../../../types/api').OidcProvider} OidcProvider */
/** @typedef {import('../../../types/api').Right} Right */

const KEY = 'weir.credential';

/** @typedef {{header: string, session?: {renewable: boolean, renewAt: number}}} Credential */

/** @returns {Credential|null} */
function stored() {
  try { return JSON.parse(sessionStorage.getItem(KEY)); } catch { return null; }
}
let credential = stored();

/**
 * `required`: the server asks for credentials, and nothing is shown before it has them.
 * `rejected`: those that were sent are not accepted. `epoch` counts changes of identity.
 */
export const session = signal({
  required: false, rejected: false, epoch: 0,
  identity: /** @type {Identity|null} */ (null), oidc: /** @type {OidcProvider|null} */ (null),
});
const change = changes => session.set({ ...session.get(), ...changes });

export const authorization = () => credential ? { Authorization: credential.header } : {};
export const currentCredential = () => credential;

/** @param {Credential|null} next */
export function useCredential(next, { renewed = false } = {}) {
  credential = next;
  try {
    if (next) sessionStorage.setItem(KEY, JSON.stringify(next)); else sessionStorage.removeItem(KEY);
  } catch { /* this tab forgets it when it is loaded again */ }
  if (!renewed) change({ required: false, rejected: false, identity: null, epoch: session.get().epoch + 1 });
}

/** @param {string} token */
export const signInWithToken = token => useCredential({ header: `Bearer ${token}` });

/** @param {string} name @param {string} password */
export function signInWithPassword(name, password) {
  const utf8 = new TextEncoder().encode(`${name}:${password}`);
  useCredential({ header: `Basic ${btoa(String.fromCharCode(...utf8))}` });
}

export function signOut() {
  if (credential?.session) import('../frame/oidc.js').then(({ endSession }) => endSession());
  else useCredential(null);
}

/** The server answered 401. @param {OidcProvider} [oidc] */
export function requireSignIn(oidc) {
  change({
    required: true, rejected: credential != null, identity: null, oidc: oidc ?? session.get().oidc,
  });
}

/** @param {Identity} identity */
export function identify(identity) {
  const known = session.get().identity;
  if (known && known.name === identity.name && known.role === identity.role) return;
  change({ identity, oidc: identity.oidc ?? session.get().oidc });
}

/** Whether what needs this right is offered. @param {Right} right */
export function may(right) {
  const { identity } = session.get();
  if (!identity) return false;
  return identity.role === 'admin' || (identity.may ?? []).includes(right);
}

/** The name under which actions are recorded, if the server knows it. */
export const signedInName = () => session.get().identity?.name ?? null;
