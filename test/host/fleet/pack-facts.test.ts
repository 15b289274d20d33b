// SPDX-License-Identifier: Apache-2.0
// The pack's rules about several tasks, in a pool of judges: what tasks do, each a little, is one finding.
// With Debian's nats-server and PostgreSQL, and `vedette judge` as it is installed.
// Time limit: 120 s.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { encodeBlock } from "../../../host/fleet/block.js";
import { BatchBuilder, type RecordOptions, type Slots } from "../../../host/wire/builder.js";
import { until } from "../../until.js";
import { type Fleet, inFleet, PARTITIONS } from "./fleet.js";
import { CONTAINER, ForwardedAgent } from "./forwarded.js";

const CREDENTIALS = "credential-access/credentials-in-several-tasks";
const RULES: Readonly<Record<string, string>> = {
  "Several services contact one new address": "198.51.100.7",
  "Credentials of one task in several": "ASIAIOSFODNN7EXAMPLE",
  "Unknown program in several tasks": "/tmp/.x",
};
const BEGUN_NS = BigInt(Date.now() - 1_800_000) * 1_000_000n;
const SECOND_NS = 1_000_000_000n;
const DAY_S = 24 * 3_600;
const KNOWN = 40;
const IPV4 = 2;
/** EXE_UPPER_LAYER of flags.yaml. */
const UPPER_LAYER = 2;

/** A task of a service of its own that does things, a block for each. */
class Task {
  readonly #agent: ForwardedAgent;
  readonly #number: number;
  readonly #fleet: Fleet;
  #seq = 0;

  constructor(fleet: Fleet, number: number) {
    this.#fleet = fleet;
    this.#number = number;
    this.#agent = new ForwardedAgent(number, PARTITIONS, "shop");
  }

  /** `at`: seconds of the events' time. */
  async does(at: number, event: string, process: Slots, more: RecordOptions = {}): Promise<void> {
    const { source, task, tenant } = this.#agent;
    const seq = ++this.#seq;
    const time = BEGUN_NS + SECOND_NS * BigInt(at);
    const builder = new BatchBuilder({ source: Buffer.from(source, "hex"), seq, first: seq, clock: time });
    const own = builder.process({ pid: 7, name: "x", exepath: "/x", container_id: `c${this.#number}`, ...process });
    const bytes = builder.record(event, { process: own, tid: 7, time, ...more }).bytes();
    const container = { ...CONTAINER, id: `c${this.#number}`, taskArn: task, taskFamily: `family-${this.#number}` };
    const origin = { sender: { tenant, task, source, version: "1" }, host: `h${this.#number}`, container };
    await this.#fleet.send(this.#agent, encodeBlock(origin, [{ bytes, kept: null }]));
  }

  connects(at: number, address: string): Promise<void> {
    const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
    const addr = Uint8Array.of(IPV4, 0, 1, 187, a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0);
    return this.does(at, "connect", {}, { fd: 3, params: { addr } });
  }
}

test(
  "an address that services contact, credentials and a program that tasks share are one finding each",
  inFleet(async (fleet) => {
    const pack = ["command-and-control/contact-of-several-services", CREDENTIALS, "execution/program-in-several-tasks"];
    await fleet.host(...pack.flatMap((folder) => ["--policy", `policies/${folder}`]));
    const tasks = [40, 41, 42, 43].map((number) => new Task(fleet, number));
    const [one, two, three, four] = tasks as [Task, Task, Task, Task];
    // Each partition of facts learns from its first one on.
    for (let i = 1; i <= KNOWN; i++) await one.connects(-DAY_S - 600, `203.0.113.${i}`);
    const areLearnt = async (): Promise<boolean> =>
      (await fleet.health("/metrics")).includes(`vedette_pool_facts_judged_total ${KNOWN}\n`);
    await until("they are learnt", areLearnt, { everyMs: 200, tell: () => fleet.said });
    const dropped = { exepath: "/tmp/.x", exe_flags: UPPER_LAYER };
    for (const [i, task] of tasks.entries()) {
      await task.connects(10 + i, "198.51.100.7");
      await task.connects(10 + i, "10.0.0.9");
      await task.does(20 + i, "execve", { exepath: "/bin/sh" });
    }
    const key = { exepath: "/usr/bin/aws", env: ["HOME=/", "AWS_ACCESS_KEY_ID=ASIAIOSFODNN7EXAMPLE"] };
    await one.does(30, "execve", key);
    await three.does(31, "execve", key);
    await two.does(32, "execve", { ...key, env: ["AWS_ACCESS_KEY_ID=ASIAIOSFODNN7ANOTHER"] });
    await two.does(33, "execve", dropped);
    await four.does(34, "execve", dropped);
    const told = async (): Promise<string[]> => {
      const rows = await fleet.database.sql(fleet.place, "SELECT doc FROM vedette.finding").catch(() => []);
      return rows.flatMap(({ doc }) => {
        const { rule, output } = (doc as unknown as { alert: { rule: string; output: string } }).alert;
        return RULES[rule] === undefined ? [] : [`${rule}: ${output.includes(RULES[rule])}`];
      });
    };
    const expected = Object.keys(RULES).map((rule) => `${rule}: true`);
    let now: string[] = [];
    const areTold = async (): Promise<boolean> => {
      now = await told();
      return now.length >= expected.length;
    };
    await until("all are told", areTold, { everyMs: 200, tell: () => `${now.join("; ")} ${fleet.said}` });
    assert.equal(now.sort(), expected.sort());
  }),
);

test.run();
