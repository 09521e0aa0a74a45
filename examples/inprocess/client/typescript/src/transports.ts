import type { Interceptor, Transport } from "@connectrpc/connect";
import * as node from "@connectrpc/connect-node";
import * as web from "@connectrpc/connect-web";

// transports call a server at a URL: three protocols over Node's HTTP, and
// two over fetch, like in a browser.
export const transports: Record<string, (baseUrl: string, interceptors: Interceptor[]) => Transport> = {
  grpc: (baseUrl, interceptors) => node.createGrpcTransport({ baseUrl, interceptors }),
  connect: (baseUrl, interceptors) => node.createConnectTransport({ baseUrl, interceptors, httpVersion: "2" }),
  "grpc-web": (baseUrl, interceptors) => node.createGrpcWebTransport({ baseUrl, interceptors, httpVersion: "1.1" }),
  "connect by fetch": (baseUrl, interceptors) => web.createConnectTransport({ baseUrl, interceptors }),
  "grpc-web by fetch": (baseUrl, interceptors) => web.createGrpcWebTransport({ baseUrl, interceptors }),
};
