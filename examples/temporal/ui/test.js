// The Temporal Web UI with single sign-on: people log in at jwtctl idp in a headless
// Chromium, and a real server grants what their tokens say. Run by "make temporal-ui".
// SCREENSHOTS names a folder for screenshots.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { Stage, eventually, freePorts } from './kit.js';

const stage = new Stage();
const denied = 'You are signed in, but you do not have permission to access this Temporal resource. Ask your administrator for access.';
let browser, server, workflow, ui, short, once;

// Starts a provider whose tokens live for ttl, and returns its issuer.
async function provider(name, ttl, ...ports) {
  stage.write(`${name}.yaml`, JSON.stringify({
    idp: {
      listen: '127.0.0.1:0',
      users: [
        { name: 'alice', permissions: ['temporal-system:read', 'default:read'] },
        { name: 'bob' },
        { name: 'carol', permissions: ['default:write'] },
      ],
      clients: [{ id: 'temporal-ui', secret: 's3cret', redirects: ports.map((p) => `http://127.0.0.1:${p}/auth/sso/callback`) }],
    },
  }));
  const { match } = await stage.start('jwtctl', /Issuer: (\S+)\. Ctrl/, ['idp', '--config', `${name}.yaml`, '--ttl', ttl]);
  return match[1];
}

// The variables of the UI for a provider.
const variables = (issuer, port, scopes) => ({
  TEMPORAL_ADDRESS: server.match[1], TEMPORAL_AUTH_ENABLED: 'true', TEMPORAL_AUTH_PROVIDER_URL: issuer, TEMPORAL_AUTH_CLIENT_ID: 'temporal-ui',
  TEMPORAL_AUTH_CLIENT_SECRET: 's3cret', TEMPORAL_AUTH_CALLBACK_URL: `http://127.0.0.1:${port}/auth/sso/callback`, TEMPORAL_AUTH_SCOPES: scopes,
});

// Registers the namespace default over the HTTP API and returns, once the starter has
// run, the id of its workflow.
async function runWorkflow() {
  const [host, port] = server.match[1].split(':');
  const api = `http://${host}:${Number(port) + 10}/api/v1/namespaces`; // as in config.yaml
  const bearer = (...permission) => ({ authorization: `Bearer ${stage.run('jwtctl', 'token', '--format', 'token', ...permission).trim()}` });
  const made = await fetch(api, { method: 'POST', headers: bearer('--namespace', 'default', '--role', 'admin'), body: JSON.stringify({ namespace: 'default', workflowExecutionRetentionPeriod: '86400s' }) });
  assert.equal(made.status, 200);
  const list = () => fetch(`${api}/default/workflows`, { headers: bearer('--namespace', 'default', '--role', 'read') });
  await eventually('namespace default', async () => ((await list()).ok ? true : undefined));
  await stage.start('worker', /Started Worker/, ['--address', server.match[1]]);
  assert.match(stage.run('starter', '--address', server.match[1]), /Hello Temporal!/);
  return eventually('the workflow in the list', async () => (await (await list()).json()).executions?.[0]?.execution.workflowId);
}

before(async () => {
  const ports = await freePorts(3);
  stage.run('jwtctl', 'keygen', '-o', 'key.priv.pem');
  const ours = await stage.start('jwtctl', /Endpoint: (\S+)\. Ctrl/, ['serve', '--key', 'key.priv.pem', '--listen', '127.0.0.1:0']);
  const lasting = await provider('lasting', '1h', ports[0]);
  const brief = await provider('brief', '15s', ports[1], ports[2]); // the machine may take seconds to show the page
  const sources = [ours.match[1], `${lasting}/jwks.json`, `${brief}/jwks.json`].flatMap((url) => ['--jwks', url]);
  server = await stage.start('server', /ready on (\S+)\. /, ['--port', '0', '--log-level', 'error', ...sources]);
  workflow = await runWorkflow();
  ui = await stage.webUI(ports[0], variables(lasting, ports[0], 'openid,profile,email,offline_access'));
  short = await stage.webUI(ports[1], variables(brief, ports[1], 'openid,profile,email,offline_access'));
  once = await stage.webUI(ports[2], variables(brief, ports[2], 'openid,profile,email'));
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'], timeout: 120_000 });
}, { timeout: 600_000 });

after(async () => {
  await browser?.close();
  await stage.end();
});

// Opens the workflows of default in a new browser profile and logs in as user.
async function signIn(at, user) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const tab = await context.newPage();
  tab.setDefaultTimeout(120_000);
  await tab.goto(`${at.url}/namespaces/default/workflows`);
  await tab.getByTestId('login-button').click();
  await tab.getByRole('button', { name: user }).click();
  return { context, tab };
}

const picture = async (tab, name) => process.env.SCREENSHOTS && tab.screenshot({ path: path.join(process.env.SCREENSHOTS, `${name}.png`) });
const tokens = (tab) => tab.evaluate(() => JSON.parse(localStorage.getItem('AuthUser') ?? '{}'));
const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));

// Waits until the tokens of the tab have expired by this machine's clock, which is also
// that of the UI and the server.
async function expire(tab) {
  const { exp } = claims((await tokens(tab)).idToken);
  await tab.waitForFunction((end) => Date.now() > end * 1000, exp);
}

