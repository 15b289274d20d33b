// SPDX-License-Identifier: Apache-2.0
//
// A fleet of one machine to measure: Debian's nats-server, one or three of them, and PostgreSQL, both as they
// are in production (they wait for the disk), and hosts of a pool of judges as they are installed.
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { NatsBus } from "../../host/fleet/nats-bus.js";
import { blockStream } from "../../host/fleet/subject.js";
import { folder, Program } from "../../test/fleet/programs.js";
import { Cluster } from "../../test/host/fleet/cluster.js";
import { NatsServer } from "../../test/host/output/nats-server.js";
import { PostgresServer } from "../../test/host/store/postgres-server.js";
import { until } from "../../test/until.js";
import { childrenNamed, cpuSecondsBelow, cpuSecondsOf, rssMibOf } from "./processes.js";
import { VEDETTE } from "./programs.js";

/** As sidecars and judges have them by default. */
export const PARTITIONS = 8;
const NEVER = new AbortController().signal;
const PUBLISHERS = 16;
/** A server that is kept busy answers late. */
const ANSWER_MS = 30_000;

/** What is published, and where. */
export interface Message {
  readonly subject: string;
  readonly body: Buffer;
}

/** A finding as the store has it. */
export interface StoredFinding {
  readonly id: string;
  /** Of its event, ms since the epoch. */
  readonly time: number;
  /** When PostgreSQL committed it, ms since the epoch. */
  readonly at: number;
  /** The host that its block named. */
  readonly task: string;
  readonly output: string;
}

/** Of what a judge says of itself. */
export interface Health {
  readonly partitions: readonly { readonly partition: number; readonly lag: { readonly blocks: number } }[];
  readonly events: number;
  readonly findings: number;
  readonly fenced: number;
  readonly policies: readonly {
    readonly policy: string;
    readonly state: string;
    readonly events: number;
    readonly lastError: string | null;
  }[];
}

/** One host of the pool. */
export class Judge {
  readonly program: Program;

  constructor(name: string, words: readonly string[], core: number | null) {
    const pinned = core === null ? [] : ["taskset", "-c", String(core)];
    this.program = new Program(name, [...pinned, ...VEDETTE, "judge", ...words]);
  }

  get pid(): number {
    return this.program.child.pid as number;
  }

  get cpuSeconds(): number {
    return cpuSecondsOf(this.pid);
  }

  get rssMib(): number {
    return rssMibOf(this.pid);
  }

  health(): Promise<Health> {
    return this.program.health<Health>();
  }
}

/** A bus, a database, and judges. Whoever started it must end it. */
export class MeasuredFleet {
  readonly url: string;
  readonly partitions: number;
  readonly database: PostgresServer;
  readonly place: string;
  readonly bus: NatsBus;
  readonly judges: Judge[] = [];
  readonly #servers: NatsServer | Cluster;
  readonly #serverPids: readonly number[];
  readonly #postgresPid: number;
  readonly #replicas: number;
  #names = 0;

  static async start(servers: number, partitions = PARTITIONS): Promise<MeasuredFleet> {
    const before = new Set(childrenNamed("postgres"));
    const nats = servers === 1 ? await NatsServer.start("max_payload: 2MB\n") : await Cluster.start();
    const database = await PostgresServer.start(["fsync=on", "autovacuum=on", "track_commit_timestamp=on"]);
    const [postgres = 0] = childrenNamed("postgres").filter((pid) => !before.has(pid));
    return new MeasuredFleet(nats, database, { place: await database.database(), servers, partitions, postgres });
  }

