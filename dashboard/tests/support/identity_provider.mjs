// A small OpenID Connect provider for the simulated interface: authorization code with
// PKCE, and the end of a session. It signs nobody in by password: every request is
// granted. The real binary is tested against a real provider: provider.mjs.
import { createHash, randomBytes } from 'node:crypto';

const SESSION_MS = 900_000;

/** @param {() => string} issuer */
export function identityProvider(issuer) {
  const codes = new Map(),
    sessions = new Set();
  const signedIn = () => {
    const token = `session_${randomBytes(24).toString('hex')}`,
      now = Date.now();
    sessions.add(token);
    const [began, expires] = [now, now + SESSION_MS].map(at => new Date(at).toISOString());
    return { token, name: 'olga', role: 'operator', began, expires, renewable: true };
  };
  const handlers = {
    '/authorize': (_, response, url) => {
      const p = url.searchParams,
        code = `code-${codes.size}`;
      codes.set(code, { challenge: p.get('code_challenge'), nonce: p.get('nonce'), redirect: p.get('redirect_uri') });
      response
        .writeHead(302, { Location: `${p.get('redirect_uri')}?code=${code}&state=${encodeURIComponent(p.get('state'))}` })
        .end();
    },
    '/logout': (_, response, url) => {
      response.writeHead(302, { Location: url.searchParams.get('post_logout_redirect_uri') }).end();
    },
  };
  return {
    accepts: token => sessions.has(token),
    handles: path => path in handlers,
    answer: (request, response, url) => handlers[url.pathname](request, response, url),
    start: () => ({
      issuer: issuer(),
      clientId: 'weir',
      scope: 'openid profile',
      authorizationEndpoint: `${issuer()}/authorize`,
      redirectPath: '/ui/signed-in',
    }),
    /** What Weir does with the code; null when the proof does not fit. */
    exchange({ code, codeVerifier, redirectUri, nonce }) {
      const known = codes.get(code),
        proof = createHash('sha256').update(codeVerifier).digest('base64url');
      codes.delete(code);
      const fits = known && known.challenge === proof && known.redirect === redirectUri && known.nonce === nonce;
      return fits ? signedIn() : null;
    },
    renew(token) {
      sessions.delete(token);
      return signedIn();
    },
    end(token, returnTo) {
      sessions.delete(token);
      return { endSession: `${issuer()}/logout?post_logout_redirect_uri=${encodeURIComponent(returnTo)}` };
    },
  };
}
