// SPDX-License-Identifier: Apache-2.0
// A pool of judges: what tasks forward is judged once, and each finding is in the store once, with the name
// that the task's own sidecar gives it, whatever is killed or stopped meanwhile. With Debian's nats-server
// and PostgreSQL, and `vedette judge` as it is installed.
// Time limit: 300 s.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NatsBus } from "../../../host/fleet/nats-bus.js";
import { loadPolicies } from "../../../host/policy/load.js";
import { openTenant } from "../../../host/policy/tenants.js";
import { scratch, VEDETTE } from "../../e2e/programs.js";
import { until } from "../../until.js";
import { NatsServer, missing as natsMissing } from "../output/nats-server.js";
import { missing, PostgresServer } from "../store/postgres-server.js";
import { countingPolicy, expectedIds, expectedOf, ForwardedAgent } from "./forwarded.js";

if (natsMissing !== null || missing !== null) throw new Error(`it needs ${natsMissing ?? missing}`);

const PARTITIONS = 4;
/** Between two rounds of a load that goes on meanwhile. */
const PACE_MS = 50;
const NEVER = new AbortController().signal;
const policy = countingPolicy();

/** A bus, a database, agents, and hosts of a pool that come and go. */
class Fleet {
  readonly nats: NatsServer;
  readonly database: PostgresServer;
  readonly place: string;
  readonly agents = Array.from({ length: 8 }, (_, number) => new ForwardedAgent(number, PARTITIONS));
  readonly #bus: NatsBus;
  readonly hosts: ChildProcess[] = [];
  said = "";
  /** Where the host answers that was started last. */
  socket = "";

  static async start(): Promise<Fleet> {
    const [nats, database] = [await NatsServer.start("max_payload: 2MB\n"), await PostgresServer.start()];
    return new Fleet(nats, database, await database.database());
  }

  private constructor(nats: NatsServer, database: PostgresServer, place: string) {
    [this.nats, this.database, this.place] = [nats, database, place];
    this.#bus = new NatsBus({ url: nats.url });
  }

