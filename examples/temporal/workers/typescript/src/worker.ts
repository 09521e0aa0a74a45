// A Temporal worker whose token is renewed while it runs, from a file such as
// the one that `jwtctl token --refresh` updates.
import { readFile } from 'node:fs/promises';
import { NativeConnection, Worker } from '@temporalio/worker';

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

const readToken = async () => (await readFile(setting('TOKEN_FILE'), 'utf8')).trim();
const metadata = (token: string) => ({ authorization: `Bearer ${token}` });

// logToken logs the ID of the token's key: never the token itself.
function logToken(token: string): void {
  const header = JSON.parse(Buffer.from(token.split('.')[0], 'base64url').toString());
  console.error(`new token, kid=${header.kid}`);
}

async function main(): Promise<void> {
  let token = await readToken();
  logToken(token);
  const connection = await NativeConnection.connect({
    address: setting('TEMPORAL_ADDRESS'),
    metadata: metadata(token),
  });
  const keeper = setInterval(async () => {
    try {
      const next = await readToken();
      if (next === token) return;
      await connection.setMetadata(metadata(next));
      token = next;
      logToken(token);
    } catch (err) {
      console.error('making a new token failed, keeping the old one:', err);
    }
  }, 500);
  try {
    const worker = await Worker.create({
      connection,
      taskQueue: 'jwtctl-greeting',
      workflowsPath: require.resolve('./workflows'),
      activities: { Activity: async (name: string) => `Hello ${name}!` },
    });
    await worker.run(); // until SIGINT or SIGTERM
  } finally {
    clearInterval(keeper);
    await connection.close();
  }
}

main().catch((err) => {
  console.error(err);
  process.exit(1);
});
