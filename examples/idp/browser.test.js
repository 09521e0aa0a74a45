// oidc-client-ts in a headless Chromium against jwtctl idp: the application is a
// page of its own origin, and a person picks a user. Run by "npm test".
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import esbuild from 'esbuild';
import { chromium } from 'playwright-core';
import { provider } from './kit.js';

const here = path.dirname(fileURLToPath(import.meta.url));
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const servers = [];
let app, stranger, idp, browser;

// Serves a page with the library and returns its origin.
async function page(script) {
  const server = createServer((_, response) => response.setHeader('content-type', 'text/html').end(`<title>app</title><script>${script}</script>`));
  servers.push(server);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${server.address().port}`;
}

before(async () => {
  const entry = `import { UserManager } from 'oidc-client-ts'; globalThis.UserManager = UserManager;`;
  const built = await esbuild.build({ stdin: { contents: entry, resolveDir: here }, bundle: true, write: false, format: 'iife', minify: true });
  const script = built.outputFiles[0].text.replaceAll('</script', '<\\/script');
  [app, stranger] = [await page(script), await page(script)];
  idp = await provider('--client', 'spa', '--redirect', `${app}/callback`);
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'], timeout: 120_000 });
}, { timeout: 300_000 });

after(async () => {
  await browser?.close();
  idp?.stop();
  for (const server of servers) server.close();
});

const settings = (origin) => ({ authority: idp.issuer, client_id: 'spa', redirect_uri: `${origin}/callback`, post_logout_redirect_uri: `${origin}/`, scope: 'openid profile offline_access' });

test('oidc-client-ts logs in on the page, renews and logs out', { timeout: 300_000 }, async () => {
  const context = await browser.newContext();
  context.setDefaultTimeout(120_000);
  const tab = await context.newPage();
  const foreign = [];
  tab.on('request', (r) => { if (!r.url().startsWith(app) && !r.url().startsWith(idp.issuer)) foreign.push(r.url()); });
  const problems = [];
  tab.on('console', (m) => { if (m.type() === 'error' && !m.text().includes('favicon') && !m.text().includes('404')) problems.push(m.text()); });
  await tab.goto(`${app}/`);
  await tab.evaluate((s) => { globalThis.UserManager && new UserManager(s).signinRedirect(); }, settings(app));
  await tab.getByRole('button', { name: 'alice' }).waitFor();
  assert.match(await tab.textContent('body'), /For development/);
  if (process.env.SCREENSHOT) await tab.screenshot({ path: process.env.SCREENSHOT });
  await tab.evaluate(axe);
  const found = await tab.evaluate(() => globalThis.axe.run());
  assert.deepEqual(found.violations.map((v) => v.id), []);
  await tab.getByRole('button', { name: 'alice' }).click();
  await tab.waitForURL(`${app}/callback?**`);
  const user = await tab.evaluate(async (s) => {
    const manager = new UserManager(s);
    const first = await manager.signinRedirectCallback();
    const renewed = await manager.signinSilent();
    return { sub: first.profile.sub, permissions: first.profile.permissions, renewed: renewed.access_token !== first.access_token && renewed.profile.sub };
  }, settings(app));
  assert.deepEqual(user, { sub: 'alice', permissions: ['default:write'], renewed: 'alice' });
  await tab.evaluate((s) => { new UserManager(s).signoutRedirect(); }, settings(app));
  await tab.waitForURL(`${app}/`);
  assert.deepEqual(foreign, []);
  assert.deepEqual(problems, []);
  await context.close();
});

test('a page of another origin can neither log in nor read the provider', { timeout: 300_000 }, async () => {
  const tab = await browser.newPage();
  tab.setDefaultTimeout(120_000);
  await tab.goto(`${stranger}/`);
  const refused = await tab.evaluate(async (s) => {
    try {
      await new UserManager(s).signinRedirect();
      return 'a login was started';
    } catch (e) {
      return String(e);
    }
  }, settings(stranger));
  assert.match(refused, /Failed to fetch/);
  await tab.close();
});
