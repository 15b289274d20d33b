// SPDX-License-Identifier: Apache-2.0
// The process in the jail that explains one policy (ways-house.ts): it shows the policy one batch after the
// other, and then says of each rule what it fired for, or what came nearest. Nothing bounds the policy's code
// but the host, which ends this process.
import { Socket } from "node:net";
import { CellEnd } from "../engine/cell-wire.js";
import { reasonOf } from "../reason.js";
import { openBatch } from "../wire/batch.js";
import { type Explained, Search, type ToldTerm } from "./nearest.js";
import { PolicyWays } from "./ways.js";
import { type AskedBatch, type FromWays, TOLD_MAX, type ToWays } from "./ways-messages.js";

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
      return end.say({ kind: "explained", rules: searches.map((search) => told(search.result())) });
  }
}

function show({ bytes, container, chosen }: AskedBatch): void {
  const batch = openBatch(bytes);
  batch.container = container;
  const asked = new Set(chosen ?? batch.offsets);
  for (const search of searches) search.look(batch, asked);
}

function told({ nearest, ...rest }: Explained): Explained {
  const shown = nearest.slice(0, TOLD_MAX.nearest).map(({ line, terms, ...one }) => ({
    ...one,
    line: line.slice(0, TOLD_MAX.line),
    terms: terms.slice(0, TOLD_MAX.terms).map(toldTerm),
  }));
  return { ...rest, rule: cut(rest.rule), nearest: shown };
}

function toldTerm({ term, is, values, at = "" }: ToldTerm): ToldTerm {
  const some = Object.entries(values).slice(0, TOLD_MAX.values);
  const cutValues = some.map(([name, value]) => [cut(name), value === null ? null : cut(value)] as const);
  return { term: cut(term), is, values: Object.fromEntries(cutValues), at: cut(at) };
}

function cut(text: string): string {
  return text.slice(0, TOLD_MAX.text);
}
