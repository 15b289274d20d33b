// SPDX-License-Identifier: Apache-2.0
//
// The meter of HTTP servers against nginx's own access log: a true server, true clients, and both must have
// counted the same. Clients keep connections alive, pipeline, send bodies in chunks and heads in pieces,
// close half a connection, and send what is no request.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { freePort } from "./free-port.js";
import { askAll, type Kind, talk } from "./http-traffic.js";
import { add, type Counts, scraped, seriesOf, sorted } from "./measured.js";
import { endGroup, groupOf, hasCommand, scratch, start, VEDETTE } from "./programs.js";

const NGINX = "/usr/sbin/nginx";
const EACH = 200;
const BIG = 300_000;
const folder = scratch();
const socket = join(folder, "c.sock");
const port = await freePort();

mkdirSync(join(folder, "html"));
writeFileSync(join(folder, "html/index.html"), "hello\n");
writeFileSync(join(folder, "html/big.bin"), Buffer.alloc(BIG));
writeFileSync(
  join(folder, "nginx.conf"),
  `user root; daemon off; worker_processes 2; pid nginx.pid; error_log error.log; events {}
http { log_format m '$status|$request_method|$bytes_sent'; access_log access.log m;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  sendfile on; keepalive_requests 100000; gzip on; gzip_min_length 1; gzip_types application/octet-stream;
  server { listen 127.0.0.1:${port}; root html;
    location /users/ { return 200 "user"; }
    location /fail { return 503; }
    location /made { return 201 "x"; } } }\n`,
);

const KINDS: readonly Kind[] = [
  ["GET", "/"],
  ["GET", "/?token=s3cret"],
  ["GET", "/users/12"],
  ["GET", "/users/99/orders"],
  ["GET", "/missing"],
  ["HEAD", "/"],
  ["GET", "/fail"],
  ["GET", "/big.bin"],
  ["GET", "/big.bin", "", { "accept-encoding": "gzip" }],
  ["GET", "/", "", { "if-modified-since": new Date(Date.now() + 1e7).toUTCString() }],
  ["POST", "/made", "GET /fake HTTP/1.1\r\n\r\n".repeat(100)],
  ["PUT", "/made", "chunks", { "transfer-encoding": "chunked" }],
];

async function traffic(): Promise<void> {
  await askAll(port, Array.from({ length: EACH }, () => KINDS).flat());
  const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
  for (let i = 0; i < 20; i++) {
    await talk(port, [get("/users/1") + get("/missing") + "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + get("/fail")]);
    await talk(port, ["GET /us", "ers/2 HT", "TP/1.1\r\nHo", "st: a\r\n\r", "\n"]);
    await talk(port, [
      "POST /made HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
      "c\r\n",
      "0\r\n\r\n",
      get("/"),
    ]);
    await talk(port, ["nonsense\r\n\r\n"]);
    await talk(port, ["GET / HTTP/1.0\r\n\r\n"]);
  }
}

/** As `GET 200`: what nginx calls no method is `_OTHER`. */
function countsIn(rows: readonly (readonly [method: string, status: string, count: number])[]): Counts {
  const counts: Counts = {};
  for (const [method, status, count] of rows) {
    add(counts, `${method === "" || method === "-" ? "_OTHER" : method} ${status}`, count);
  }
  return sorted(counts);
}

function logged(): Counts {
  const lines = readFileSync(join(folder, "access.log"), "utf8").trim().split("\n");
  return countsIn(lines.map((line) => line.split("|")).map(([status = "", method = ""]) => [method, status, 1]));
}

test("what the meter counts by method and status is what nginx has logged, and no route is another's", async () => {
  if (!hasCommand(NGINX) || !hasCommand("curl")) return console.log("skip: nginx or curl is missing");
  const server = [NGINX, "-p", folder, "-c", "nginx.conf"];
  const words = ["--policy", "meters/http-server", "--snaplen", "1024", "--control", socket];
  const { child, ended, said } = start([...VEDETTE, "run", ...words, "--", ...server], { limitMs: 150_000 });
  const requestsTold = (): (readonly [string, string, string, number])[] =>
    seriesOf(socket, "http_server_request_duration_seconds_count").map(({ of, value }) => [
      of("http_request_method"),
      of("http_response_status_code"),
      of("http_route"),
      value,
    ]);
  const errors = (): string =>
    existsSync(join(folder, "error.log")) ? readFileSync(join(folder, "error.log"), "utf8") : "";
  const counted = (): Counts => countsIn(requestsTold().map(([method, status, , count]) => [method, status, count]));
  try {
    await until("nginx answers", () => existsSync(join(folder, "nginx.pid")), {
      ms: 100_000,
      tell: () => `${said()}\n${errors()}\n${groupOf(child.pid)}`,
    });
    await traffic();
    const isSame = (): boolean => JSON.stringify(counted()) === JSON.stringify(logged());
    await until("the same counts", isSame, {
      ms: 20_000,
      tell: () => `${JSON.stringify(counted())}; nginx has logged ${JSON.stringify(logged())}`,
    });
    assert.equal(logged()["_OTHER 400"], 20);
    const routes = new Set(requestsTold().map(([, , route]) => route));
    assert.equal([...routes].sort(), ["", "/", "/big.bin", "/made", "/users/{id}", "/users/{id}/orders"]);
    assert.not.match(scraped(socket), /s3cret|fake/);
    assert.not.match(scraped(socket), /^vedette_monitor_unsynced_total\{.*nginx/m);
    child.kill("SIGTERM");
    await ended;
  } finally {
    endGroup(child.pid);
  }
});

test.run();
