// SPDX-License-Identifier: Apache-2.0
//
// A PostgreSQL of the tests' own: Debian's server in a folder that goes away, behind a Unix socket, with a
// password. A server that runs as root refuses to: root starts it as nobody.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { addressOf } from "../../../host/store/postgres/address.js";
import { makeCertificates } from "../output/certificates.js";

const VERSIONS = "/usr/lib/postgresql";
/** What the store is written for; the one before is in older Debians. */
const VERSION_MIN = 15;
const PORT = 5432;
const START_MS_MAX = 120_000;
const NOBODY = 65_534;
/** As whom it runs. */
const AS = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : null;
/** Of every user. */
export const PASSWORD = "p4ss wörd/@:";

const version = existsSync(VERSIONS)
  ? readdirSync(VERSIONS)
      .map(Number)
      .filter((one) => one >= VERSION_MIN && existsSync(join(VERSIONS, String(one), "bin/initdb")))
      .sort((a, b) => b - a)[0]
  : undefined;
/** What has to be there for it; null: all is. */
export const missing = version === undefined ? "Debian's package postgresql-17" : null;
const program = (name: string): string => join(VERSIONS, String(version), "bin", name);

/** One server. Whoever started it must end it. */
export class PostgresServer {
  readonly folder: string;
  readonly #data: string;
  readonly #settings: readonly string[];
  readonly #port: number;
  #server: ChildProcess | null = null;
  #databases = 0;

  /**
   * `settings`: as `name=value`. `tlsPort`: it also listens there, at 127.0.0.1 and 127.0.0.2, with a
   * certificate of the first, signed by ca.pem in its folder.
   */
  static async start(settings: readonly string[] = [], tlsPort?: number): Promise<PostgresServer> {
    const server = new PostgresServer(settings, tlsPort);
    await server.resume();
    return server;
  }

  private constructor(settings: readonly string[], tlsPort?: number) {
    this.folder = mkdtempSync(join(tmpdir(), "vedette-postgres-"));
    this.#data = join(this.folder, "data");
    const tls = ["listen_addresses=127.0.0.1,127.0.0.2", `port=${tlsPort}`, "ssl=on"];
    const files = ["ssl_cert_file=../server.pem", "ssl_key_file=../server.key"];
    this.#settings = tlsPort === undefined ? settings : [...settings, ...tls, ...files];
    this.#port = tlsPort ?? PORT;
    const secret = join(this.folder, "password");
    writeFileSync(secret, `${PASSWORD}\n`);
    if (tlsPort !== undefined) makeCertificates(this.folder, ["server"]);
    for (const path of [this.folder, ...readdirSync(this.folder).map((name) => join(this.folder, name))])
      if (AS !== null) chownSync(path, AS.uid, AS.gid);
    const words = ["-D", this.#data, "-U", "vedette", "-A", "scram-sha-256", `--pwfile=${secret}`];
    const more = ["-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"];
    execFileSync(program("initdb"), [...words, ...more], { cwd: this.folder, stdio: "pipe", ...AS });
  }

  /** Starts it again, where it is not there. One that was killed may have children that are not yet gone. */
  async resume(): Promise<void> {
    let [said, failed] = ["", new Error("it was not asked")];
    for (const until = performance.now() + START_MS_MAX; performance.now() < until; ) {
      if (this.#server === null || this.#server.exitCode !== null) {
        this.#server = this.#spawn();
        this.#server.stderr!.setEncoding("utf8").on("data", (part: string) => {
          said = `${said}${part}`.slice(-4_000);
        });
      }
      const problem = await this.sql("postgres", "SELECT 1").then(
        () => null,
        (error: Error) => error,
      );
      if (problem === null) return;
      failed = problem;
      await new Promise((done) => setTimeout(done, 50));
    }
    throw new Error(`expected: PostgreSQL starts; got: ${failed.message}; it said: ${said}`);
  }

  #spawn(): ChildProcess {
    const settings = ["listen_addresses=", `unix_socket_directories=${this.folder}`, "shared_buffers=32MB"];
    const more = ["fsync=off", "max_connections=40", "autovacuum=off", ...this.#settings];
    const words = ["-D", this.#data, ...[...settings, ...more].flatMap((one) => ["-c", one])];
    return spawn(program("postgres"), words, { cwd: this.folder, stdio: ["ignore", "ignore", "pipe"], ...AS });
  }

  /** The address of a new, empty database. */
  async database(): Promise<string> {
    const name = `store${this.#databases++}`;
    await this.sql("postgres", `CREATE DATABASE ${name}`);
    return this.address(name);
  }

  /** Of a database; `more`: other parameters. */
  address(name: string, password = PASSWORD, user = "vedette"): string {
    return `postgres://${user}:${encodeURIComponent(password)}@/${name}?host=${encodeURIComponent(this.folder)}`;
  }

  /** What a client of the test's own connects with. */
  get client() {
    return { host: this.folder, port: this.#port, user: "vedette", password: PASSWORD };
  }

  /** Rows of what it answers. `database`: a name, or an address. */
  async sql(database: string, text: string, ...values: readonly unknown[]): Promise<Record<string, unknown>[]> {
    const name = database.includes("://") ? addressOf(database).database : database;
    const client = new Client({ ...this.client, database: name });
    client.on("error", () => undefined);
    await client.connect();
    try {
      return (await client.query(text, [...values])).rows;
    } finally {
      await client.end();
    }
  }

  /** Kills it as a crash does. Resolves when nobody answers any more. */
  async kill(signal: "SIGKILL" | "SIGQUIT" | "SIGSTOP" | "SIGCONT" = "SIGKILL"): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    server.kill(signal);
    if (signal === "SIGSTOP" || signal === "SIGCONT") return;
    if (server.exitCode === null && server.signalCode === null) await once(server, "exit");
    this.#server = null;
  }

  async end(): Promise<void> {
    this.#server?.kill("SIGCONT");
    await this.kill("SIGQUIT");
    rmSync(this.folder, { recursive: true, force: true });
  }
}
