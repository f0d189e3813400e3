// A real OpenID Connect provider (npm oidc-provider) on a free port, with one client and a
// person per name: `ana` is in the group `ops`, `rob` in none. Its keys can be changed.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';
import { SignJWT, importJWK } from 'jose';

const GROUPS = { ana: ['ops'], root: ['weir-admins', 'ops'] };

function makeKey(kid) {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' };
}

export class IdentityProvider {
  constructor() {
    this.generation = 0;
    this.requests = [];
  }

  /** @param {string} redirect  Below the address of Weir. */
  async start() {
    this.server = createServer((request, response) => {
      this.requests.push(request.url.split('?')[0]);
      this.handler(request, response);
    });
    await new Promise(resolve => this.server.listen(0, '127.0.0.1', () => resolve(null)));
    this.issuer = `http://127.0.0.1:${/** @type {any} */ (this.server.address()).port}`;
    this.rotate();
    return this;
  }

  /** Weir's address is known after the provider's: its configuration names the provider. */
  allow(weir) {
    this.weir = weir;
    this.serve();
  }

  /** From now on tokens are signed with another key, and the former one is gone. */
  rotate() {
    this.key = makeKey(`key-${++this.generation}`);
    this.serve();
  }

  serve() {
    const weir = this.weir ?? 'http://127.0.0.1:9';
    const provider = new Provider(this.issuer, {
      jwks: { keys: [this.key] },
      clients: [
        {
          client_id: 'weir',
          client_secret: 'a-secret-of-weir-for-tests',
          redirect_uris: [`${weir}/ui/signed-in`],
          post_logout_redirect_uris: [`${weir}/ui/`],
          grant_types: ['authorization_code', 'refresh_token'],
          response_types: ['code'],
          id_token_signed_response_alg: 'ES256',
        },
      ],
      clientDefaults: { id_token_signed_response_alg: 'ES256' },
      claims: { openid: ['sub', 'preferred_username', 'groups'], profile: [], email: [] },
      conformIdTokenClaims: false,
      findAccount: (_, sub) => ({
        accountId: sub,
        claims: () => ({ sub, preferred_username: sub, groups: GROUPS[sub] ?? [] }),
      }),
      issueRefreshToken: async () => true,
      pkce: { required: () => true },
      enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
      cookies: { keys: ['a-key-for-tests'] },
      ttl: { AccessToken: 600, IdToken: 600, RefreshToken: 600, Session: 600, Grant: 600, Interaction: 600, AuthorizationCode: 60 },
    });
    // The adapter keeps its entries in memory of the process: sessions outlive a change.
    this.handler = provider.callback();
  }

  /** A token of this provider with changed claims; null removes one. */
  async token(changes = {}, { key = this.key, alg = 'ES256' } = {}) {
    const now = Math.floor(Date.now() / 1000),
      claims = { iss: this.issuer, aud: 'weir', sub: 'ana', iat: now, exp: now + 600, preferred_username: 'ana', groups: ['ops'], ...changes };
    for (const [name, value] of Object.entries(claims)) if (value === null) delete claims[name];
    return new SignJWT(claims).setProtectedHeader({ alg, kid: key.kid }).sign(await importJWK(key, alg));
  }

  /** Without a signature. */
  unsigned(changes = {}) {
    const encode = value => Buffer.from(JSON.stringify(value)).toString('base64url'),
      now = Math.floor(Date.now() / 1000);
    return `${encode({ alg: 'none', kid: this.key.kid })}.${encode({ iss: this.issuer, aud: 'weir', sub: 'ana', exp: now + 600, groups: ['ops'], ...changes })}.`;
  }

  /** A key that the provider does not know, under the name of its own. */
  foreignKey() {
    return makeKey(this.key.kid);
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise(resolve => this.server.close(resolve));
  }
}
