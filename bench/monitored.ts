// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- monitored [--json] [--rounds N] [NAME...]`: what the meters take of the throughput of
// true servers: nginx, Redis and PostgreSQL under `vedette run --policy pack`, and with `--policy meters`
// besides. Both servers stand ready, and a client that is not watched asks them in turn, so that a machine
// that slows down slows both. Requests a second, and processor time of server and Vedette a request:
// medians of rounds, and the median of the rounds' ratios.
import { execFileSync } from "node:child_process";
import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { freePort } from "../test/e2e/free-port.js";
import { scraped } from "../test/e2e/measured.js";
import { endGroup, start } from "../test/e2e/programs.js";
import { until } from "../test/until.js";
import { median } from "./measure/median.js";
import { buildProgram, outputOf, VEDETTE } from "./measure/programs.js";

const SNAPLEN = "512";
const TICK_MS = 10;
const POSTGRES = "/usr/lib/postgresql";
const AS = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups"];

interface Load {
  readonly name: string;
  /** The server's command, ready in a folder of its own. */
  readonly server: (port: number, folder: string) => string[];
  /** Run once, when the server answers. */
  readonly prepare?: (port: number) => void;
  /** Asks so often. */
  readonly client: (port: number, requests: number) => string[];
  readonly requests: number;
  /** What the client says of requests a second. */
  readonly rate: RegExp;
}

const version = (): string => readdirSync(POSTGRES).at(-1) ?? "";
const pg = (program: string): string => join(POSTGRES, version(), "bin", program);
const pgWords = (port: number): string[] => ["-h", "127.0.0.1", "-p", `${port}`, "-U", "postgres"];

const LOADS: readonly Load[] = [
  {
    name: "nginx, 20 connections, a file of 1 KiB",
    server: (port, folder) => {
      writeFileSync(join(folder, "page"), "x".repeat(1024));
      const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
      const places = temporary.map((one) => `${one}_temp_path ${one};`).join(" ");
      const site = `server { listen 127.0.0.1:${port}; root ${folder}; }`;
      const http = `access_log off; sendfile on; keepalive_requests 10000000; ${places} ${site}`;
      const head = "user root; daemon off; worker_processes 1; pid nginx.pid; error_log error.log; events {}";
      writeFileSync(join(folder, "nginx.conf"), `${head} http { ${http} }`);
      return ["nginx", "-e", "error.log", "-p", folder, "-c", join(folder, "nginx.conf")];
    },
    client: (port, requests) => [buildProgram("http_load"), `${port}`, "/page", "20", `${requests}`],
    requests: 60_000,
    rate: /requests\/s: ([\d.]+)/,
  },
  {
    name: "Redis, 20 connections, GET",
    server: (port, folder) => [
      "redis-server",
      "--port",
      `${port}`,
      "--bind",
      "127.0.0.1",
      "--save",
      "",
      "--dir",
      folder,
    ],
    client: (port, requests) => [
      "redis-benchmark",
      "-p",
      `${port}`,
      "-c",
      "20",
      "-n",
      `${requests}`,
      "-t",
      "get",
      "--csv",
    ],
    requests: 100_000,
    rate: /^"GET","([\d.]+)"/m,
  },
  {
    name: "PostgreSQL, 4 connections, pgbench -S",
    server: (port, folder) => {
      chownSync(folder, Number(outputOf(["id", "-u", "postgres"])), -1);
      const data = join(folder, "data");
      outputOf([...AS, pg("initdb"), "-D", data, "-A", "trust", "-N", "--locale=C"]);
      const settings = [
        "listen_addresses=127.0.0.1",
        `unix_socket_directories=${folder}`,
        "fsync=off",
        "autovacuum=off",
      ];
      return [...AS, pg("postgres"), "-D", data, "-p", `${port}`, ...settings.flatMap((one) => ["-c", one])];
    },
    prepare: (port) =>
      void execFileSync(pg("pgbench"), ["-i", "-q", ...pgWords(port), "postgres"], { stdio: "ignore" }),
    client: (port, requests) => [
      pg("pgbench"),
      "-S",
      "-n",
      "-c",
      "4",
      "-t",
      `${requests / 4}`,
      ...pgWords(port),
      "postgres",
    ],
    requests: 24_000,
    rate: /tps = ([\d.]+)/,
  },
];

/** One server under Vedette. */
class Watched {
  readonly #folder = mkdtempSync(join(tmpdir(), "vedette-monitored-"));
  readonly #socket = join(this.#folder, "c.sock");
  readonly #load: Load;
  #port = 0;
  #group: ReturnType<typeof start> | null = null;

  constructor(load: Load) {
    this.#load = load;
  }

