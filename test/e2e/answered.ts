// SPDX-License-Identifier: Apache-2.0
// A meter against the word of a server of ours, which writes a line for each request that it has answered:
// the server and a client run under one Vedette, and both ends must tell of the same.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { add, type Counts, type Series, scraped, seriesOf, sorted } from "./measured.js";
import { endGroup, ROOT, scratch, start, VEDETTE } from "./programs.js";

/** What runs, and how what it says is compared. */
export interface Answering {
  readonly policy: string;
  readonly snaplen: number;
  readonly port: number;
  /** The server's file here, and its words behind the port and the file that it writes. */
  readonly server: readonly [file: string, ...words: string[]];
  /** The client, a module's text. */
  readonly client: string;
  /** The metric of one end, without its ending. */
  readonly metric: (side: "server" | "client") => string;
  /** A series in the server's words; some of its labels may be empty. */
  readonly wordsOf: (series: Series) => readonly string[];
  /** What the meter may say of a line of the server's. */
  readonly asTold?: (line: string) => string;
}

/** Waits until both ends tell what the server has answered, and says what that is. No secret may be told. */
export async function answered({ policy, snaplen, port, client, ...how }: Answering): Promise<Counts> {
  const folder = scratch();
  const socket = join(folder, "c.sock");
  const [file, ...words] = how.server;
  const server = [join(ROOT, "test/e2e", file), String(port), "log", ...words]
    .map((word) => JSON.stringify(word))
    .join(" ");
  writeFileSync(join(folder, "client.mjs"), client);
  writeFileSync(
    join(folder, "run.sh"),
    `${process.execPath} ${server} & server=$!
${process.execPath} -e 'const go = () => require("net").connect(${port}, "127.0.0.1").on("error", () => setTimeout(go, 50)).on("connect", function () { this.end(); }); go()'
${process.execPath} client.mjs
touch done; until [ -e over ]; do sleep 0.1; done; kill $server; wait`,
  );
  const told = (side: "server" | "client"): Counts => {
    const counts: Counts = {};
    for (const series of seriesOf(socket, `${how.metric(side)}_count`))
      add(counts, how.wordsOf(series).join(" ").trim().replace(/ +/g, " "), series.value);
    return sorted(counts);
  };
  const said = (): Counts => {
    const counts: Counts = {};
    const lines = readFileSync(join(folder, "log"), "utf8").split("\n").slice(0, -1);
    for (const line of lines) add(counts, how.asTold?.(line) ?? line, 1);
    return sorted(counts);
  };
  const flags = ["--policy", policy, "--snaplen", String(snaplen), "--control", socket];
  const run = start([...VEDETTE, "run", ...flags, "--", "sh", "run.sh"], { cwd: folder });
  try {
    await until("the client is done", () => existsSync(join(folder, "done")), { ms: 60_000, tell: run.said });
    const tell = (): string => JSON.stringify({ server: told("server"), client: told("client"), answered: said() });
    const isSame = (): boolean =>
      [told("server"), told("client")].every((one) => JSON.stringify(one) === JSON.stringify(said()));
    await until("both ends tell what was answered", isSame, { ms: 20_000, tell });
    assert.not.match(scraped(socket), /s3cret/i);
    assert.not.match(scraped(socket), /^vedette_monitor_unsynced_total/m);
    const all = said();
    writeFileSync(join(folder, "over"), "");
    await run.ended;
    return all;
  } finally {
    endGroup(run.child.pid);
  }
}
