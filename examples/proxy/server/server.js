// A gRPC service that knows nothing about JWTs; jwtctl proxy runs in front of it.
// Usage: node server.js [HOST:PORT]. It prints the address it listens on.
const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const root = path.join(__dirname, '..');
const definition = loader.loadSync('com/example/jwt_service.proto', {
  includeDirs: [path.join(root, 'proto'), path.join(root, 'schema')],
  keepCase: true,
  longs: String,
});

// The caller is in the metadata: the claims of the verified bearer token.
const caller = (call) => call.metadata.get('_kalix-jwt-claim-sub')[0];

// The response contains what arrived.
const answer = (call, msg, received) => ({ msg, metadata: call.metadata.getMap(), received });

// The signer replaces the tokens, and clears the RAW claims.
const message = (call, msg) => ({
  my_claim_field: msg,
  my_extracted_field: '9007199254740993',
  my_raw_claims: { team: 'blue' },
  my_child_messages: [{ name: 'first' }, { name: 'second' }],
});

const service = {
  Login: (call, done) => done(null, { user: call.request.user, roles: ['admin', 'editor'] }),

  JwtInToken: (call, done) => {
    if (call.request.msg === 'sorry') return done(sorry());
    const header = new grpc.Metadata();
    header.set('x-served-by', 'node');
    call.sendMetadata(header);
    const trailer = new grpc.Metadata();
    trailer.set('x-cost', '3');
    done(null, answer(call, `Hello ${caller(call)}: ${call.request.msg}`), trailer);
  },

  Issue: (call, done) => done(null, message(call, call.request.msg)),

  IssueMany: (call) => {
    for (let i = 1; i <= 3; i++) call.write(message(call, `${call.request.msg} ${i}`));
    call.end();
  },

  Redeem: (call, done) => done(null, answer(call, `Redeemed by ${caller(call)}`, call.request)),

  RedeemMany: (call) => {
    call.on('data', (received) => call.write(answer(call, `Redeemed by ${caller(call)}`, received)));
    call.on('end', () => call.end());
  },
};

// An error with a trailer, and with details: a google.rpc.Status that holds a
// MyRequest, written by hand.
function sorry() {
  const field = (number, bytes) => Buffer.concat([Buffer.from([number << 3 | 2, bytes.length]), Buffer.from(bytes)]);
  const any = Buffer.concat([field(1, 'type.googleapis.com/com.example.MyRequest'), field(2, field(1, 'why not'))]);
  const metadata = new grpc.Metadata();
  metadata.set('x-retry-in', '5s');
  metadata.set('grpc-status-details-bin', Buffer.concat([Buffer.from([8, grpc.status.ABORTED]), field(2, 'not today'), field(3, any)]));
  return { code: grpc.status.ABORTED, details: 'not today', metadata };
}

// The service, and a line for each call that gets here.
const logged = Object.fromEntries(Object.entries(service).map(([name, serve]) => [name, (...call) => {
  console.log(`Serving ${name}`);
  serve(...call);
}]));

const server = new grpc.Server();
server.addService(definition['com.example.JwtService'], logged);
server.bindAsync(process.argv[2] ?? '127.0.0.1:9000', grpc.ServerCredentials.createInsecure(), (err, port) => {
  if (err) throw err;
  console.log(`Listening on 127.0.0.1:${port}`);
});
