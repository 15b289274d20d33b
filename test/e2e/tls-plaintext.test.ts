// SPDX-License-Identifier: Apache-2.0
//
// The plaintext of TLS: OpenSSL's (nginx, curl), Node's own copy of it (a server and a client), and GnuTLS'
// (wget). What the meters of HTTP count by method and status is what the servers have logged; without the
// option nothing is told, and no library is patched. A storm of handshakes by threads and forks crashes
// nothing.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { freePort } from "./free-port.js";
import { add, type Counts, scraped, seriesOf, sorted } from "./measured.js";
import { compile, endGroup, hasCommand, ROOT, run, scratch, start, VEDETTE } from "./programs.js";
import { notices, ofType, trace } from "./traces.js";

const NGINX = "/usr/sbin/nginx";
const EACH = 20;
const folder = scratch();
const port = await freePort();
const nodePort = await freePort();
const socket = join(folder, "c.sock");
const missing = !existsSync(NGINX) ? "nginx" : ["curl", "openssl", "wget"].find((name) => !hasCommand(name));

writeFileSync(
  join(folder, "nginx.conf"),
  `user root; daemon off; worker_processes 2; pid nginx.pid; error_log error.log; events {}
http { log_format m '$request_method $status|$http_x_from'; access_log nginx.log m;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  ssl_certificate cert.pem; ssl_certificate_key key.pem; keepalive_requests 100000;
  server { listen 127.0.0.1:${port} ssl; location / { return 200 "ok"; } location /users/ { return 200 "user"; }
    location /fail { return 503; } location /made { return 201 "x"; } } }\n`,
);
writeFileSync(
  join(folder, "server.mjs"),
  `import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
const files = { cert: readFileSync("cert.pem"), key: readFileSync("key.pem") };
const statuses = { "/fail": 503, "/made": 201 };
createServer(files, (asked, answer) => {
  let body = 0;
  asked.on("data", (bytes) => (body += bytes.length)).on("end", () => {
    const status = statuses[asked.url] ?? 200;
    appendFileSync("node.log", asked.method + " " + status + "|" + asked.headers["x-from"] + "\\n");
    answer.writeHead(status).end("of " + body);
  });
}).listen(${nodePort}, "127.0.0.1", () => writeFileSync("node.ready", ""));\n`,
);
writeFileSync(
  join(folder, "ask.mjs"),
  `import { Agent, request } from "node:https";
const agent = new Agent({ keepAlive: true, maxSockets: 4, rejectUnauthorized: false });
const ask = (port, method, path, body) => new Promise((resolve, reject) => {
  const asked = request({ agent, host: "127.0.0.1", port, method, path, headers: { "x-from": "node" } }, (answer) =>
    answer.resume().on("end", resolve));
  asked.on("error", reject).end(body);
});
const all = [];
for (let i = 0; i < ${EACH}; i++) {
  for (const port of [${port}, ${nodePort}]) {
    all.push(ask(port, "GET", "/users/" + i), ask(port, "POST", "/made", "x".repeat(100 * i)), ask(port, "GET", "/fail"));
  }
}
await Promise.all(all);
agent.destroy();\n`,
);
/** The servers, and when they answer, clients that are watched like them. */
writeFileSync(
  join(folder, "run.sh"),
  `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=api.test -keyout key.pem -out cert.pem -days 2 2>/dev/null
${NGINX} -p "$PWD" -e error.log -c nginx.conf & nginx=$!
${process.execPath} server.mjs & node=$!
until [ -s nginx.pid ] && [ -e node.ready ]; do sleep 0.1; done
for at in ${port} ${nodePort}; do
  for i in $(seq ${EACH}); do
    curl -sk --http1.1 -H 'x-from: curl' -o /dev/null -o /dev/null https://127.0.0.1:$at/users/$i https://127.0.0.1:$at/fail
    curl -sk --http1.1 -H 'x-from: curl' -o /dev/null -d "name=$i" https://127.0.0.1:$at/made
    wget -q --no-check-certificate --header='x-from: wget' -O /dev/null https://127.0.0.1:$at/users/$i
    wget -q --no-check-certificate --header='x-from: wget' -O /dev/null --post-data=a=b https://127.0.0.1:$at/made
  done
done
${process.execPath} ask.mjs
touch done; until [ -e over ]; do sleep 0.1; done; kill $nginx $node; wait`,
);

const lines = (name: string): string[] => readFileSync(join(folder, name), "utf8").trim().split("\n");

function logged(names: readonly string[], from?: string): Counts {
  const counts: Counts = {};
  for (const line of names.flatMap(lines)) {
    const [what = "", by] = line.split("|");
    if (from === undefined || by === from) add(counts, what, 1);
  }
  return sorted(counts);
}