  private constructor(
    nats: NatsServer | Cluster,
    database: PostgresServer,
    more: { place: string; servers: number; partitions: number; postgres: number },
  ) {
    [this.#servers, this.database, this.url] = [nats, database, nats.url];
    [this.place, this.#replicas, this.partitions] = [more.place, more.servers, more.partitions];
    this.#postgresPid = more.postgres;
    this.#serverPids = childrenNamed("nats-server");
    this.bus = new NatsBus({ url: this.url }, { answerMs: ANSWER_MS });
  }

  /** As the first host of the pool makes them. */
  async makeStreams(): Promise<void> {
    for (let partition = 0; partition < this.partitions; partition++)
      await this.bus.ensure({ ...blockStream(partition), replicas: this.#replicas }, NEVER);
  }

  /** Until the bus has it. */
  async publish({ subject, body }: Message): Promise<void> {
    await until(
      "the bus takes it",
      () =>
        this.bus.publish(subject, body, NEVER).then(
          () => true,
          () => false,
        ),
      { everyMs: 100 },
    );
  }

  /** Several at once; those of one subject stay in their order. */
  async publishAll(messages: readonly Message[]): Promise<void> {
    const by = new Map<string, Message[]>();
    for (const one of messages) by.set(one.subject, [...(by.get(one.subject) ?? []), one]);
    const queues = [...by.values()];
    const work = async (): Promise<void> => {
      for (let queue = queues.shift(); queue !== undefined; queue = queues.shift())
        for (const one of queue) await this.publish(one);
    };
    await Promise.all(Array.from({ length: PUBLISHERS }, work));
  }

  /** What the streams of blocks take, with what the server keeps of each message. */
  async streamBytes(): Promise<number> {
    const connection = await connect({ servers: this.url.split(",") });
    try {
      const { streams } = await jetstreamManager(connection);
      const names = Array.from({ length: this.partitions }, (_, partition) => blockStream(partition).name);
      const infos = await Promise.all(names.map((name) => streams.info(name)));
      return infos.reduce((sum, { state }) => sum + state.bytes, 0);
    } finally {
      await connection.close();
    }
  }

  /** Once it judges. `core`: on that one alone. */
  async judge(words: readonly string[] = [], core: number | null = null): Promise<Judge> {
    const name = `judge-${process.pid}-${this.judges.length}-${this.#names++}`;
    const places = ["--bus", this.url, "--store", this.place, "--partitions", String(this.partitions)];
    const more = ["--replicas", String(this.#replicas)];
    const judge = new Judge(name, [...places, ...more, "--http", `unix:${socketOf(name)}`, ...words], core);
    this.judges.push(judge);
    await judge.program.says("judging");
    return judge;
  }

  /** These share all partitions evenly. */
  async shared(judges: readonly Judge[]): Promise<void> {
    const each = this.partitions / judges.length;
    const areShared = async (): Promise<boolean> => {
      const all = await Promise.all(judges.map((judge) => judge.health()));
      return all.every(({ partitions }) => partitions.length === each);
    };
    await until(`${judges.length} judges share the partitions`, areShared, { everyMs: 50 });
  }

  /** Seconds of CPU until now. */
  get cpu(): { readonly bus: number; readonly store: number } {
    const bus = this.#serverPids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0);
    return { bus, store: cpuSecondsBelow(this.#postgresPid) };
  }

  async findings(): Promise<StoredFinding[]> {
    const text = `SELECT id::text AS id, time::float8 / 1e6 AS time, doc,
      (extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000)::float8 AS at FROM vedette.finding`;
    const rows = await this.database.sql(this.place, text);
    return rows.map(({ id, time, at, doc }) => {
      const { alert } = doc as { alert: { output: string; hostname: string } };
      const { hostname: task, output } = alert;
      return { id: String(id), time: Number(time), at: Number(at), task, output };
    });
  }

  async end(): Promise<void> {
    await this.bus.close();
    for (const { program } of this.judges) await program.end("SIGKILL");
    await Promise.all([this.#servers.end(), this.database.end()]);
  }
}

/** See Program.socket. */
const socketOf = (name: string): string => join(folder, `${name}.sock`);

/** With a fleet of its own. */
export async function inMeasuredFleet<T>(
  servers: number,
  work: (fleet: MeasuredFleet) => Promise<T>,
  partitions = PARTITIONS,
): Promise<T> {
  const fleet = await MeasuredFleet.start(servers, partitions);
  try {
    return await work(fleet);
  } finally {
    await fleet.end();
  }
}
