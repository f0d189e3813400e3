// A small OpenID Connect provider for tests: discovery, authorization code with PKCE,
// refresh, and the end of a session. It signs nobody in by password: every request is granted.
import { createHash } from 'node:crypto';

const encode = value => Buffer.from(JSON.stringify(value)).toString('base64url');

/** @param {() => string} issuer */
export function identityProvider(issuer) {
  const codes = new Map(),
    tokens = new Set(),
    log = [];
  const issue = (nonce, seconds = 3600) => {
    const token = `${encode({ alg: 'none' })}.${encode({ iss: issuer(), aud: 'weir', sub: 'olga', nonce, exp: Math.floor(Date.now() / 1000) + seconds, n: tokens.size })}.x`;
    tokens.add(token);
    return token;
  };
  const json = (response, status, value) =>
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
  const handlers = {
    '/.well-known/openid-configuration': (_, response) =>
      json(response, 200, {
        issuer: issuer(),
        authorization_endpoint: issuer() + '/authorize',
        token_endpoint: issuer() + '/token',
        end_session_endpoint: issuer() + '/logout',
      }),
    '/authorize': (_, response, url) => {
      const p = url.searchParams,
        code = `code-${codes.size}`;
      codes.set(code, { challenge: p.get('code_challenge'), nonce: p.get('nonce'), redirect: p.get('redirect_uri') });
      response
        .writeHead(302, { Location: `${p.get('redirect_uri')}?code=${code}&state=${encodeURIComponent(p.get('state'))}` })
        .end();
    },
    '/token': async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const form = new URLSearchParams(body),
        known = codes.get(form.get('code'));
      if (form.get('grant_type') === 'refresh_token') return json(response, 200, { id_token: issue('renewed') });
      codes.delete(form.get('code'));
      const proof = createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url');
      if (!known || known.challenge !== proof || known.redirect !== form.get('redirect_uri'))
        return json(response, 400, { error: 'invalid_grant' });
      return json(response, 200, { id_token: issue(known.nonce), refresh_token: 'r1' });
    },
    '/logout': (_, response, url) => {
      log.push('logout');
      response.writeHead(302, { Location: url.searchParams.get('post_logout_redirect_uri') }).end();
    },
  };
  return {
    log,
    accepts: token => tokens.has(token),
    handles: path => path in handlers,
    answer: (request, response, url) => {
      log.push(url.pathname);
      return handlers[url.pathname](request, response, url);
    },
  };
}