  /** Waits until the bus has it. */
  async send(agent: ForwardedAgent, block: Buffer, subject = agent.subject): Promise<void> {
    const { stream } = agent;
    const form = { name: stream, subjects: [`vd.b.*.${stream.slice(3)}.*`], maxAgeMs: 3_600_000, maxBytes: 64 << 20 };
    await until("the bus takes it", async () => {
      try {
        await this.#bus.ensure(form, NEVER);
        return (await this.#bus.publish(subject, block, NEVER)) > 0;
      } catch {
        return false;
      }
    });
  }

  /** Each agent sends so many blocks of three batches. */
  async load(blocks: number): Promise<void> {
    for (let i = 0; i < blocks; i++)
      await Promise.all(this.agents.map((agent) => this.send(agent, agent.block(agent.make(3)))));
  }

  async host(...more: string[]): Promise<ChildProcess> {
    const socket = `${scratch()}/http`;
    this.socket = socket;
    const [command = "", ...first] = VEDETTE;
    const words = ["--bus", this.nats.url, "--store", this.place, "--policy", policy];
    const all = [...first, "judge", ...words, "--partitions", String(PARTITIONS), "--http", `unix:${socket}`, ...more];
    const child = spawn(command, all, { stdio: ["ignore", "ignore", "pipe"] });
    child.stderr!.setEncoding("utf8").on("data", (part: string) => (this.said += part));
    this.hosts.push(child);
    const before = this.said.length;
    const isThere = () => this.said.slice(before).includes("judging") || child.exitCode !== null;
    await until("it judges", isThere, { tell: () => this.said });
    assert.is(child.exitCode, null, this.said);
    return child;
  }

  /** The rows of leases: who owns each partition. */
  async owners(): Promise<(string | null)[]> {
    const rows = new Map<string, string>();
    for (const { subject, body } of await this.nats.stored("KV_VD_LEASE").catch(() => [])) rows.set(subject, body);
    return [...rows].flatMap(([subject, body]) => (/\.p\.\d+$/.test(subject) ? [JSON.parse(body).owner] : []));
  }

  /** So many hosts share all partitions, each as many. */
  async shared(hosts: number): Promise<void> {
    await until(
      `${hosts} hosts share the partitions`,
      async () => {
        const owners = await this.owners();
        const of = owners.map((owner) => owners.filter((one) => one === owner).length);
        return owners.length === PARTITIONS && !owners.includes(null) && of.every((one) => one === PARTITIONS / hosts);
      },
      { everyMs: 100, tell: () => this.said },
    );
  }

  /** So many hosts own all partitions. */
  async owned(hosts: number): Promise<void> {
    await until(
      `${hosts} hosts own the partitions`,
      async () => {
        const owners = await this.owners();
        return owners.length === PARTITIONS && !owners.includes(null) && new Set(owners).size === hosts;
      },
      { everyMs: 100, tell: () => this.said },
    );
  }

  /** What the host says of itself: status and text. */
  health(path = "/healthz"): Promise<string> {
    return new Promise((done, failed) => {
      const asked = request({ socketPath: this.socket, path }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => (text += part));
        response.on("end", () => done(`${response.statusCode} ${text.trim()}`));
      });
      asked.on("error", failed).end();
    });
  }

  /** It says so. */
  async says(what: RegExp): Promise<void> {
    let said = "";
    const isSo = async (): Promise<boolean> => {
      said = await this.health();
      return what.test(said);
    };
    await until(`its health is ${what}`, isSo, { everyMs: 100, tell: () => said });
  }

  async stored(): Promise<string[]> {
    const rows = await this.database.sql(this.place, "SELECT id::text AS id FROM vedette.finding").catch(() => []);
    return rows.map(({ id }) => String(id)).sort();
  }

  /** All that agents made has been judged: the store has it, each once. */
  async settle(): Promise<void> {
    await this.stores(await expectedIds(policy, this.agents));
  }

  /** The store has these, each once, and no others. */
  async stores(expected: readonly string[]): Promise<void> {
    let stored: string[] = [];
    const areStored = async (): Promise<boolean> => {
      stored = await this.stored();
      return stored.length >= expected.length;
    };
    await until("all findings are stored", areStored, {
      tell: () => `${stored.length} of ${expected.length}; ${this.said}`,
      everyMs: 100,
    });
    assert.is(new Set(expected).size, expected.length);
    assert.equal(stored, expected);
  }

  async end(): Promise<void> {
    await this.#bus.close();
    for (const host of this.hosts)
      if (host.exitCode === null && host.signalCode === null) {
        host.kill("SIGKILL");
        await once(host, "exit");
      }
    await Promise.all([this.nats.end(), this.database.end()]);
  }
}

const inFleet = (work: (fleet: Fleet) => Promise<void>) => async () => {
  const fleet = await Fleet.start();
  try {
    await work(fleet);
  } finally {
    await fleet.end();
  }
};

test(
  "what eight tasks forward is judged once, and a host that is ended in order loses and repeats nothing",
  inFleet(async (fleet) => {
    await fleet.load(5);
    const first = await fleet.host();
    await fleet.settle();
    first.kill("SIGTERM");
    assert.equal(await once(first, "exit"), [0, null], fleet.said);
    await fleet.load(3);
    await fleet.host();
    await fleet.settle();
  }),
);

