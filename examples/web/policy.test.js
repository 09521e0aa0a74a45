// The page of "jwtctl explain --format html" and that of "jwtctl diff", in a real
// headless Chromium. Run by "npm test", after "make build".
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const here = path.dirname(fileURLToPath(import.meta.url));
const jwtctl = path.join(here, '..', '..', 'bin', 'jwtctl');
const fixtures = path.join(here, '..', '..', 'testdata', 'proto');
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const widths = [400, 1400];
const pages = {};
let dir, browser;

// services returns a file of this number of services with a protected and an open method.
function services(file, count) {
  let text = `syntax = "proto3";\npackage acme.part${file};\nimport "kalix/annotations.proto";\n`;
  for (let i = 0; i < count; i++) {
    text += `service Branch${i} {
  option (kalix.service).jwt = {validate: BEARER_TOKEN bearer_token_issuer: "issuer-${i % 7}"};
  rpc Place(Order${i}) returns (Order${i}) { option (kalix.method).jwt = {validate: BEARER_TOKEN validate: MESSAGE sign: MESSAGE static_claim: {claim: "role" value: "buyer"}}; }
  rpc List(Order${i}) returns (Order${i});
  ${i % 10 ? '' : `rpc Health(Order${i}) returns (Order${i}) { option (kalix.method).jwt = {}; }`}
}
message Order${i} {
  string token = 1 [(kalix.field).jwt = {token: true expires_seconds: 300}];
  string customer = 2 [(kalix.field).jwt = {claim: INCLUDE name: "sub"}];
  Address${i} address = 3 [(kalix.field).jwt = {claim: NEST}];
}
message Address${i} { string city = 1 [(kalix.field).jwt = {claim: INCLUDE}]; }
`;
  }
  return text;
}

function make(name, ...args) {
  pages[name] = path.join(dir, `${name}.html`);
  try {
    execFileSync(jwtctl, [...args, '--format', 'html', '-o', pages[name]], { cwd: dir, stdio: 'pipe' });
  } catch (error) {
    if (error.status !== 1) throw error; // diff exits 1 if something is weaker
  }
}

before(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'jwtctl-page-'));
  mkdirSync(path.join(dir, 'large'));
  for (let i = 0; i < 30; i++) writeFileSync(path.join(dir, 'large', `part${i}.proto`), services(i, 10));
  cpSync(fixtures, path.join(dir, 'old'), { recursive: true });
  cpSync(fixtures, path.join(dir, 'new'), { recursive: true });
  const token = path.join(dir, 'new', 'token.proto');
  writeFileSync(token, readFileSync(token, 'utf8').replace('expires_seconds: 300', 'expires_seconds: 3000').replace('issuer: "my-issuer"', 'issuer: "my-issuer" issuer: "third"'));
  make('small', 'explain', '--proto', path.join(fixtures, 'mixed.proto'));
  make('sample', 'explain', '--proto', fixtures);
  make('large', 'explain', '--proto', 'large');
  make('changes', 'diff', '--against', 'old', 'new');
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'], timeout: 120_000 });
}, { timeout: 300_000 });

after(async () => {
  await browser?.close();
  rmSync(dir, { recursive: true, force: true, maxRetries: 20 });
});

// open shows a page, and returns it with two lists that must stay empty: requests to
// other addresses and messages of the console.
async function open(name, options = {}) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(120_000);
  const tab = await context.newPage();
  const url = pathToFileURL(pages[name]).href;
  const faults = [];
  tab.on('console', (message) => faults.push(message.text()));
  tab.on('pageerror', (error) => faults.push(String(error)));
  tab.on('request', (request) => { if (request.url() !== url && !request.url().startsWith('data:,')) faults.push(request.url()); });
  await tab.goto(url);
  return { tab, faults, close: () => context.close() };
}

for (const name of ['small', 'sample', 'large', 'changes']) {
  for (const width of widths) {
    test(`${name} at ${width} pixels loads nothing else, and fits the window's width`, { timeout: 600_000 }, async () => {
      for (const colorScheme of ['light', 'dark']) {
        const { tab, faults, close } = await open(name, { viewport: { width, height: 900 }, colorScheme });
        assert.equal(await tab.evaluate(() => document.documentElement.scrollWidth - window.innerWidth), 0);
        if (process.env.SCREENSHOTS) await tab.screenshot({ path: path.join(process.env.SCREENSHOTS, `${name}-${width}-${colorScheme}.png`) });
        assert.deepEqual(faults, []);
        await close();
      }
    });
  }
}

