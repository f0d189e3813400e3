// Sign-in of people through the real binary at a real OpenID Connect provider, and what of
// its tokens is refused.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { launch, open, settled } from './support/browser.mjs';
import { IdentityProvider } from './support/provider.mjs';
import { skip, until, Weir } from './support/weir.mjs';

/** @type {import('playwright-core').Browser} */
let browser;
before(async () => {
  if (!skip) browser = await launch();
});
after(() => browser?.close());

const configuration = ({ issuer }) => `
[auth]
file = "access.toml"
[auth.oidc]
issuer = "${issuer}"
client_id = "weir"
client_secret_file = "oidc.secret"
allow_private = true
admins = ["weir-admins"]
operators = ["ops"]
`;

/** A provider and a Weir that trusts it. */
async function signInAt(walk) {
  const provider = await new IdentityProvider().start(),
    weir = new Weir({ config: configuration(provider), files: { 'oidc.secret': 'a-secret-of-weir-for-tests\n' }, allowed: /sign-in failed|sessions revoked|refused/ });
  const admin = await weir.add('root-token', 'admin');
  await weir.start();
  provider.allow(weir.url);
  try {
    await walk({ provider, weir, admin });
  } finally {
    await provider.stop();
    await weir.stop();
  }
}

/** Through the provider's own pages. */
async function atProvider(page, name) {
  await page.getByRole('button', { name: /Sign in with 127/ }).click();
  await page.locator('input[name=login]').fill(name);
  await page.locator('input[name=password]').fill('any');
  await page.locator('button[type=submit]').click();
  await page.locator('button[type=submit]', { hasText: /Continue/ }).click();
}

const status = async (weir, token, path = '/api/v1/flow') =>
  (await fetch(weir.url + path, { headers: { Authorization: `Bearer ${token}` } })).status;

describe('sign-in at an identity provider, with the real binary', { skip }, () => {
  test('a person signs in, acts under that name, is revoked, and signs out', () =>
    signInAt(async ({ weir, admin }) => {
      await weir.send('pump-1', { data: [{ sensorId: 'temperature', value: 95, criticalThreshold: 90 }] }, { token: admin });
      const { page, context, done } = await open(browser);
      try {
        await page.goto(`${weir.ui}alarms?show=asking`);
        await atProvider(page, 'ana');
        await page.waitForFunction(() => document.querySelector('.rail-foot')?.textContent === 'ana, operator');
        assert.ok(page.url().endsWith('/ui/alarms?show=asking'), 'back where it began');
        await settled(page);
        await page.locator('.alarm-rows tr.asks', { hasText: 'pump-1' }).waitFor();
        await page.keyboard.press('j');
        await page.keyboard.press('a');
        await page.locator('.toast', { hasText: 'acknowledged' }).waitFor();
        const { audit } = await weir.ask('/api/v1/alarms/audit', { token: admin });
        assert.equal(audit[0].by, 'ana');
        await page.reload();
        await page.waitForFunction(() => document.querySelector('.rail-foot')?.textContent === 'ana, operator');

        const { sessions } = await weir.ask('/api/v1/sessions', { token: admin });
        assert.deepEqual(sessions.map(({ name, role, renewable }) => [name, role, renewable]), [['ana', 'operator', true]]);
        const token = await page.evaluate(() => JSON.parse(sessionStorage.getItem('weir.credential')).header.split(' ')[1]);
        assert.equal(await status(weir, token), 200);
        assert.equal(await status(weir, token, '/api/v1/sessions'), 403);
        assert.deepEqual(await weir.ask('/api/v1/sessions/ana', { method: 'DELETE', token: admin }), { revoked: 1 });
        assert.equal(await status(weir, token), 401);
        await page.getByRole('button', { name: /Sign in with 127/ }).waitFor();
        assert.equal((await page.locator('main').textContent()).trim(), '', 'nothing is shown');

        // The provider still knows the person: no password is asked for.
        await page.getByRole('button', { name: /Sign in with 127/ }).click();
        await page.waitForFunction(() => document.querySelector('.rail-foot')?.textContent === 'ana, operator');
        const second = await page.evaluate(() => JSON.parse(sessionStorage.getItem('weir.credential')).header.split(' ')[1]);
        await page.getByRole('button', { name: /Sign out/ }).click();
        await page.locator('button[value=yes], button[name=logout]').first().click();
        await page.getByRole('button', { name: /Sign in with 127/ }).waitFor();
        assert.equal(await status(weir, second), 401);
        await done();
      } finally {
        await context.close();
      }
    }));

  test('a session is renewed under another token, and a person without a role is refused', () =>
    signInAt(async ({ weir }) => {
      const { page, context } = await open(browser);
      try {
        await page.goto(weir.ui);
        await atProvider(page, 'ana');
        await page.waitForFunction(() => document.querySelector('.rail-foot')?.textContent === 'ana, operator');
        const token = await page.evaluate(() => JSON.parse(sessionStorage.getItem('weir.credential')).header.split(' ')[1]);
        const renewed = await weir.ask('/api/v1/session/renew', { method: 'POST', token });
        assert.equal(renewed.name, 'ana');
        assert.equal(await status(weir, token), 401);
        assert.equal(await status(weir, renewed.token), 200);
      } finally {
        await context.close();
      }
      const second = await open(browser);
      try {
        await second.page.goto(weir.ui);
        await atProvider(second.page, 'rob');
        await second.page.locator('.toast', { hasText: 'in no group that has a role' }).waitFor();
        assert.equal(await second.page.locator('.rail-foot').count(), 0);
      } finally {
        await second.context.close();
      }
    }));

  test('tokens of the provider are accepted; wrong ones are refused; a changed key is picked up', () =>
    signInAt(async ({ provider, weir }) => {
      assert.equal(await status(weir, await provider.token()), 200);
      assert.equal((await weir.ask('/api/v1/whoami', { token: await provider.token() })).role, 'operator');
      const past = Math.floor(Date.now() / 1000) - 120;
      for (const [why, token] of Object.entries({
        audience: await provider.token({ aud: 'other' }),
        issuer: await provider.token({ iss: 'https://evil.example' }),
        expired: await provider.token({ exp: past }),
        'no end': await provider.token({ exp: null }),
        'not yet': await provider.token({ nbf: past + 900 }),
        'no group with a role': await provider.token({ groups: ['others'] }),
        'no signature': provider.unsigned(),
        'another key': await provider.token({}, { key: provider.foreignKey() }),
        'a name of the access file': await provider.token({ preferred_username: 'root-token' }),
      }))
        assert.equal(await status(weir, token), 401, why);
      const before = await provider.token();
      provider.rotate();
      assert.equal(await status(weir, await provider.token()), 200, 'the new key');
      assert.equal(await status(weir, before), 401, 'the former key is gone');
      // People publish nothing.
      const path = '/api/v1/ingest/devices/pump-1/telemetry',
        headers = { Authorization: `Bearer ${await provider.token({ groups: ['weir-admins'] })}` };
      assert.equal((await fetch(weir.url + path, { method: 'POST', headers, body: '{"a":1}' })).status, 403);
    }));

  test('without a provider that answers, tokens of the access file work', () =>
    signInAt(async ({ provider, weir, admin }) => {
      await provider.stop();
      provider.stop = async () => {};
      assert.equal(await status(weir, admin), 200);
      assert.equal(await status(weir, await provider.token()), 401);
      assert.equal((await fetch(`${weir.url}/api/v1/session`)).status, 502);
      await until('it answers the page', async () => (await fetch(weir.ui)).ok);
    }));
});
