// SPDX-License-Identifier: Apache-2.0
//
// The map of services against the servers' own counts: curl asks nginx, nginx asks a service in node, which
// asks Redis. Each of these edges is there once, with both names, and with as many requests, failures and
// connections as the servers' logs have. Then somebody asks whom nobody watches.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ServiceMap } from "../../host/control/shapes.js";
import { ask } from "../ask.js";
import { until } from "../until.js";
import { freePorts } from "./free-port.js";
import { endGroup, hasCommand, scratch, start, VEDETTE } from "./programs.js";

const NGINX = "/usr/sbin/nginx";
const [ROUNDS, OUTSIDE] = [15, 20];
const folder = scratch();
const socket = join(folder, "c.sock");
const [web, app, data, alone] = (await freePorts(4)) as [number, number, number, number];
/** What a command is, behind its symbolic links. */
const output = (command: string, ...words: string[]): string =>
  spawnSync(command, words, { encoding: "utf8" }).stdout?.trim() ?? "";
const REDIS = basename(output("sh", "-c", 'readlink -f "$(command -v redis-server)"'));
const PYTHON = basename(output("python3", "-c", "import os; print(os.readlink('/proc/self/exe'))"));
mkdirSync(join(folder, "files"));
writeFileSync(join(folder, "files/x"), "some");

writeFileSync(
  join(folder, "nginx.conf"),
  `daemon off; worker_processes 1; pid nginx.pid; error_log error.log; events {}
http { log_format m '$connection|$status|$upstream_status'; access_log access.log m;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  upstream app { server 127.0.0.1:${app}; keepalive 4; }
  server { listen 127.0.0.1:${web};
    location / { proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://app; }
    location /own { return 204; } } }\n`,
);
writeFileSync(
  join(folder, "app.mjs"),
  `import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
const redis = connect(${data}, "127.0.0.1").setNoDelay(true);
const waiting = [];
const counts = { connections: 0, requests: 0, failed: 0 };
redis.on("data", (bytes) => { for (const _ of bytes.toString().match(/\\r\\n/g) ?? []) waiting.shift()?.(); });
const incr = () => new Promise((done) => { waiting.push(done); redis.write("*2\\r\\n$4\\r\\nINCR\\r\\n$4\\r\\nhits\\r\\n"); });
const server = createServer(async (request, response) => {
  counts.requests++;
  await incr();
  if (request.url.startsWith("/fail")) { counts.failed++; response.statusCode = 503; }
  writeFileSync("counts", JSON.stringify(counts));
  response.end("some");
});
server.on("connection", () => counts.connections++);
server.listen(${app}, () => writeFileSync("listens", ""));
`,
);
const SCRIPT = `
redis-server --port ${data} --bind 127.0.0.1 --unixsocket r.sock --save '' & redis=$!
until redis-cli -s r.sock PING; do sleep 0.1; done >/dev/null 2>&1
${process.execPath} app.mjs & app=$!; until [ -e listens ]; do sleep 0.1; done
python3 -m http.server -d files ${alone} 2>alone.log & alone=$!
${NGINX} -p . -c nginx.conf & nginx=$!; until [ -s nginx.pid ]; do sleep 0.1; done
touch ready; until [ -e go ]; do sleep 0.1; done
for i in $(seq $1); do
  curl -s -o /dev/null http://127.0.0.1:${web}/a -o /dev/null 'http://127.0.0.1:${web}/b?token=s3cret' -o /dev/null http://127.0.0.1:${web}/fail
  curl -s -o /dev/null http://127.0.0.1:${web}/own
done
touch done; until [ -e over ]; do sleep 0.1; done; kill $nginx $alone $app $redis; wait`;

