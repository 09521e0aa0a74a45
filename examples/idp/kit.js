// Starts jwtctl idp for the tests, and picks users on its login page.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const jwtctl = path.join(here, '..', '..', 'bin', 'jwtctl');

// Starts a provider with these flags, and returns its issuer and a function that ends it.
export function provider(...flags) {
  const child = spawn(jwtctl, ['idp', '-q', '--user', 'alice', '--permission', 'default:write', ...flags], { cwd: here, stdio: ['ignore', 'pipe', 'ignore'] });
  return new Promise((resolve, reject) => {
    let text = '';
    child.on('exit', (code) => reject(new Error(`jwtctl idp ended with ${code}`)));
    child.stdout.on('data', (data) => {
      text += data;
      const found = /Issuer: (\S+)\. Ctrl/.exec(text);
      if (found) resolve({ issuer: found[1], stop: () => child.kill() });
    });
  });
}

// Follows an authorization URL as a browser would, picks user on the page, and
// returns the URL of the application that the login ends at.
export async function login(url, user) {
  let response = await fetch(url, { redirect: 'manual' });
  const page = new URL(response.headers.get('location'), url);
  if (page.pathname !== '/login') return page; // an error for the application
  response = await fetch(page);
  assert.equal(response.status, 200);
  assert.match(await response.text(), new RegExp(`value="${user}"`));
  response = await fetch(new URL('/login', url), {
    method: 'POST', redirect: 'manual', body: new URLSearchParams({ id: page.searchParams.get('id'), user }),
  });
  assert.equal(response.status, 303);
  response = await fetch(new URL(response.headers.get('location'), url), { redirect: 'manual' });
  return new URL(response.headers.get('location'));
}
