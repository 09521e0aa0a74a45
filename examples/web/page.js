// The code in the browser: both of connect-web's transports against --web, with
// the service known only from a descriptor set.
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';

const transports = { connect: createConnectTransport, 'grpc-web': createGrpcWebTransport };

// The result of a call: what arrived, or the name of its code.
async function outcome(call) {
  try {
    return await call();
  } catch (err) {
    return Code[ConnectError.from(err).code];
  }
}

globalThis.run = async (protocol, baseUrl, set) => {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, Uint8Array.from(atob(set), (c) => c.charCodeAt(0))));
  const client = createClient(registry.getService('com.example.JwtService'), transports[protocol]({ baseUrl }));
  const login = await outcome(() => client.login({ user: 'alice' }));
  if (!login.token) return { login };
  const headers = { authorization: `Bearer ${login.token}`, '_kalix-jwt-claim-sub': 'mallory' };
  const issued = [];
  for await (const m of client.issueMany({ msg: 'hello' }, { headers })) issued.push(m);
  return {
    user: login.user,
    issued: issued.length,
    withoutToken: await outcome(() => client.jwtInToken({ msg: 'hi' })),
    hello: (await client.jwtInToken({ msg: 'hi' }, { headers })).msg,
    redeemed: (await client.redeem(issued[0], { headers })).msg,
    forged: await outcome(() => client.redeem({ ...issued[0], myClaimField: 'more' }, { headers })),
  };
};