/** Edges by their ends: connections, and what meters say. */
async function edges(): Promise<Readonly<Record<string, string>>> {
  const { status, json } = await ask(socket, "/api/v1/monitor/map?minutes=60");
  assert.is(status, 200, JSON.stringify(json));
  const { items } = ServiceMap.parse(json);
  const rows = items.map(({ from, to, addresses, port, connections, failed, measured }) => {
    const numbers = measured.map(
      ({ protocol, by, requests, errors }) => `${protocol} by ${by} ${requests}, ${errors} failed`,
    );
    const edge = `${from?.program ?? "outside"} -> ${to?.program ?? "outside"} ${addresses} ${port}`;
    return [edge, [`${connections} made, ${failed} failed`, ...numbers].join("; ")] as const;
  });
  assert.is(new Set(rows.map(([edge]) => edge)).size, rows.length, JSON.stringify(rows));
  return Object.fromEntries(rows.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** As the servers' logs have them. */
function counted(): Readonly<Record<string, string>> {
  const log = readFileSync(join(folder, "access.log"), "utf8")
    .trim()
    .split("\n")
    .map((line) => line.split("|"));
  const own = JSON.parse(readFileSync(join(folder, "counts"), "utf8"));
  const info = (section: string): string => output("redis-cli", "-s", join(folder, "r.sock"), "INFO", section);
  const calls = Number(/cmdstat_incr:calls=(\d+)/.exec(info("commandstats"))?.[1]);
  const failed = log.filter(([, status]) => status === "503").length;
  const made = new Set(log.map(([connection]) => connection)).size;
  return {
    [`curl -> nginx 127.0.0.1 ${web}`]: `${made} made, 0 failed; http by client ${log.length}, ${failed} failed`,
    [`nginx -> node 127.0.0.1 ${app}`]: `${own.connections} made, 0 failed; http by client ${own.requests}, ${own.failed} failed`,
    [`node -> ${REDIS} 127.0.0.1 ${data}`]: `1 made, 0 failed; redis by client ${calls}, 0 failed`,
  };
}

const isSame = (a: object, b: object): boolean => JSON.stringify(a) === JSON.stringify(b);

test("edges, their names and their numbers are what the servers have counted, each once", async () => {
  const missing = ["redis-server", "redis-cli", "curl", "python3", "nginx"].find((one) => !hasCommand(one));
  if (missing !== undefined) return console.log(`skip: ${missing} is missing`);
  const policies = ["http-server", "http-client", "redis"].flatMap((one) => ["--policy", `meters/${one}`]);
  const words = [...policies, "--snaplen", "1024", "--control", socket];
  const { child, ended, said } = start([...VEDETTE, "run", ...words, "--", "sh", "-c", SCRIPT, "sh", String(ROUNDS)], {
    cwd: folder,
    limitMs: 150_000,
  });
  const become = async (what: string, wanted: () => object): Promise<void> => {
    let seen: object = {};
    const look = async (): Promise<boolean> => {
      seen = await edges();
      return isSame(seen, wanted());
    };
    const tell = (): string => `${JSON.stringify(seen)}; the servers have counted ${JSON.stringify(wanted())}`;
    await until(what, look, { ms: 20_000, everyMs: 500, tell });
  };
  try {
    await until("the servers are there", () => existsSync(join(folder, "ready")), { tell: said });
    writeFileSync(join(folder, "go"), "");
    await until("the clients are done", () => existsSync(join(folder, "done")), { tell: said });
    await become("the same edges", counted);
    const inside = counted();
    const log = readFileSync(join(folder, "access.log"), "utf8").split("\n").length - 1;
    assert.is(log, 4 * ROUNDS);
    for (let i = 0; i < OUTSIDE; i++) {
      assert.is((await ask(alone, "/x")).status, 200);
      assert.is((await ask(alone, "/none")).status, 404);
      assert.is((await ask(web, "/own")).status, 204);
    }
    const answers = readFileSync(join(folder, "alone.log"), "utf8").match(/"GET /g)!.length;
    const outside = {
      ...inside,
      [`outside -> nginx 127.0.0.1 ${web}`]: `${OUTSIDE} made, 0 failed`,
      [`outside -> ${PYTHON} 127.0.0.1 ${alone}`]: `${answers} made, 0 failed; http by server ${answers}, 0 failed`,
    };
    await become("who is not watched is outside, and a server's meter counts where nobody else asks", () => outside);
    assert.not.match((await ask(socket, "/api/v1/monitor/map")).text, /s3cret/);
    writeFileSync(join(folder, "over"), "");
    await ended;
  } finally {
    endGroup(child.pid);
  }
});

test.run();
