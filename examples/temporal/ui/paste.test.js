// The blocks of README.md, pasted one after the other by a user who has only a
// clone and the temporal CLI: each runs unchanged and must print what the
// block below it shows. Run by "make temporal-ui".
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { chromium } from 'playwright-core';
import { Ended, eventually, here } from './kit.js';

const guide = readFileSync(path.join(here, 'README.md'), 'utf8').split('\n## From nothing to a login\n')[1].split('\n## ')[0];
const root = path.join(here, '..', '..', '..');
const home = mkdtempSync(path.join(tmpdir(), 'jwtctl-paste-'));
const terminals = [];

after(async () => {
  for (const { child } of terminals.toReversed()) if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGINT');
  await Promise.all(terminals.map((t) => t.ended));
  rmSync(home, { recursive: true, force: true, maxRetries: 20 });
});

// The numbered steps of the guide: their text, and the blocks in it.
function steps() {
  return guide.split(/\n(?=\*\*\d+\. )/).slice(1).map((text) => {
    const [, command, , output] = /```sh\n([\s\S]*?)```\n(```\n([\s\S]*?)```)?/.exec(text) ?? [];
    return { title: /\*\*(.*?)\*\*/.exec(text)[1], text, command, output: output?.trim() };
  });
}

// Pastes a block into a new terminal, and returns once it has written output, or
// has ended if it writes nothing.
async function paste({ title, command, output }, cwd, env) {
  const child = spawn('bash', ['-c', command], { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const terminal = { title, child, text: '', ended: new Promise((resolve) => child.on('exit', resolve)) };
  terminals.push(terminal);
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => { terminal.text += data; });
  if (!output) {
    assert.equal(await terminal.ended, 0, `${title}: ${terminal.text}`);
    return;
  }
  await eventually(title, () => {
    if (output.split('\n').every((line) => terminal.text.includes(line))) return true;
    if (child.exitCode !== null) throw new Ended(`${title}: ended with ${child.exitCode}: ${terminal.text}`);
    return undefined;
  }, 600);
}

test('the blocks of the guide lead from nothing to a login', { timeout: 1_800_000 }, async () => {
  const place = path.join(home, 'examples', 'temporal');
  cpSync(path.join(here, '..'), place, { recursive: true, filter: (f) => !/node_modules|key\.priv/.test(f) });
  const env = { ...process.env, HOME: home, GOBIN: path.join(home, 'bin'), PATH: `${home}/bin:${process.env.TEMPORAL_CLI}:${process.env.PATH}` };
  for (const name of Object.keys(env)) if (/^(JWTCTL|TEMPORAL)_/.test(name)) delete env[name];
  let pasted = 0;
  for (const step of steps()) {
    if (step.command) {
      await paste(step, pasted++ ? place : root, env);
      continue;
    }
    assert.match(step.title, /Log in/);
    await logIn(/Open (http:\S+), /.exec(step.text)[1], /pick `(\w+)`/.exec(step.text)[1]);
  }
  assert.equal(pasted, 8);
  for (const { title, child, text } of terminals) assert.ok(child.exitCode === null || child.exitCode === 0, `${title}: ${text}`);
});

// Logs in at the UI, and waits for the workflow that the starter ran.
async function logIn(url, user) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'], timeout: 120_000 });
  try {
    const tab = await browser.newPage();
    tab.setDefaultTimeout(120_000);
    await tab.goto(url);
    await tab.getByRole('button', { name: 'Continue to SSO' }).click();
    await tab.getByRole('button', { name: user }).click();
    await tab.getByText('1 Workflow').first().waitFor();
    await tab.getByText('Completed').first().waitFor();
  } finally {
    await browser.close();
  }
}
