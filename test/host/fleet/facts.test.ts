// SPDX-License-Identifier: Apache-2.0
// Facts of several tasks: each comes to one place, is judged there once, and says one finding, whichever
// hosts are killed meanwhile. With Debian's nats-server and PostgreSQL, and `vedette judge` as it is
// installed.
// Time limit: 300 s.
import { once } from "node:events";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../../until.js";
import { type Fleet, inFleet, policy } from "./fleet.js";
import { expectedIds } from "./forwarded.js";
import { tellingPolicy } from "./told.js";

const TASKS = 5;
const telling = tellingPolicy(TASKS);

interface Row {
  readonly alert: { readonly rule: string; readonly output: string };
  readonly finding: { readonly event: { readonly source: string; readonly type: string } };
}

/** What the rule told of the facts, and how many other findings there are. */
async function told({ database, place }: Fleet): Promise<{ shared: Row[]; others: number }> {
  const rows = await database.sql(place, "SELECT doc FROM vedette.finding").catch(() => []);
  const all = rows.map(({ doc }) => doc as unknown as Row);
  const shared = all.filter(({ alert }) => alert.rule === "Shared");
  return { shared, others: all.length - shared.length };
}

test(
  "what some tasks have told and then others tell is one finding a key, across hosts that are killed in the middle",
  inFleet(async (fleet) => {
    const host = (): ReturnType<Fleet["host"]> => fleet.host("--policy", telling);
    const hosts = [await host(), await host()];
    const half = async (agents: Fleet["agents"]): Promise<void> => {
      for (let i = 0; i < 3; i++) for (const agent of agents) await fleet.send(agent, agent.block(agent.make(3)));
    };
    await half(fleet.agents.slice(0, TASKS - 1));
    for (const one of hosts) {
      one.kill("SIGKILL");
      await once(one, "exit");
      await host();
    }
    await half(fleet.agents.slice(TASKS - 1));
    const names = fleet.agents[0]!.batches.flatMap((_, batch) =>
      Array.from({ length: 20 }, (_, i) => `/x${batch * 20 + i + 1}`),
    );
    const others = (await expectedIds(policy, fleet.agents)).length;
    await until(
      "all are told",
      async () => {
        const now = await told(fleet);
        return now.shared.length >= names.length && now.others >= others;
      },
      { everyMs: 200, tell: () => fleet.said },
    );
    const now = await told(fleet);
    assert.is(now.others, others);
    const outputs = now.shared.map(({ alert }) => alert.output.replace(/^\S+ Warning /, ""));
    assert.equal(outputs.sort(), names.map((name) => `${name} file cat telling cat`).sort());
    const sources = fleet.agents.map(({ source }) => source);
    for (const { finding } of now.shared) {
      assert.is(finding.event.type, "vedette.fact");
      assert.ok(sources.includes(finding.event.source), "it is of the agent whose fact was the last that was needed");
    }
  }),
);

test.run();
