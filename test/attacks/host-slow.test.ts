// SPDX-License-Identifier: Apache-2.0
//
// A thousand slow connections at each way to ask a host: the control API's Unix socket, its TCP port, the
// console, and /metrics (H8). Each says its request a byte at a time, and comes again when it is closed.
// Others ask for the console's script a hundred times at once, and read nothing. The honest controls are who
// asks at the same door meanwhile, and an agent whose alerts come.
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type RequestOptions, request } from "node:http";
import { connect, type NetConnectOpts, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { freePort } from "../e2e/free-port.js";
import { until } from "../until.js";
import { HandAgent, Host, stillJudges } from "./host.js";

const SLOW = 1_000;
const EACH_MS = 200;
/** How often the honest client is answered while they are there. */
const ANSWERS = 5;
/** Of one door, and what a connection that is being closed takes. */
const PLACES = 64 + 8;
/** Of one connection, which reads no answer. */
const REQUESTS_AT_ONCE = 100;
const GROWTH_MIB_MAX = 60;
const TOKEN = "7".repeat(64);

const folder = mkdtempSync(join(tmpdir(), "slow-"));
const socketPath = join(folder, "control.sock");
const tokens = join(folder, "tokens");
writeFileSync(tokens, `${createHash("sha256").update(TOKEN).digest("hex")} operator\n`, { mode: 0o600 });
const port = await freePort();
const doors = ["--control", socketPath, "--control-tcp", `127.0.0.1:${port}`, "--control-tokens", tokens, "--console"];
const host = await Host.start(folder, doors);
const honest = await HandAgent.honest(host.socket);
test.after(async () => {
  await host.stop();
  rmSync(folder, { recursive: true });
});

/** 0: nobody answered. A connection that had to give way says nothing of the door: one asks again. */
function statusOf(options: RequestOptions): Promise<number> {
  return new Promise((resolve) => {
    const asked = request({ agent: false, ...options }, (response) => {
      response.on("error", () => resolve(0)).on("end", () => resolve(response.statusCode ?? 0));
      response.resume();
    });
    asked.on("error", () => resolve(0)).end();
  });
}

/** What a connection says in its turn. */
type Says = (turn: number) => string;

/** A byte at a time. */
function bytewise(path: string): Says {
  const words = `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-long: ${"x".repeat(4_000)}`;
  return (turn) => words[turn % words.length]!;
}

/** Many requests at once. */
function greedily(path: string): Says {
  const all = `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`.repeat(REQUESTS_AT_ONCE);
  return (turn) => (turn === 0 ? all : "");
}

/** None of them reads. */
class Slow {
  readonly #says: Says;
  readonly #to: NetConnectOpts;
  readonly #peers = new Map<Socket, number>();
  readonly #timer: NodeJS.Timeout;
  /** Connections that were made, and those that the host closed. */
  made = 0;
  closed = 0;

  constructor(to: NetConnectOpts, says: Says) {
    this.#to = to;
    this.#says = says;
    this.#timer = setInterval(() => this.#go(), EACH_MS);
  }

  #go(): void {
    while (this.#peers.size < SLOW) this.#come();
    for (const [peer, said] of this.#peers) {
      if (!peer.writable || peer.connecting) continue;
      peer.write(this.#says(said));
      this.#peers.set(peer, said + 1);
    }
  }

  #come(): void {
    const peer = connect(this.#to);
    this.#peers.set(peer, 0);
    peer.on("connect", () => this.made++).on("error", () => undefined);
    peer.on("close", () => {
      this.closed++;
      this.#peers.delete(peer);
    });
  }

  end(): void {
    clearInterval(this.#timer);
    for (const peer of this.#peers.keys()) peer.destroy();
  }
}

const [address, httpPort] = host.http.split(":") as [string, string];
const authorization = { authorization: `Bearer ${TOKEN}` };
interface Door {
  readonly name: string;
  readonly to: NetConnectOpts;
  readonly asks: RequestOptions & { readonly path: string };
  readonly says?: Says;
}
const DOORS: readonly Door[] = [
  { name: "the Unix socket", to: { path: socketPath }, asks: { socketPath, path: "/api/v1/policies" } },
  { name: "the TCP port", to: { port }, asks: { port, path: "/api/v1/policies", headers: authorization } },
  { name: "the console", to: { port }, asks: { port, path: "/" } },
  {
    ...{ name: "the console, for pages that nobody reads", to: { port }, says: greedily("/console.js") },
    asks: { port, path: "/api/v1/policies", headers: authorization },
  },
  { name: "/metrics", to: { port: Number(httpPort) }, asks: { port: Number(httpPort), path: "/metrics" } },
];

for (const { name, to, asks, says = bytewise(asks.path) } of DOORS)
  test(`H8: a thousand slow connections to ${name} keep nobody from being answered there, and cost a bounded number of places`, async () => {
    const bounded = { host: address, ...asks };
    const where = "path" in to ? to : { host: address, ...to };
    assert.is(await statusOf(bounded), 200, "control: alone, it is answered");
    const before = { descriptors: host.descriptors, ownMib: host.ownMib };
    const slow = new Slow(where, says);
    try {
      await until("a thousand were there, and had to give way", () => slow.made >= SLOW && slow.closed >= SLOW / 2);
      for (let i = 0; i < ANSWERS; i++)
        await until(`the honest client is answered at ${name}`, async () => (await statusOf(bounded)) === 200);
      for (const { name: other, asks: others } of DOORS.filter((door) => door.name !== name))
        await until(
          `the honest client is answered at ${other}`,
          async () => (await statusOf({ host: address, ...others })) === 200,
        );
      // It asks for /healthz, at a door that may be the one where connections have to give way.
      const isJudged = () => stillJudges(host, honest).then(Boolean, () => false);
      await until("an honest agent is judged, and health is told", isJudged);
      await until("they have their places alone", () => host.descriptors <= before.descriptors + PLACES);
      assert.ok(host.ownMib < before.ownMib + GROWTH_MIB_MAX, `the host has ${host.ownMib - before.ownMib} MiB more`);
    } finally {
      slow.end();
    }
    await until("descriptors are given back", () => host.descriptors <= before.descriptors + 4);
    await until("it is answered as before", async () => (await statusOf(bounded)) === 200);
  });

test.run();