test(
  "hosts share the partitions, and one that is killed, one that is frozen, the bus and the database lose and repeat nothing",
  inFleet(async (fleet) => {
    await fleet.load(1);
    const [first, second] = [await fleet.host(), await fleet.host()];
    await fleet.shared(2);
    const whileLoaded = async (work: () => Promise<void>): Promise<void> => {
      let isOver = false;
      const working = work().finally(() => (isOver = true));
      for (; !isOver; await sleep(PACE_MS)) await fleet.load(1);
      await working;
    };
    await whileLoaded(async () => {
      first.kill("SIGKILL");
      await once(first, "exit");
      await fleet.owned(1);
    });
    const third = await fleet.host();
    await fleet.shared(2);
    second.kill("SIGSTOP");
    await whileLoaded(() => fleet.owned(1));
    second.kill("SIGCONT");
    await fleet.shared(2);
    await whileLoaded(async () => {
      await fleet.nats.kill();
      await fleet.nats.resume();
    });
    await fleet.database.kill("SIGSTOP");
    await fleet.load(3);
    await fleet.database.kill("SIGCONT");
    await fleet.database.kill();
    await fleet.load(3);
    await fleet.database.resume();
    await fleet.shared(2);
    await fleet.settle();
    third.kill("SIGTERM");
    assert.equal(await once(third, "exit"), [0, null], fleet.said);
    console.log(`${fleet.agents[0]!.batches.length * 8} batches of 8 tasks`);
  }),
);

test(
  "H85: a tenant's policies of --policies-d judge its own tasks in every partition, and a new version goes on with its memory",
  inFleet(async (fleet) => {
    const folder = scratch();
    const [watched, file, alerts] = ["policies.d", "tenants.yaml", "red.json"].map((name) => join(folder, name));
    const own = join(watched!, "red", "counting");
    cpSync(policy, own, { recursive: true });
    writeFileSync(file!, JSON.stringify({ tenants: { red: { alerts, limits: { alert_burst: 5000 } }, blue: {} } }));
    const agents = ["red", "red", "blue"].map((tenant, i) => new ForwardedAgent(20 + i, PARTITIONS, tenant));
    const send = async (): Promise<void> => {
      for (const agent of agents) await fleet.send(agent, agent.block(agent.make(3)));
    };
    const { tenancy } = openTenant("red");
    const loaded = (await loadPolicies([policy])).map((one) => ({ ...one, tenancy }));
    const ofRed = (): Promise<string[]> => expectedOf(loaded, agents.slice(0, 2));
    const all = async (): Promise<string[]> => [...(await expectedIds(policy, agents)), ...(await ofRed())].sort();
    await send();
    const host = await fleet.host("--policies-d", watched!, "--tenants", file!);
    await fleet.stores(await all());
    const yaml = join(own, "policy.yaml");
    writeFileSync(yaml, readFileSync(yaml, "utf8").replace("1.0.0", "2.0.0"));
    await until("the new version judges", () => fleet.said.includes("policy red/counting replaced"), {
      tell: () => fleet.said,
    });
    await send();
    await fleet.stores(await all());
    host.kill("SIGTERM");
    assert.equal(await once(host, "exit"), [0, null], fleet.said);
    const told = readFileSync(alerts!, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).output);
    assert.is(told.length, (await ofRed()).length, "red's file has what red's policy found, and nothing else");
    assert.not.match(fleet.said, /begins with no memory/);
  }),
);

test(
  "a host that cannot reach the bus or the store is unhealthy and says why, until it can",
  inFleet(async (fleet) => {
    await fleet.load(1);
    await fleet.host();
    await fleet.settle();
    await fleet.says(/^200 ok$/);
    await fleet.nats.kill();
    await fleet.says(/^503 the bus has not answered for \d+ s$/);
    assert.match(await fleet.health("/api/v1/health"), /^503 .*"problem": "the bus has not answered/s);
    await fleet.nats.resume();
    await fleet.says(/^200 ok$/);
    await fleet.database.kill("SIGSTOP");
    await fleet.load(1);
    await fleet.says(/^503 the store has taken nothing for \d+ s$/);
    await fleet.database.kill("SIGCONT");
    await fleet.says(/^200 ok$/);
    await fleet.settle();
  }),
);

test.run();
