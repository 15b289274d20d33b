// SPDX-License-Identifier: Apache-2.0
//
// The meter of HTTP servers against the logs of two more servers: Apache with threads, and a static program
// of Go's net/http that Apache asks for what it has not itself. Compared are counts by method and status,
// and percentiles of what waits in Go. ab makes connections anew or keeps them alive. Others pipeline, send
// chunks, close half a connection, and speak something else after an upgrade, through both servers.
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { isNear, loggedAt, measuredAt, writeDurations } from "./durations.js";
import { buildFixture } from "./fixtures.js";
import { freePorts } from "./free-port.js";
import { askAll, converse, type Kind, talk } from "./http-traffic.js";
import { add, type Counts, scraped, seriesOf, sorted } from "./measured.js";
import { endGroup, hasCommand, run, scratch, start, VEDETTE } from "./programs.js";

const NEEDED = ["apache2", "ab", "go", "curl"];
const MODULES = "/usr/lib/apache2/modules";
const EACH = 50;
const ROUNDS = 20;
const PROGRAMS = ["apache2", "logging_server"] as const;
const folder = scratch();
const socket = join(folder, "c.sock");
const [port = 0, goPort = 0] = await freePorts(2);
const go = `127.0.0.1:${goPort}`;

mkdirSync(join(folder, "html"));
chmodSync(folder, 0o755); // Apache's children are www-data
writeFileSync(join(folder, "html/index.html"), "hello\n");
writeFileSync(join(folder, "html/big.bin"), Buffer.alloc(300_000));
writeFileSync(
  join(folder, "apache.conf"),
  `ServerRoot ${folder}
ServerName localhost
${["mpm_event", "authz_core", "dir", "alias", "proxy", "proxy_http"].map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`).join("\n")}
Listen 127.0.0.1:${port}
PidFile apache.pid
DefaultRuntimeDir ${folder}
Mutex file:${folder}
User www-data
Group www-data
DocumentRoot ${folder}/html
MaxKeepAliveRequests 0
ProxyPass /go/upgrade http://${go}/upgrade upgrade=websocket
ProxyPass /go/ http://${go}/
Redirect 301 /old /
ErrorLog error.log
LogFormat "%>s|%m|%D" m
CustomLog access.log m\n`,
);

const KINDS: readonly Kind[] = [
  ["GET", "/"],
  ["GET", "/?token=s3cret"],
  ["HEAD", "/"],
  ["GET", "/big.bin"],
  ["GET", "/missing"],
  ["GET", "/old"],
  ["GET", "/", "", { "if-modified-since": new Date(Date.now() + 1e7).toUTCString() }],
  ["OPTIONS", "/"],
  ["DELETE", "/"],
  ["GET", "/go/users/12"],
  ["GET", "/go/users/99?token=s3cret"],
  ["GET", "/go/chunks"],
  ["GET", "/go/missing"],
  ["GET", "/go/fail"],
  ["POST", "/go/users/7", "GET /fake HTTP/1.1\r\n\r\n".repeat(100)],
  ["PATCH", "/go/users/7", "chunks", { "transfer-encoding": "chunked" }],
];
/** PUT is what waits: two thirds, then a quarter, then the rest. */
const WAITING: readonly Kind[] = Array.from({ length: 240 }, (_, i) => [
  "PUT",
  `/go/wait/${i % 12 < 8 ? 10 : i % 12 < 11 ? 30 : 60}ms`,
]);

async function traffic(): Promise<void> {
  const at = `http://127.0.0.1:${port}`;
  await askAll(port, Array.from({ length: EACH }, () => KINDS).flat());
  await askAll(port, WAITING);
  for (const words of [["-k"], []]) {
    const { status, stderr } = await run(["ab", "-q", ...words, "-n", "1000", "-c", "8", `${at}/`]);
    assert.is(status, 0, stderr);
  }
  const get = (path: string, more = ""): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
  for (let i = 0; i < ROUNDS; i++) {
    await talk(port, [`${get("/go/users/1")}${get("/missing")}HEAD / HTTP/1.1\r\nHost: a\r\n\r\n${get("/go/fail")}`]);
    await talk(port, ["GET /go/us", "ers/2 HT", "TP/1.1\r\nHo", "st: a\r\n\r", "\n"]);
    await talk(port, [
      "POST /go/users/3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
      "c\r\n",
      "0\r\n\r\n",
    ]);
    await talk(goPort, [get("/users/1") + get("/chunks") + get("/fail")]);
    await talk(port, ["GET / HTTP/1.0\r\n\r\n"]);
    const hello = get("/go/upgrade", "Connection: Upgrade\r\nUpgrade: websocket\r\n");
    const heard = await converse(port, [hello, get("/no/request"), get("/neither")]);
    assert.match(heard, /^HTTP\/1\.1 101 .*GET \/no\/request .*GET \/neither /s);
  }
}

