// SPDX-License-Identifier: Apache-2.0
// A fleet of one machine for tests: Debian's nats-server and PostgreSQL, agents of eight tasks made by hand,
// and `vedette judge` as it is installed.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import * as assert from "uvu/assert";
import { NatsBus } from "../../../host/fleet/nats-bus.js";
import { scratch, VEDETTE } from "../../e2e/programs.js";
import { until } from "../../until.js";
import { NatsServer, missing as natsMissing } from "../output/nats-server.js";
import { missing, PostgresServer } from "../store/postgres-server.js";
import { countingPolicy, expectedIds, ForwardedAgent } from "./forwarded.js";

if (natsMissing !== null || missing !== null) throw new Error(`it needs ${natsMissing ?? missing}`);

export const PARTITIONS = 4;
const NEVER = new AbortController().signal;
/** That every host has. */
export const policy = countingPolicy();

/** A bus, a database, agents, and hosts of a pool that come and go. */
export class Fleet {
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

  host(...more: string[]): Promise<ChildProcess> {
    return this.hostIn({}, ...more);
  }

  /** With more in its environment. */
  async hostIn(environment: Readonly<Record<string, string>>, ...more: string[]): Promise<ChildProcess> {
    const socket = `${scratch()}/http`;
    this.socket = socket;
    const [command = "", ...first] = VEDETTE;
    const words = ["--bus", this.nats.url, "--store", this.place, "--policy", policy];
    const all = [...first, "judge", ...words, "--partitions", String(PARTITIONS), "--http", `unix:${socket}`, ...more];
    const child = spawn(command, all, { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ...environment } });
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

/** A test of a fleet of its own. */
export const inFleet = (work: (fleet: Fleet) => Promise<void>) => async () => {
  const fleet = await Fleet.start();
  try {
    await work(fleet);
  } finally {
    await fleet.end();
  }
};
