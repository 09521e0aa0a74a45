// Buys something in the shop and shows the receipt:
//
//	npm ci && npm run build
//	node dist/src/main.js grpc http://127.0.0.1:8080 token.jwt tea
//	node dist/src/main.js connect http://127.0.0.1:8081 token.jwt tea
import { createClient } from "@connectrpc/connect";
import { Shop } from "../gen/shop_pb.js";
import { bearer, tokenFile } from "./bearer.js";
import { transports } from "./transports.js";

const [transport, url, path, item] = process.argv.slice(2);
if (!item || !transports[transport]) {
  console.error(`usage: main.js TRANSPORT URL TOKEN-FILE ITEM; TRANSPORT is one of ${Object.keys(transports).join(", ")}`);
  process.exit(2);
}
const shop = createClient(Shop, transports[transport](url, [bearer(tokenFile(path))]));
const receipt = await shop.buy({ item });
const order = await shop.show(receipt); // the token in the receipt proves that the shop issued it
console.log(`${receipt.buyer} bought ${order.item}`);