// axe-core runs in a copy of the page without its policy, which forbids scripts.
for (const name of ['small', 'sample', 'changes']) {
  test(`${name} is accessible: contrast, names and order`, { timeout: 900_000 }, async () => {
    // Both widths and both color schemes; the larger page has each only once.
    for (const colorScheme of ['light', 'dark']) {
      for (const width of name === 'sample' ? [widths[colorScheme === 'dark' ? 1 : 0]] : widths) {
        const { tab, close } = await open(name, { viewport: { width, height: 900 }, colorScheme, bypassCSP: true });
        await tab.addStyleTag({ content: '.card { content-visibility: visible !important }' });
        await tab.evaluate(axe);
        const { violations, passes } = await tab.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
        assert.deepEqual(violations.map((v) => `${colorScheme} ${width} ${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.html.slice(0, 120)} ${n.failureSummary}`).join('; ')}`), []);
        assert.ok(passes.some((p) => p.id === 'color-contrast' && p.nodes.length > 20), 'contrast was measured');
        await close();
      }
    }
  });
}

test('without JavaScript everything works except the search', { timeout: 300_000 }, async () => {
  const { tab, faults, close } = await open('large', { javaScriptEnabled: false });
  assert.equal(await tab.locator('.search').isVisible(), false);
  const card = tab.locator('details').first();
  assert.equal(await card.locator('table').isVisible(), false);
  await card.locator('summary').click();
  assert.equal(await card.locator('table').isVisible(), true);
  const place = card.locator('a.place').first();
  const target = (await place.getAttribute('href')).slice(1);
  await place.click();
  assert.equal(await tab.locator(`[id="${target}"]`).isVisible(), true);
  assert.deepEqual(faults.filter((f) => !f.includes('script')), []);
  await close();
});

test('a link opens its card', { timeout: 300_000 }, async () => {
  const { tab, close } = await open('large');
  const link = tab.locator('#findings a[href^="#method-"]').first();
  const target = (await link.getAttribute('href')).slice(1);
  assert.equal(await tab.locator(`[id="${target}"] table`).isVisible(), false);
  await link.click();
  await tab.locator(`[id="${target}"] table`).waitFor({ state: 'visible' });
  await close();
});

test('the keyboard reaches everything', { timeout: 300_000 }, async () => {
  const { tab, close } = await open('small');
  await tab.keyboard.press('Tab');
  assert.equal(await tab.evaluate(() => document.activeElement.className), 'skip');
  const wanted = await tab.evaluate(() => document.querySelectorAll('a[href], summary, input, figure[tabindex="0"]').length);
  const seen = await tab.evaluate(() => { window.seen = new Set(); document.addEventListener('focusin', (e) => window.seen.add(e.target)); window.seen.add(document.activeElement); return window.seen.size; });
  assert.equal(seen, 1);
  for (let i = 0; i < wanted + 2; i++) await tab.keyboard.press('Tab');
  assert.equal(await tab.evaluate(() => window.seen.size - (window.seen.has(document.body) ? 1 : 0)), wanted);
  await tab.locator('summary').first().focus();
  const open1 = await tab.locator('details').first().evaluate((d) => d.open);
  await tab.keyboard.press('Enter');
  assert.equal(await tab.locator('details').first().evaluate((d) => d.open), !open1);
  await tab.keyboard.press('/');
  assert.equal(await tab.evaluate(() => document.activeElement.id), 'search');
  await close();
});

test('the search keeps cards with every word', { timeout: 300_000 }, async () => {
  const { tab, faults, close } = await open('large');
  const all = await tab.locator('.card').count();
  await tab.locator('#search').fill('branch3/health part7');
  await tab.waitForFunction((n) => document.querySelectorAll('.card:not([hidden])').length < n, all);
  await tab.locator('#search').fill('Branch0/Health PART7.');
  await tab.waitForFunction(() => document.querySelector('output').textContent !== '' && [...document.querySelectorAll('details.card:not([hidden])')].length > 0);
  const found = await tab.locator('details.card:not([hidden]) summary').allTextContents();
  assert.ok(found.length > 0 && found.length < 20, `${found.length} found`);
  assert.ok(found.some((text) => text.includes('acme.part7.Branch0/Health')), found.join());
  await tab.locator('#search').fill('there is no such thing');
  await tab.waitForFunction(() => !document.querySelector('.nothing').hidden);
  await tab.keyboard.press('Escape');
  await tab.waitForFunction((n) => document.querySelectorAll('.card:not([hidden])').length === n, all);
  assert.deepEqual(faults, []);
  await close();
});

test('print shows all facts, including those in closed cards', { timeout: 300_000 }, async () => {
  const { tab, close } = await open('small');
  await tab.locator('details').evaluateAll((list) => list.forEach((d) => { d.open = false; }));
  await tab.emulateMedia({ media: 'print' });
  assert.equal(await tab.locator('details table').first().isVisible(), true);
  assert.equal(await tab.locator('.search').isVisible(), false);
  await close();
});
