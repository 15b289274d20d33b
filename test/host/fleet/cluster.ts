// SPDX-License-Identifier: Apache-2.0
// A bus of three of Debian's nats-servers on this machine, which keep streams together.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@nats-io/transport-node";
import { until } from "../../until.js";
import { missing } from "../output/nats-server.js";

/** Of this process alone: a port that was free a moment ago may be another process' by now. */
const ADDRESS = `127.${64 + (process.pid >> 16)}.${(process.pid >> 8) & 255}.${process.pid & 255}`;
/** For clients and for each other; not from where the kernel takes ports for connections. */
const PORTS = [4222, 4223, 4224].map((port) => ({ port, route: port + 2000 }));

/** One in a process. Whoever started it must end it. */
export class Cluster {
  readonly urls = PORTS.map(({ port }) => `nats://${ADDRESS}:${port}`);
  readonly #folder = mkdtempSync(join(tmpdir(), "cluster-"));
  readonly #servers: ChildProcess[] = [];
  readonly #logs = new Map<number, string>();

  /** Gives it when it has a leader. */
  static async start(): Promise<Cluster> {
    if (missing !== null) throw new Error(`it needs ${missing}`);
    const cluster = new Cluster();
    for (const { port, route } of PORTS) cluster.#spawn(port, route);
    await until("the cluster has a leader", () => cluster.#hasLeader(), { tell: () => cluster.told });
    return cluster;
  }

  private constructor() {}

  /** For a client: all of them. */
  get url(): string {
    return this.urls.join(",");
  }

  /** What the servers said last. */
  get told(): string {
    return [...this.#logs].map(([port, log]) => `server ${port}: ${log.slice(-2_000)}`).join("\n");
  }

  async end(): Promise<void> {
    for (const server of this.#servers) {
      server.kill("SIGKILL");
      if (server.exitCode === null && server.signalCode === null) await once(server, "exit");
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #spawn(port: number, route: number): void {
    const others = PORTS.map((one) => `"nats://${ADDRESS}:${one.route}"`).join(", ");
    const config = join(this.#folder, `${port}.conf`);
    writeFileSync(
      config,
      `server_name: s${port}\nlisten: "${ADDRESS}:${port}"\nmax_payload: 2MB\n` +
        `jetstream: {store_dir: "${this.#folder}/${port}"}\n` +
        `cluster: {name: c, listen: "${ADDRESS}:${route}", routes: [${others}]}\n`,
    );
    const server = spawn("/usr/sbin/nats-server", ["-c", config], { stdio: ["ignore", "ignore", "pipe"] });
    server.stderr.setEncoding("utf8").on("data", (part: string) => {
      this.#logs.set(port, (this.#logs.get(port) ?? "") + part);
    });
    this.#servers.push(server);
  }

  async #hasLeader(): Promise<boolean> {
    const connection = await connect({ servers: this.urls, reconnect: false }).catch(() => null);
    const info = await connection?.request("$JS.API.INFO").then(
      (answer) => answer.json<{ error?: unknown }>(),
      () => null,
    );
    await connection?.close();
    return info != null && info.error === undefined;
  }
}
