// connect-web in a real headless Chromium, through jwtctl proxy --web, to the
// server of examples/proxy. Run by "npm test", after "make build tools".
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import esbuild from 'esbuild';
import { chromium } from 'playwright-core';

const here = path.dirname(fileURLToPath(import.meta.url));
const example = path.join(here, '..', 'proxy');
const bin = path.join(here, '..', '..', 'bin');
const jwtctl = path.join(bin, 'jwtctl');
const started = [];
let dir, set, script, web, origin, stranger, browser;

// Starts a program and returns the match of pattern in its output.
function start(pattern, program, args, env = {}) {
  const child = spawn(program, args, { cwd: dir, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  started.push(child);
  return new Promise((resolve, reject) => {
    let text = '';
    child.on('exit', (code) => reject(new Error(`${program} ended with ${code}: ${text}`)));
    child.stdout.on('data', (data) => {
      text += data;
      const found = pattern.exec(text);
      if (found) resolve(found[1]);
    });
  });
}

// Serves an empty page, and returns its origin.
function page() {
  const server = createServer((_, response) => response.setHeader('content-type', 'text/html').end(`<script>${script}</script>`));
  started.push({ kill: () => server.close() });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`)));
}

before(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'jwtctl-web-'));
  const roots = ['-I', path.join(example, 'proto'), '-I', path.join(example, 'schema')];
  execFileSync('protoc', [...roots, '--include_imports', '-o', path.join(dir, 'set.binpb'), 'com/example/jwt_service.proto']);
  set = readFileSync(path.join(dir, 'set.binpb')).toString('base64');
  const built = await esbuild.build({ entryPoints: [path.join(here, 'page.js')], bundle: true, write: false, format: 'iife' });
  script = built.outputFiles[0].text;
  [origin, stranger] = [await page(), await page()];
  execFileSync(jwtctl, ['keygen', '-q', '-o', path.join(dir, 'key.priv.pem')]);
  const upstream = await start(/(127\.0\.0\.1:\d+)/, 'node', [path.join(example, 'server', 'server.js'), '127.0.0.1:0'], { NODE_PATH: path.join(bin, 'proxy-example', 'node_modules') });
  web = await start(/and (\S+) \(web\)/, jwtctl, ['proxy', '--upstream', upstream, '--web', '127.0.0.1:0', '--web-origin', origin,
    '--proto-path', path.join(example, 'proto'), '--proto', path.join(example, 'proto', 'com', 'example', 'jwt_service.proto')]);
  browser = await chromium.launchPersistentContext(path.join(dir, 'profile'), {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    timeout: 120_000,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  browser.setDefaultTimeout(120_000);
}, { timeout: 600_000 });

after(async () => {
  await browser?.close();
  for (const child of started) child.kill();
  rmSync(dir, { recursive: true, force: true, maxRetries: 20 });
});

async function run(from, protocol) {
  const tab = await browser.newPage();
  try {
    await tab.goto(from);
    return await tab.evaluate(([p, url, s]) => globalThis.run(p, url, s), [protocol, `http://${web}`, set]);
  } finally {
    await tab.close();
  }
}

for (const protocol of ['connect', 'grpc-web']) {
  test(`${protocol} in Chromium gets the decisions of gRPC`, { timeout: 300_000 }, async () => {
    assert.deepEqual(await run(origin, protocol), {
      user: 'alice', issued: 3, withoutToken: 'Unauthenticated', hello: 'Hello alice: hi', redeemed: 'Redeemed by alice', forged: 'PermissionDenied',
    });
  });

  test(`${protocol} from an unlisted origin is refused`, { timeout: 300_000 }, async () => {
    assert.deepEqual(await run(stranger, protocol), { login: 'Unknown' });
  });
}

test('curl can call too', () => {
  const login = JSON.parse(execFileSync('curl', ['-s', '--json', '{"user":"bob"}', `http://${web}/com.example.JwtService/Login`]));
  assert.match(login.token, /^eyJ/);
  const hello = JSON.parse(execFileSync('curl', ['-s', '--json', '{"msg":"hi"}', '-H', `authorization: Bearer ${login.token}`, `http://${web}/com.example.JwtService/JwtInToken`]));
  assert.equal(hello.msg, 'Hello bob: hi');
});