function told(side: string, program: string): Counts {
  const counts: Counts = {};
  for (const { of, value } of seriesOf(socket, `http_${side}_request_duration_seconds_count`)) {
    if (of("process_executable_name") !== program) continue;
    add(counts, `${of("http_request_method")} ${of("http_response_status_code")}`, value);
  }
  return sorted(counts);
}

/** By who counts it: what its log has, and what was told of it. */
function both(): { log: Record<string, Counts>; told: Record<string, Counts> } {
  const clients = ["curl", "node", "wget"];
  return {
    log: {
      nginx: logged(["nginx.log"]),
      node: logged(["node.log"]),
      ...Object.fromEntries(clients.map((name) => [`by ${name}`, logged(["nginx.log", "node.log"], name)])),
    },
    told: {
      nginx: told("server", "nginx"),
      node: told("server", "node"),
      ...Object.fromEntries(clients.map((name) => [`by ${name}`, told("client", name)])),
    },
  };
}

test("nginx, node, curl and wget by TLS: methods, statuses and routes are what the servers have logged", async () => {
  if (missing !== undefined) return console.log(`skip: ${missing} is missing`);
  const meters = ["--policy", "meters/http-server", "--policy", "meters/http-client", "--control", socket];
  const words = ["run", "--tls-plaintext", "--snaplen", "1024", ...meters, "--", "sh", "run.sh"];
  const { child, ended, said } = start([...VEDETTE, ...words], { cwd: folder, limitMs: 200_000 });
  try {
    await until("the clients have asked", () => existsSync(join(folder, "done")), { ms: 150_000, tell: said });
    const isSame = (): boolean => JSON.stringify(both().told) === JSON.stringify(both().log);
    await until("the same counts", isSame, { ms: 20_000, tell: () => JSON.stringify(both(), null, 1) + said() });
    const routes = new Set(
      seriesOf(socket, "http_server_request_duration_seconds_count").map(({ of }) => of("http_route")),
    );
    assert.equal([...routes].sort(), ["", "/made", "/users/{id}"]);
    assert.not.match(scraped(socket), /^vedette_monitor_unsynced_total\{.* [1-9]/m);
    writeFileSync(join(folder, "over"), "");
    const { status, stderr } = await ended;
    assert.is(status, 0, stderr);
  } finally {
    endGroup(child.pid);
  }
});

const LOOKS = `import ctypes, ssl
ssl.create_default_context()
library = ctypes.CDLL("libssl.so.3")
for name in ("SSL_read", "SSL_write", "SSL_read_ex", "SSL_write_ex", "SSL_do_handshake"):
    print(name, ctypes.string_at(ctypes.cast(getattr(library, name), ctypes.c_void_p).value, 16).hex())`;

test("without the option no library is patched; with it, each of its functions begins with a jump", async () => {
  const looks = ["python3", "-c", LOOKS];
  const bare = await run(looks);
  if (bare.status !== 0) return console.log("skip: python3 has no ssl");
  const off = await trace("tls-plaintext", looks, { cwd: scratch() });
  const on = await trace("tls-plaintext", looks, { cwd: scratch(), flags: ["--tls-plaintext"] });
  assert.is(off.run.stdout, bare.stdout);
  for (const line of on.run.stdout.trim().split("\n")) assert.match(line, / e9/);
  assert.equal(
    notices(on.events, "UNPATCHED").filter((text) => text.includes("libssl")),
    [],
  );
});

test("without the option no plaintext is told, and what passes is an ordinary call", async () => {
  if (missing !== undefined) return console.log(`skip: ${missing} is missing`);
  const asks = ["curl", "-sk", "-m", "5", "-o", "/dev/null", `https://127.0.0.1:${port}/`];
  const { events } = await trace("tls-plaintext", asks, { cwd: scratch() });
  assert.equal([...ofType(events, "tls_read"), ...ofType(events, "tls_write")], []);
});

test("10,000 handshakes by threads that fork crash nothing, and each of them is told", async () => {
  if (!existsSync("/usr/include/openssl/ssl.h")) return console.log("skip: OpenSSL's headers are missing");
  const source = join(ROOT, "test/e2e/tls-storm.c");
  const flags = ["-O1", "-Wall", "-Wextra", source, "-lssl", "-lcrypto", "-lpthread"];
  const storm = compile("gcc", (to) => ["-o", to, ...flags], join(scratch(), "tls-storm"));
  const words = ["trace", "--tls-plaintext", "--summary", "--json"];
  const { status, stdout, stderr } = await run([...VEDETTE, ...words.slice(0, 3), "--", storm, "10000"], {
    limitMs: 350_000,
  });
  assert.is(status, 0, stdout + stderr);
  assert.match(stdout, /^10000 handshakes, 0 failed$/m);
  const counted = (name: string): number =>
    Number(new RegExp(`^${name} +([\\d,]+)`, "m").exec(stderr)?.[1]?.replaceAll(",", ""));
  assert.is(counted("tls_read"), 20_000, stderr);
  assert.is(counted("tls_write"), 20_000, stderr);
});

test.run();
