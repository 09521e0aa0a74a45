// Starts the programs that the Web UI needs, as users run them: jwtctl idp, a
// Temporal server with its keys and ours, a worker, the UI. "make temporal-ui"
// builds them into bin/temporal.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const here = path.dirname(fileURLToPath(import.meta.url));
const bin = path.join(here, '..', '..', '..', 'bin');
const program = (name) => path.join(bin, name === 'jwtctl' ? name : `temporal/${name}`);

// Ended is thrown when a program ends that must keep running.
export class Ended extends Error {}

// Polls until check returns something other than undefined, and returns it. What
// check throws counts as "not yet", except an Ended.
export async function eventually(what, check, seconds = 180) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    let last;
    try {
      const value = await check();
      if (value !== undefined) return value;
    } catch (e) {
      if (e instanceof Ended) throw e;
      last = e;
    }
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} seconds: ${last?.message}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

// Returns this number of different free ports.
export async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map((server) => new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

// Stage is a folder with key.priv.pem in which programs run until end.
export class Stage {
  constructor() {
    this.dir = mkdtempSync(path.join(tmpdir(), 'jwtctl-ui-'));
    this.children = [];
    this.env = { PATH: process.env.PATH, HOME: this.dir };
  }

  write(name, text) {
    writeFileSync(path.join(this.dir, name), text);
  }

  // Runs a program to its end and returns its output.
  run(name, ...args) {
    return this.ends(0, name, ...args);
  }

  // The same for a program that must end with this exit code.
  ends(code, name, ...args) {
    const { status, stdout, stderr } = spawnSync(program(name), args, { cwd: this.dir, env: this.env, encoding: 'utf8', timeout: 300_000 });
    assert.equal(status, code, `${name} ${args[0]}: ${stderr}`);
    return stdout;
  }

  // Starts a program and returns the match of ready in its output, once there is one.
  async start(name, ready, args, env = {}) {
    const child = spawn(program(name), args, { cwd: this.dir, env: { ...this.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = new Promise((resolve) => child.on('exit', resolve));
    this.children.push({ child, ended });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => { text += data; });
    const match = await eventually(`${name} ready`, () => {
      const found = ready.exec(text);
      if (!found && child.exitCode !== null) throw new Ended(`${name} ended with ${child.exitCode}: ${text}`);
      return found ?? undefined;
    });
    return { match, output: () => text, stop: () => { child.kill('SIGINT'); return ended; } };
  }

  async end() {
    for (const { child } of this.children.reverse()) child.kill('SIGINT');
    await Promise.all(this.children.map((c) => c.ended));
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 20 });
  }

  // Starts the Web UI like its container does, only on 127.0.0.1, and returns its URL.
  async webUI(port, variables) {
    const config = path.join(this.dir, `ui-${port}`);
    mkdirSync(config);
    writeFileSync(path.join(config, 'base.yaml'), 'host: 127.0.0.1\n');
    symlinkSync(path.join(process.env.UI_SERVER, 'config', 'docker.yaml'), path.join(config, 'docker.yaml'));
    const ui = await this.start('ui', /http server started on/, ['--config', config, '--root', '/', '--env', 'docker', 'start'],
      { TEMPORAL_UI_PORT: `${port}`, TEMPORAL_DISABLE_NEWS_FETCH: 'true', ...variables });
    return { ...ui, url: `http://127.0.0.1:${port}` };
  }
}
