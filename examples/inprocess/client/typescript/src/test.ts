// Calls the servers that stdin names with tokens that they must accept or refuse.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { Shop } from "../gen/shop_pb.js";
import { bearer, tokenFile } from "./bearer.js";
import { transports } from "./transports.js";

type Wrong = { Name: string; Token: string; Status: number };
const given: { servers: Record<string, { url: string; transports: string[] }>; token: string; wrong: Wrong[] } = JSON.parse(await text(process.stdin));

const refused = (code: number, name: string) => (error: unknown) => {
  assert.equal(ConnectError.from(error).code, code, `${name}: ${error}`);
  return true;
};
const dir = mkdtempSync(join(tmpdir(), "shop-"));
let calls = 0;
try {
  for (const [server, { url, transports: names }] of Object.entries(given.servers)) {
    for (const name of names) {
      const where = `${server}, ${name}`;
      const path = join(dir, "token.jwt");
      const shop = createClient(Shop, transports[name](url, [bearer(tokenFile(path))]));
      for (const wrong of given.wrong) {
        if (wrong.Token === "") {
          const without = createClient(Shop, transports[name](url, []));
          await assert.rejects(without.buy({ item: "tea" }), refused(wrong.Status, `${where}: ${wrong.Name}`));
        } else {
          writeFileSync(path, wrong.Token);
          await assert.rejects(shop.buy({ item: "tea" }), refused(wrong.Status, `${where}: ${wrong.Name}`));
        }
        calls++;
      }
      writeFileSync(path, given.token + "\n"); // renewed: the next call has it
      const receipt = await shop.buy({ item: "tea" });
      assert.equal(receipt.buyer, "alice", where);
      assert.equal((await shop.show({ ...receipt, item: "" })).item, "tea", where); // filled in from the token
      await assert.rejects(shop.show({ ...receipt, item: "gold" }), refused(Code.PermissionDenied, where));
      const items: string[] = [];
      for await (const order of shop.watch({ item: "tea" })) items.push(order.item);
      assert.deepEqual(items, ["tea"], where);
      const open = createClient(Shop, transports[name](url, [bearer(() => "a.b.c")]));
      await assert.rejects(async () => { for await (const _ of open.watch({ item: "tea" })); }, refused(Code.Unauthenticated, where));
      calls += 5;
    }
  }
} finally {
  rmSync(dir, { recursive: true });
}
console.log(`${calls} calls`);