/** As `GET 200`. */
function counted(program: string): Counts {
  const counts: Counts = {};
  for (const { of, value } of seriesOf(socket, "http_server_request_duration_seconds_count"))
    if (of("process_executable_name") === program)
      add(counts, `${of("http_request_method")} ${of("http_response_status_code")}`, value);
  return sorted(counts);
}

const linesOf = (program: string): (readonly string[])[] =>
  readFileSync(join(folder, program === "apache2" ? "access.log" : "go.log"), "utf8")
    .trim()
    .split("\n")
    .map((line) => line.split("|"));

function logged(program: string): Counts {
  const counts: Counts = {};
  for (const [status, method] of linesOf(program)) add(counts, `${method} ${status}`, 1);
  return sorted(counts);
}

test("H92: what Apache and Go have logged is counted, takes as long as they say, and has no other's name", async () => {
  const missing = NEEDED.find((name) => !hasCommand(name));
  if (missing !== undefined) return console.log(`skip: ${missing} is missing`);
  const script = `'${buildFixture("logging_server")}' ${go} go.log & apache2 -f '${folder}/apache.conf' -DFOREGROUND`;
  const policies = ["meters/http-server", writeDurations(folder)].flatMap((one) => ["--policy", one]);
  const words = [...policies, "--snaplen", "1024", "--control", socket, "--", "sh", "-c", script];
  const { child, said } = start([...VEDETTE, "run", ...words], { cwd: folder, limitMs: 150_000 });
  try {
    await until("Apache answers", () => existsSync(join(folder, "apache.pid")), { tell: said });
    const answers = (): Promise<boolean> =>
      fetch(`http://${go}/users/1`).then(
        () => true,
        () => false,
      );
    await until("Go answers", answers, { tell: said });
    await traffic();
    for (const program of PROGRAMS) {
      const isSame = (): boolean => JSON.stringify(counted(program)) === JSON.stringify(logged(program));
      await until(`${program}'s counts`, isSame, {
        ms: 20_000,
        everyMs: 200,
        tell: () => `${JSON.stringify(counted(program))}; it has logged ${JSON.stringify(logged(program))}`,
      });
      assert.is(counted(program)["GET 101"], ROUNDS);
      const times = linesOf(program).flatMap(([, method, us]) => (method === "PUT" ? [Number(us)] : []));
      assert.is(times.length, WAITING.length);
      for (const share of [0.5, 0.99]) {
        const [measured, right] = [measuredAt(socket, program, "PUT", share), loggedAt(times, share)];
        assert.ok(isNear(measured, right), `${program}, share ${share}: ${measured} us; it has logged ${right} us`);
      }
    }
    assert.not.match(scraped(socket), /s3cret|fake|neither|no\/request/);
    assert.not.match(scraped(socket), /^vedette_monitor_unsynced_total/m);
  } finally {
    endGroup(child.pid);
  }
});

test.run();
