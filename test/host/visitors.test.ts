// SPDX-License-Identifier: Apache-2.0
// Bounds on connections: one request of each at a time.
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, createServer, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { boundVisitors } from "../../host/visitors.js";
import { ask } from "../ask.js";
import { until } from "../until.js";
import { makeCertificates } from "./output/certificates.js";

const BOUNDS = { most: 8, ms: 60_000 };
/** More than Node reads at once. */
const MANY = 10_000;
const servers: Server[] = [];

/** `made`: requests and answers that Node made, whoever answers them. */
async function bounded(answer: (response: ServerResponse) => void) {
  const counts = { made: 0, answered: 0 };
  const server = createServer(() => counts.made++);
  servers.push(server);
  boundVisitors(server, BOUNDS, (request, response) => {
    counts.answered++;
    request.resume().on("end", () => answer(response));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return { port: (server.address() as AddressInfo).port, counts };
}

function said(port: number, words: string): { readonly peer: Socket; readonly isClosed: () => boolean } {
  let isClosed = false;
  const peer = connect(port, "127.0.0.1", () => peer.write(words));
  peer
    .on("error", () => undefined)
    .on("close", () => {
      isClosed = true;
    });
  peer.resume();
  return { peer, isClosed: () => isClosed };
}

test.after(() => {
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
});

test("who asks again before he has his answer is closed, and what he asked besides is not looked at", async () => {
  const { port, counts } = await bounded(() => undefined);
  const { isClosed } = said(port, "GET / HTTP/1.1\r\nhost: a\r\n\r\n".repeat(MANY));
  await until("it is closed", isClosed);
  assert.is(counts.answered, 1);
  assert.ok(counts.made < 100, `${counts.made} requests were made of one packet`);
});

for (const [what, head] of [
  ["without a Host", ""],
  ["with an Expect that Node does not know", "host: a\r\nexpect: x\r\n"],
] as const)
  test(`who asks much ${what}, which Node answers by itself, is closed`, async () => {
    const { port, counts } = await bounded((response) => response.end("yes"));
    const { isClosed } = said(port, `GET / HTTP/1.1\r\n${head}\r\n`.repeat(MANY));
    await until("it is closed", isClosed);
    assert.is(counts.answered, 0);
    const { status } = await ask(port, "/");
    assert.is(status, 200, "the next one is answered");
  });

test("control: who waits for his answer asks again on the same connection, also with a large body", async () => {
  const { port, counts } = await bounded((response) => response.end("yes"));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const body = "x".repeat(300_000);
  const sockets = new Set<Socket>();
  agent.on("free", (socket: Socket) => sockets.add(socket));
  for (let i = 0; i < 5; i++) assert.is((await ask(port, "/", { agent, method: "POST" }, body)).text, "yes");
  assert.is(counts.answered, 5);
  assert.is(sockets.size, 1);
  agent.destroy();
});

test("H81: behind TLS the same bounds hold: a silent visitor ends in time, and who asks much is closed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "visitors-"));
  makeCertificates(folder, ["web"]);
  const [ca, cert, key] = ["ca.pem", "web.pem", "web.key"].map((name) => readFileSync(join(folder, name)));
  rmSync(folder, { recursive: true });
  const counts = { made: 0, answered: 0 };
  const server = createTlsServer({ cert: cert as Buffer, key: key as Buffer }, () => counts.made++);
  servers.push(server);
  boundVisitors(server, { most: 8, ms: 700 }, (request, response) => {
    counts.answered++;
    request.resume();
    if (request.url === "/quick") response.end("yes");
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  const closedOf = (peer: Socket): (() => boolean) => {
    let isClosed = false;
    peer.on("error", () => undefined).on("close", () => (isClosed = true));
    peer.resume();
    return () => isClosed;
  };
  const silent = closedOf(connect(port, "127.0.0.1")); // not even a handshake
  const shaken = closedOf(connectTls({ port, host: "127.0.0.1", ca: ca as Buffer }));
  await until("both are closed", () => silent() && shaken());
  const much = connectTls({ port, host: "127.0.0.1", ca: ca as Buffer });
  const isClosed = closedOf(much);
  await once(much, "secureConnect");
  much.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n".repeat(MANY));
  await until("who asks much is closed", isClosed);
  assert.is(counts.answered, 1);
  assert.ok(counts.made < 100, `${counts.made} requests were made of one packet`);
  const quick = connectTls({ port, host: "127.0.0.1", ca: ca as Buffer });
  quick.write("GET /quick HTTP/1.1\r\nhost: a\r\n\r\n");
  const [answer] = await once(quick, "data");
  assert.match(String(answer), "200 OK");
  quick.destroy();
});

test.run();
