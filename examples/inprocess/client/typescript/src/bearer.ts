import { readFile } from "node:fs/promises";
import type { Interceptor } from "@connectrpc/connect";

// bearer sends a token with each call. It asks for it each time, so that a token that was
// renewed meanwhile counts.
export function bearer(token: () => string | Promise<string>): Interceptor {
  return (next) => async (request) => {
    request.header.set("Authorization", `Bearer ${await token()}`);
    return next(request);
  };
}

// tokenFile reads the token in a file that somebody keeps fresh, such as jwtctl token
// --refresh.
export function tokenFile(path: string): () => Promise<string> {
  return async () => {
    const token = (await readFile(path, "utf8")).trim();
    if (!token || /\s/.test(token)) {
      throw new Error(`${path} does not hold one token alone`);
    }
    return token;
  };
}