  async start(policies: readonly string[]): Promise<this> {
    this.#port = await freePort();
    const server = this.#load.server(this.#port, this.#folder);
    const flags = [
      "run",
      "--snaplen",
      SNAPLEN,
      "--control",
      this.#socket,
      ...policies.flatMap((one) => ["--policy", one]),
      "--",
      ...server,
    ];
    this.#group = start([...VEDETTE, ...flags], { cwd: this.#folder, limitMs: 550_000 });
    await until("the server answers", () => this.#isReady(), { ms: 60_000, tell: () => this.#group?.said() ?? "" });
    return this;
  }

  #isReady(): boolean {
    try {
      if (this.#load.prepare !== undefined) this.#load.prepare(this.#port);
      else outputOf(this.#load.client(this.#port, 100));
      return true;
    } catch {
      return false;
    }
  }

  /** Requests a second, and microseconds of processor time of server and Vedette a request. */
  ask(): { readonly rate: number; readonly us: number } {
    const { client, requests, rate } = this.#load;
    const before = cpuTicks(this.#group?.child.pid ?? 0);
    const said = rate.exec(outputOf(client(this.#port, requests)))?.[1];
    const ticks = cpuTicks(this.#group?.child.pid ?? 0) - before;
    return { rate: Number(said), us: (ticks * TICK_MS * 1000) / requests };
  }

  /** Requests that its meters have told. */
  get told(): number {
    const counts = scraped(this.#socket).matchAll(/^\w+_duration_seconds_count\{.*\} (\d+)$/gm);
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
  }

  async end(): Promise<void> {
    endGroup(this.#group?.child.pid);
    await this.#group?.ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Processor time of a process and of all below it, those that have ended among them: in ticks of 10 ms. */
function cpuTicks(root: number): number {
  const parents = new Map<number, number>();
  const ticks = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((one) => /^\d+$/.test(one))) {
    try {
      const words = readFileSync(`/proc/${name}/stat`, "latin1").split(") ").at(-1)!.split(" ");
      parents.set(Number(name), Number(words[1]));
      ticks.set(
        Number(name),
        [11, 12, 13, 14].reduce((sum, place) => sum + Number(words[place]), 0),
      );
    } catch {} // it has ended
  }
  const isBelow = (pid: number): boolean => pid === root || (pid > 1 && isBelow(parents.get(pid) ?? 0));
  return [...ticks].reduce((sum, [pid, more]) => sum + (isBelow(pid) ? more : 0), 0);
}

async function measure(load: Load, rounds: number) {
  const without = await new Watched(load).start(["pack"]);
  const having = await new Watched(load).start(["pack", "meters"]);
  const taken: { readonly without: ReturnType<Watched["ask"]>; readonly having: ReturnType<Watched["ask"]> }[] = [];
  try {
    for (let round = 0; round <= rounds; round++) {
      const first = round % 2 === 0 ? without.ask() : having.ask(); // by turns the one and the other is first
      const second = round % 2 === 0 ? having.ask() : without.ask();
      if (round > 0)
        taken.push(round % 2 === 0 ? { without: first, having: second } : { without: second, having: first });
    }
    // Else this would compare nothing.
    const asked = load.requests * (rounds + 1);
    await until("the meters tell of all requests", () => having.told >= asked, {
      ms: 20_000,
      tell: () => `${having.told} of ${asked}`,
    });
  } finally {
    await without.end();
    await having.end();
  }
  const of = (part: (one: (typeof taken)[number]) => number): number => median(taken.map(part));
  return {
    name: load.name,
    without: { rate: of((one) => one.without.rate), us: of((one) => one.without.us) },
    with: { rate: of((one) => one.having.rate), us: of((one) => one.having.us) },
    rateRatio: of((one) => one.having.rate / one.without.rate),
    usMore: of((one) => one.having.us - one.without.us),
  };
}

const { values: flags, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean", default: false }, rounds: { type: "string", default: "7" } },
});
const rows: Awaited<ReturnType<typeof measure>>[] = [];
for (const load of LOADS) {
  if (wanted.length > 0 && !wanted.some((word) => load.name.includes(word))) continue;
  const row = await measure(load, Number(flags.rounds));
  rows.push(row);
  if (flags.json) continue;
  const { without, with: having } = row;
  console.log(
    `${row.name}: ${without.rate.toFixed(0)} requests/s, with meters ${having.rate.toFixed(0)}: ${(100 * row.rateRatio).toFixed(1)} %`,
  );
  console.log(
    `  ${without.us.toFixed(1)} us of processor a request, with meters ${having.us.toFixed(1)}: ${row.usMore.toFixed(2)} more`,
  );
}
const about = { load: loadavg()[0], rounds: Number(flags.rounds), snaplen: Number(SNAPLEN) };
if (flags.json) console.log(JSON.stringify({ ...about, rows }));
else console.log(`load average ${about.load?.toFixed(1)}, medians of ${about.rounds} rounds`);
process.exit(0);