test('alice logs in and reads the workflow that the starter ran', { timeout: 300_000 }, async () => {
  const { context, tab } = await signIn(ui, 'alice');
  const foreign = [];
  tab.on('request', (r) => { if (!r.url().startsWith(ui.url)) foreign.push(r.url()); });
  const row = tab.getByRole('row').filter({ has: tab.getByRole('link', { name: workflow }) });
  await row.first().getByText('Completed').first().waitFor();
  await picture(tab, 'workflows');
  await tab.getByRole('link', { name: workflow }).first().click();
  await tab.getByText('Hello Temporal!').first().waitFor();
  await picture(tab, 'workflow');
  await tab.goto(`${ui.url}/namespaces`);
  await tab.getByRole('link', { name: 'default', exact: true }).first().waitFor();
  assert.deepEqual(foreign, []);
  await context.close();
});

test('alice is refused what she may not do', { timeout: 300_000 }, async () => {
  const { context, tab } = await signIn(ui, 'alice');
  await tab.getByRole('link', { name: workflow }).first().waitFor();
  const { accessToken, idToken } = await tokens(tab);
  const statuses = await tab.evaluate(async ({ accessToken, idToken, workflow }) => {
    const csrf = /_csrf=([^;]+)/.exec(document.cookie)[1];
    const headers = { authorization: `Bearer ${accessToken}`, 'authorization-extras': idToken, 'x-csrf-token': csrf };
    const read = await fetch(`/api/v1/namespaces/default/workflows/${workflow}`, { headers });
    const write = await fetch(`/api/v1/namespaces/default/workflows/${workflow}/terminate`, { method: 'POST', headers, body: '{}' });
    return [read.status, write.status];
  }, { accessToken, idToken, workflow });
  assert.deepEqual(statuses, [200, 403]);
  await context.close();
});

for (const [user, has] of [['bob', 'no permission'], ['carol', 'default:write alone']]) {
  test(`${user}, who has ${has}, sees a refusal that explain-denial explains`, { timeout: 300_000 }, async () => {
    const { context, tab } = await signIn(ui, user);
    await tab.getByText(denied).waitFor();
    await picture(tab, user);
    assert.equal(new URL(tab.url()).pathname, '/login');
    const { accessToken } = await tokens(tab);
    stage.write('denied.jwt', accessToken);
    const why = stage.ends(1, 'jwtctl', 'explain-denial', '@denied.jwt', '--for', 'ui', '--namespace', 'default');
    assert.match(why, /ListNamespaces.*\n.*\n +needs +read or more, in the cluster \(temporal-system\)/);
    assert.match(why, /jwtctl token --system --role read/);
    await context.close();
  });
}

test('an expired token is renewed, and the page continues', { timeout: 300_000 }, async () => {
  const { context, tab } = await signIn(short, 'alice');
  const answers = [];
  tab.on('response', (r) => answers.push([new URL(r.url()).pathname, r.status()].join(' ')));
  await tab.getByRole('link', { name: workflow }).first().waitFor();
  const first = (await tokens(tab)).accessToken;
  for (let renewed = 0; renewed < 2; renewed++) { // the second with the token that replaced the first
    await expire(tab);
    const again = tab.waitForResponse((r) => r.url().includes('/workflows?') && r.status() === 200);
    await tab.getByRole('button', { name: 'Refresh', exact: true }).click();
    await again;
    await tab.getByRole('link', { name: workflow }).first().waitFor();
    assert.ok(answers.includes('/auth/refresh 200'), answers.join('\n'));
    assert.ok(answers.includes('/api/v1/namespaces/default/workflows 401'), 'the token had not expired');
    answers.length = 0;
  }
  assert.notEqual((await tokens(tab)).accessToken, first);
  await picture(tab, 'renewed');
  await context.close();
});

test('without the scope offline_access a person logs in again', { timeout: 300_000 }, async () => {
  const { context, tab } = await signIn(once, 'alice');
  await tab.getByRole('link', { name: workflow }).first().waitFor();
  await expire(tab);
  await tab.getByRole('button', { name: 'Refresh', exact: true }).click();
  await tab.waitForURL(`${once.url}/login?**`);
  await context.close();
});

test('logout forgets the tokens; the session at the provider continues', { timeout: 300_000 }, async () => {
  const { context, tab } = await signIn(ui, 'alice');
  await tab.getByRole('link', { name: workflow }).first().waitFor();
  await tab.getByTestId('user-menu-trigger').click();
  await picture(tab, 'menu');
  await tab.getByText('Log out').first().click();
  await tab.getByTestId('login-button').waitFor();
  await picture(tab, 'logout');
  assert.deepEqual(await tokens(tab), {});
  const left = (await context.cookies()).map((c) => c.name).filter((name) => name === 'refresh' || name.startsWith('user'));
  assert.deepEqual(left, []);
  await tab.goto(`${ui.url}/namespaces/default/workflows`);
  await tab.getByTestId('login-button').click(); // and no page of the provider
  await tab.getByRole('link', { name: workflow }).first().waitFor();
  await context.close();
});
