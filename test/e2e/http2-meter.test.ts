// SPDX-License-Identifier: Apache-2.0
//
// The meters of HTTP on HTTP/2 in plaintext: nginx's and node's own logs, curl and node as clients, and all
// have counted the same. Requests are multiplexed, with bodies in both directions, by prior knowledge and
// upgraded.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { freePorts } from "./free-port.js";
import { add, type Counts, scraped, seriesOf, sorted } from "./measured.js";
import { endGroup, hasCommand, scratch, start, VEDETTE } from "./programs.js";

const NGINX = "/usr/sbin/nginx";
const ROUNDS = 20;
const folder = scratch();
const socket = join(folder, "c.sock");
const [port = 0, nodePort = 0] = await freePorts(2);

mkdirSync(join(folder, "html"));
writeFileSync(join(folder, "html/index.html"), "hello\n");
writeFileSync(join(folder, "html/big.bin"), Buffer.alloc(300_000));
writeFileSync(join(folder, "body"), Buffer.alloc(200_000, "GET /fake HTTP/1.1\r\n\r\n"));
writeFileSync(
  join(folder, "nginx.conf"),
  `user root; worker_processes 2; pid nginx.pid; error_log error.log; events {}
http { log_format m '$status|$request_method|$server_protocol'; access_log access.log m;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  sendfile on; keepalive_requests 100000; client_max_body_size 10m;
  gzip on; gzip_min_length 1; gzip_types application/octet-stream;
  server { listen 127.0.0.1:${port}; http2 on; root html;
    location /users/ { return 200 "user"; }
    location /fail { return 503; }
    location /made { proxy_pass http://127.0.0.1:${port}/taken; }
    location /taken { return 201 "x"; } } }\n`,
);

/** Answers by the path, and logs what it has answered. */
writeFileSync(
  join(folder, "server.mjs"),
  `import { createServer } from "node:http2";
import { appendFileSync } from "node:fs";
createServer((request, response) => {
  request.resume().on("end", () => {
    const status = Number(/^\\d+/.exec(request.url.slice(1))?.[0] ?? 200);
    appendFileSync("node.log", \`\${status}|\${request.method}|HTTP/2.0\\n\`);
    response.statusCode = status;
    response.end(request.url.startsWith("/big") ? "x".repeat(100_000) : status === 204 ? undefined : "y");
  });
}).listen(${nodePort}, "127.0.0.1");
`,
);
writeFileSync(
  join(folder, "client.mjs"),
  `import { connect } from "node:http2";
const [port, size, ...paths] = process.argv.slice(2);
const session = connect("http://127.0.0.1:" + port);
const ask = (path, method, body) => new Promise((done, failed) => {
  const stream = session.request({ ":path": path, ":method": method, "content-type": "text/plain" }, { endStream: body === undefined });
  stream.resume().on("close", done).on("error", failed);
  if (body !== undefined) stream.end(body);
});
for (let i = 0; i < ${ROUNDS}; i++)
  await Promise.all(paths.flatMap((path) => [ask(path, "GET"), ask(path, "DELETE"), ask(path, "POST", "z".repeat(i * size))]));
session.close();
`,
);

function countsOf(names: readonly string[]): Counts {
  const counts: Counts = {};
  for (const name of names) add(counts, name, 1);
  return sorted(counts);
}

