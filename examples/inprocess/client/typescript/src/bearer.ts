import { readFile } from "node:fs/promises";
import type { Interceptor } from "@connectrpc/connect";

// bearer sends a token with each call. It calls token each time, so that it always sends
// the newest one.
export function bearer(token: () => string | Promise<string>): Interceptor {
  return (next) => async (request) => {
    request.header.set("Authorization", `Bearer ${await token()}`);
    return next(request);
  };
}

// tokenFile reads the token from a file that another program keeps fresh, such as jwtctl
// token --refresh.
export function tokenFile(path: string): () => Promise<string> {
  return async () => {
    const token = (await readFile(path, "utf8")).trim();
    if (!token || /\s/.test(token)) {
      throw new Error(`${path} does not contain exactly one token`);
    }
    return token;
  };
}
