// openid-client, a certified relying party, against jwtctl idp. Run by "npm test",
// after "make build".
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as client from 'openid-client';
import { login, provider } from './kit.js';

const redirect = 'http://127.0.0.1:3000/callback';
const flags = ['--client', 'web:s3cret', '--redirect', redirect];

async function discover(issuer, authentication = client.ClientSecretBasic('s3cret'), id = 'web') {
  const config = await client.discovery(new URL(issuer), id, undefined, authentication, { execute: [client.allowInsecureRequests] });
  client.enableNonRepudiationChecks(config); // signatures too, though the connection is direct
  return config;
}

// Logs alice in and returns her tokens; checks and the address to which she
// returns may be changed.
async function signIn(config, checks = {}, returned = (url) => url) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const expectedNonce = client.randomNonce(), expectedState = client.randomState();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: redirect, scope: 'openid profile email offline_access', nonce: expectedNonce, state: expectedState,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256',
  });
  return client.authorizationCodeGrant(config, returned(await login(url, 'alice')), { pkceCodeVerifier, expectedNonce, expectedState, idTokenExpected: true, ...checks });
}

for (const kind of ['', 'auth0', 'keycloak', 'entra', 'okta']) {
  test(`openid-client logs in, renews, reads userinfo and logs out (${kind || 'plain'})`, async () => {
    const { issuer, stop } = await provider(...flags, ...(kind && ['--like', kind]));
    try {
      const config = await discover(issuer);
      const tokens = await signIn(config);
      const { sub, permissions } = tokens.claims();
      assert.deepEqual(permissions, ['default:write']);
      assert.equal((await client.fetchUserInfo(config, tokens.access_token, sub)).email, 'alice@example.test');
      const renewed = await client.refreshTokenGrant(config, tokens.refresh_token);
      assert.equal(renewed.claims().sub, sub);
      assert.equal((await client.tokenIntrospection(config, renewed.access_token)).active, true);
      await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_grant' });
      await assert.rejects(client.fetchUserInfo(config, renewed.access_token, sub)); // revoked with it
      const out = client.buildEndSessionUrl(config, { id_token_hint: renewed.id_token, post_logout_redirect_uri: 'http://127.0.0.1:3000/', state: 'bye' });
      const answer = await fetch(out, { redirect: 'manual' });
      assert.equal(answer.headers.get('location'), 'http://127.0.0.1:3000/?state=bye');
    } finally {
      stop();
    }
  });
}

test('openid-client gets tokens for a client and for a device', async () => {
  const { issuer, stop } = await provider(...flags);
  try {
    const config = await discover(issuer, client.ClientSecretPost('s3cret'));
    const own = await client.clientCredentialsGrant(config, { resource: 'https://api.example.test' });
    assert.equal((await client.tokenIntrospection(config, own.access_token)).aud, 'https://api.example.test');
    const device = await client.initiateDeviceAuthorization(config, { scope: 'openid' });
    await fetch(device.verification_uri, { method: 'POST', body: new URLSearchParams({ user_code: device.user_code, user: 'alice' }) });
    const tokens = await client.pollDeviceAuthorizationGrant(config, device);
    assert.equal(tokens.claims().sub, 'alice');
    await client.tokenRevocation(config, own.access_token);
    assert.equal((await client.tokenIntrospection(config, own.access_token)).active, false);
  } finally {
    stop();
  }
});

test('openid-client refuses a login with a foreign nonce, state or verifier', async () => {
  const { issuer, stop } = await provider(...flags);
  try {
    const config = await discover(issuer);
    await assert.rejects(signIn(config, { expectedNonce: 'another' }), (e) => e.cause?.cause?.claim === 'nonce' || e.cause?.claim === 'nonce');
    await assert.rejects(signIn(config, { expectedState: 'another' }), (e) => /"state"/.test(e.cause?.message));
    const stateless = (url) => { url.searchParams.delete('state'); return url; };
    await assert.rejects(signIn(config, {}, stateless), (e) => /state/.test(e.cause?.message ?? e.message));
    await assert.rejects(signIn(config, { pkceCodeVerifier: client.randomPKCECodeVerifier() }), { error: 'invalid_grant' });
    await assert.rejects(signIn(await discover(issuer, client.ClientSecretBasic('guess'))), { error: 'invalid_client' });
    await assert.rejects(signIn(await discover(issuer, client.None())), { error: 'invalid_client' });
  } finally {
    stop();
  }
});

// How a certified client handles faults of an id_token. It accepts an iat in the
// future, and does not read at_hash.
for (const fault of ['expired', 'wrong-aud', 'wrong-iss', 'wrong-key', 'alg-none', 'not-yet', 'no-exp', 'wrong-nonce']) {
  test(`openid-client refuses ${fault}`, async () => {
    const { issuer, stop } = await provider(...flags, '--fault', `web:${fault}`);
    try {
      await assert.rejects(signIn(await discover(issuer)), (e) => !(e instanceof assert.AssertionError));
    } finally {
      stop();
    }
  });
}

test('openid-client uses the new key after a rotation', async () => {
  const { issuer, stop } = await provider(...flags, '--fault', 'rotate-now');
  try {
    assert.equal((await signIn(await discover(issuer))).claims().sub, 'alice');
  } finally {
    stop();
  }
});