test("what the meters of servers and of clients count is what nginx and node have logged", async () => {
  const missing = [NGINX, "curl"].find((name) => !hasCommand(name));
  if (missing !== undefined) return console.log(`skip: ${missing} is missing`);
  const at = `http://127.0.0.1:${port}`;
  const out = (...paths: string[]): string => paths.map((path) => `-o /dev/null '${at}${path}'`).join(" ");
  const script = `
${NGINX} -p . -c nginx.conf
${process.execPath} server.mjs &
until curl -s --http2-prior-knowledge -o /dev/null http://127.0.0.1:${nodePort}/ && curl -s -o /dev/null ${at}/; do sleep 0.1; done
for i in $(seq ${ROUNDS}); do
  curl -s --http2-prior-knowledge ${out("/", "/?token=s3cret", "/users/12", "/missing", "/fail", "/big.bin", "/users/9/orders")}
  curl -s --http2-prior-knowledge -Z ${out("/", "/users/12", "/missing", "/users/13", "/fail", "/")}
  curl -s --http2-prior-knowledge --compressed ${out("/big.bin", "/")}
  curl -s --http2-prior-knowledge -I ${out("/", "/missing")}
  curl -s --http2-prior-knowledge --data-binary 'GET /fake HTTP/1.1' ${out("/made", "/made")}
  curl -s --http2 ${out("/users/14")}
done
${process.execPath} client.mjs ${nodePort} 4 / /404 /204 /500
${process.execPath} client.mjs ${port} 4 / /users/77 /missing
touch done
until [ -e more ]; do sleep 0.1; done
for i in $(seq 5); do curl -s --http2-prior-knowledge --data-binary @body ${out("/made", "/made")}; done
${process.execPath} client.mjs ${nodePort} 3000 / /404 /big
${process.execPath} client.mjs ${port} 3000 / /made /missing
curl -s --http2-prior-knowledge -Z ${out("/", "/missing", "/big.bin", "/users/15", "/big.bin")}
touch finished
until [ -e over ]; do sleep 0.1; done
kill $(cat nginx.pid) $!`;
  const words = ["--policy", "meters/http-server", "--policy", "meters/http-client", "--snaplen", "4096"];
  const { child, ended, said } = start([...VEDETTE, "run", ...words, "--control", socket, "--", "sh", "-c", script], {
    cwd: folder,
    limitMs: 200_000,
  });
  const counted = (side: string): Counts => {
    const counts: Counts = {};
    for (const { of, value } of seriesOf(socket, `http_${side}_request_duration_seconds_count`))
      add(counts, `${of("http_request_method")} ${of("http_response_status_code")}`, value);
    return sorted(counts);
  };
  const logged = (): Counts =>
    countsOf(
      ["access.log", "node.log"]
        .flatMap((file) => readFileSync(join(folder, file), "utf8").trim().split("\n"))
        .map((line) => line.split("|"))
        .map(([status, method]) => `${method} ${status}`),
    );
  try {
    await until("the clients are done", () => existsSync(join(folder, "done")), { ms: 150_000, tell: said });
    for (const side of ["server", "client"])
      await until(`the same counts of each ${side}`, () => JSON.stringify(counted(side)) === JSON.stringify(logged()), {
        ms: 20_000,
        tell: () =>
          `${JSON.stringify(counted(side))}; logged ${JSON.stringify(logged())}; ${scraped(socket).match(/^vedette_monitor_unsynced.*/gm)}`,
      });
    const routes = new Set(
      seriesOf(socket, "http_server_request_duration_seconds_count").map(({ of }) => of("http_route")),
    );
    for (const one of ["/users/{id}", "/users/{id}/orders", "/big.bin", "/made"]) assert.ok(routes.has(one), one);
    assert.not.match(scraped(socket), /s3cret|fake/);
    assert.not.match(scraped(socket), /^vedette_monitor_unsynced_total/m);
    // What comes behind a body in the same call is not seen. Then less is told, and nothing else.
    writeFileSync(join(folder, "more"), "");
    await until("the clients are done", () => existsSync(join(folder, "finished")), { ms: 60_000, tell: said });
    await until("it is told of what was not seen", () => /^vedette_monitor_unsynced_total/m.test(scraped(socket)));
    for (const side of ["server", "client"]) {
      const found = counted(side);
      const right = logged();
      for (const [name, count] of Object.entries(found))
        assert.ok(count <= (right[name] ?? 0), `${side}: ${name} ${count}, and ${right[name]} were logged`);
    }
    writeFileSync(join(folder, "over"), "");
    await ended;
  } finally {
    endGroup(child.pid);
  }
});

test.run();
