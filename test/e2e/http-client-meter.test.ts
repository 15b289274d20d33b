// SPDX-License-Identifier: Apache-2.0
//
// The meter of HTTP clients against the log of a server that nobody watches: true clients (curl, Python,
// node), and the server must have answered what they tell of. Connections are kept alive, bodies come in
// chunks, by length and until the end, answers have none, and one comes after 100 Continue.
import { existsSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { add, type Counts, scraped, seriesOf, sorted } from "./measured.js";
import { endGroup, hasCommand, scratch, start, VEDETTE } from "./programs.js";

const folder = scratch();
const socket = join(folder, "c.sock");
const ROUNDS = 20;
const BIG = "x".repeat(200_000);

/** Answers by the path, and counts by method and status what it has answered. */
function serve(counts: Counts): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      const [, kind = ""] = request.url!.split("/");
      const status = Number(/^\d+$/.exec(kind)?.[0] ?? 200);
      const name = `${request.method} ${status}`;
      counts[name] = (counts[name] ?? 0) + 1;
      response.statusCode = status;
      if (kind === "chunks") {
        response.write("some");
        setTimeout(() => response.end(BIG), 5);
      } else if (kind === "end") {
        response.shouldKeepAlive = false;
        response.useChunkedEncodingByDefault = false;
        response.removeHeader("transfer-encoding");
        response.write("some");
        setTimeout(() => response.end("more"), 5);
      } else if (kind === "big") response.end(BIG);
      else response.end(status === 204 || status === 304 ? undefined : `s3cret ${status}`);
    });
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

const PYTHON = `
import http.client, sys
c = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
for i in range(${ROUNDS}):
    for method, path, body in (("GET", "/", None), ("HEAD", "/big", None), ("GET", "/204", None), ("PUT", "/500", b"y" * 70000),
                               ("DELETE", "/404", None), ("POST", "/chunks", iter([b"a" * 100, b"b" * 9000]))):
        c.request(method, path, body=body, encode_chunked=method == "POST")
        c.getresponse().read()
`;
const NODE = `
import { Agent, request } from "node:http";
const agent = new Agent({ keepAlive: true, maxSockets: 4 });
const ask = (method, path) => new Promise((done) => request({ agent, method, path, port: process.argv[2] }, (answer) => answer.resume().on("end", done)).end());
for (let i = 0; i < ${ROUNDS}; i++) await Promise.all([ask("GET", "/big"), ask("OPTIONS", "/201"), ask("PATCH", "/503"), ask("GET", "/304"), ask("GET", "/chunks"), ask("GET", "/end")]);
agent.destroy();
`;

test("what the meter tells of clients is what the server has answered", async () => {
  const missing = ["curl", "python3"].find((one) => !hasCommand(one));
  if (missing !== undefined) return console.log(`skip: ${missing} is missing`);
  const counts: Counts = {};
  const server = await serve(counts);
  const { port } = server.address() as AddressInfo;
  const at = `http://127.0.0.1:${port}`;
  writeFileSync(join(folder, "client.py"), PYTHON);
  writeFileSync(join(folder, "client.mjs"), NODE);
  const script = `
for i in $(seq ${ROUNDS}); do
  curl -s -o /dev/null ${at}/ -o /dev/null ${at}/404 -o /dev/null '${at}/big?token=s3cret' -o /dev/null ${at}/chunks -o /dev/null ${at}/end
  head -c 2000000 /dev/zero | curl -s -o /dev/null -H 'Expect: 100-continue' --data-binary @- ${at}/201
done
python3 client.py ${port}
${process.execPath} client.mjs ${port}
touch done
until [ -e over ]; do sleep 0.1; done`;
  const words = ["--policy", "meters/http-client", "--snaplen", "1024", "--control", socket];
  const { child, ended, said } = start([...VEDETTE, "run", ...words, "--", "sh", "-c", script], {
    cwd: folder,
    limitMs: 150_000,
  });
  const measured = (): Counts => {
    const found: Counts = {};
    for (const { of, value } of seriesOf(socket, "http_client_request_duration_seconds_count")) {
      assert.equal([of("server_address"), of("server_port")], ["127.0.0.1", `${port}`]);
      add(found, `${of("http_request_method")} ${of("http_response_status_code")}`, value);
    }
    return sorted(found);
  };
  try {
    await until("the clients are done", () => existsSync(join(folder, "done")), { ms: 120_000, tell: said });
    await until("the same counts", () => JSON.stringify(measured()) === JSON.stringify(sorted(counts)), {
      ms: 20_000,
      tell: () => `${JSON.stringify(measured())}; the server has answered ${JSON.stringify(sorted(counts))}`,
    });
    assert.not.match(scraped(socket), /s3cret/);
    assert.not.match(scraped(socket), /^vedette_monitor_unsynced_total/m);
    writeFileSync(join(folder, "over"), "");
    await ended;
  } finally {
    endGroup(child.pid);
    server.closeAllConnections();
    server.close();
  }
});

test.run();
