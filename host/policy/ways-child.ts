// SPDX-License-Identifier: Apache-2.0
// The process in the jail that explains one policy (ways-house.ts): it shows the policy one batch after the
// other, and then says of each rule what it fired for, or what came nearest. Nothing bounds the policy's code
// but the host, which ends this process.
import { Socket } from "node:net";
import { CellEnd } from "../engine/cell-wire.js";
import { reasonOf } from "../reason.js";
import { openBatch } from "../wire/batch.js";
import { Search } from "./nearest.js";
import { PolicyWays } from "./ways.js";
import { type AskedBatch, cut, type FromWays, TOLD_MAX, type ToWays, told } from "./ways-messages.js";

/** Where the host put our end. */
const CHANNEL_FD = 3;

const channel = new Socket({ fd: CHANNEL_FD });
let searches: Search[] = [];
let work: Promise<void> = Promise.resolve();
const end = new CellEnd<ToWays, FromWays>(channel, (message) => {
  work = work
    .then(() => take(message))
    .catch((error: unknown) => end.say({ kind: "failed", reason: cut(reasonOf(error)) }));
});
channel.on("close", () => process.exit(0));

async function take(message: ToWays): Promise<void> {
  switch (message.kind) {
    case "policy": {
      const { policy } = message.traced;
      const ways = await PolicyWays.start(policy, message.traced);
      const all = policy.rules.flatMap(({ enabled }, index) => (enabled ? [new Search(ways.subject(index))] : []));
      searches = all.slice(0, TOLD_MAX.rules);
      return;
    }
    case "batch":
      return show(message.batch);
    case "end":
      return end.say({ kind: "explained", rules: told(searches.map((search) => search.result())) });
  }
}

function show({ bytes, container, chosen }: AskedBatch): void {
  const batch = openBatch(bytes);
  batch.container = container;
  const asked = new Set(chosen ?? batch.offsets);
  for (const search of searches) search.look(batch, asked);
}
