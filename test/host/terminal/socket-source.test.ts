// SPDX-License-Identifier: Apache-2.0
// A Vedette that says nothing any more is told of, and asked again.
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SocketSource } from "../../../host/terminal/socket-source.js";
import { until } from "../../until.js";

test("a stream that has begun and goes silent is told of after five seconds", async () => {
  const folder = mkdtempSync(join(tmpdir(), "vedette-test-"));
  const path = join(folder, "socket");
  let streams = 0;
  const server = createServer((request, response) => {
    if (request.url?.startsWith("/api/v1/self")) return void response.end("{}");
    streams++;
    response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
  }).listen(path);
  await new Promise((done) => server.once("listening", done));
  const source = await SocketSource.open(path);
  const said: string[] = [];
  const wanted = { view: "files", filter: "", incident: null, intervalMs: 200, limit: 10 } as never;
  const watcher = {
    onTable: () => undefined,
    onGap: () => undefined,
    onLooked: (looked: { kind: string; why?: string }) => void said.push(looked.why ?? looked.kind),
  };
  const watch = source.watch(wanted, watcher as never);
  await until("its silence is told", () => said.some((one) => /said nothing for 5 s/.test(one)));
  assert.is(said[0], "live");
  await until("it is asked again", () => streams > 1);
  watch.close();
  await new Promise((done) => server.close(done).closeAllConnections());
  rmSync(folder, { recursive: true });
});

test("what is decided about an incident is sent, and a refusal is said", async () => {
  const folder = mkdtempSync(join(tmpdir(), "vedette-test-"));
  const path = join(folder, "socket");
  const came: string[] = [];
  const server = createServer(async (request, response) => {
    if (request.method === "GET") return void response.end("{}");
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    came.push(`${request.headers["content-type"]} ${request.url} ${Buffer.concat(parts)}`);
    if (request.url?.endsWith("/gone"))
      response.writeHead(404).end('{"status":404,"title":"There is no such incident."}');
    else response.writeHead(204).end();
  }).listen(path);
  await new Promise((done) => server.once("listening", done));
  const source = await SocketSource.open(path);
  await source.decide({ incident: "1", state: "closed", verdict: "true_positive" });
  assert.equal(came, ['application/json /api/v1/incidents/1 {"state":"closed","verdict":"true_positive"}']);
  const said = await source.decide({ incident: "gone", state: "open" }).catch(({ message }: Error) => message);
  assert.match(String(said), "There is no such incident.");
  await new Promise((done) => server.close(done).closeAllConnections());
  rmSync(folder, { recursive: true });
});

test.run();
