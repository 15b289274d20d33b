// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- operations [--json] [--requests N]`: whether meters ever tell a request under another's
// name. nginx, Apache and Redis run under `vedette run --policy meters`, and wrk and redis-benchmark ask them
// for N requests (a million by default) of many methods, paths, statuses and commands, on the same
// connections, some of them pipelined. By method, status and route, and by command, nothing may be counted
// more often than the servers' own logs and counters have it. Ends with 1 if something is.
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { freePorts } from "../test/e2e/free-port.js";
import { add, type Counts, scraped, seriesOf } from "../test/e2e/measured.js";
import { endGroup, start } from "../test/e2e/programs.js";
import { until } from "../test/until.js";
import { outputOf, VEDETTE } from "./measure/programs.js";

const { values: flags } = parseArgs({
  options: { json: { type: "boolean", default: false }, requests: { type: "string", default: "1000000" } },
});
const wanted = Number(flags.requests);
const folder = mkdtempSync(join(tmpdir(), "vedette-operations-"));
const socket = join(folder, "c.sock");
const [nginx = 0, apache = 0, redis = 0] = await freePorts(3);
const MODULES = "/usr/lib/apache2/modules";
const FIRST = 8;
const SECOND = 5;
/** Eight at a time: a request may begin in the read of the one before. */
const PIPELINE = 8;
const COMMANDS = "set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,mset";
/** How a server's own numbers differ from what was asked: commands that look at it. */
const OWN = ["INFO", "CONFIG"];

function writeFiles(): void {
  chmodSync(folder, 0o755);
  for (let i = 0; i < FIRST - 1; i++) {
    mkdirSync(join(folder, `html/a${i}`), { recursive: true });
    for (let j = 0; j < SECOND; j++) writeFileSync(join(folder, `html/a${i}/b${j}`), "x".repeat(20 * i * j));
  }
  const places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((one) => `${one}_temp_path ${one};`);
  writeFileSync(
    join(folder, "nginx.conf"),
    `user root; daemon off; worker_processes 2; pid nginx.pid; error_log error.log crit; events {}
http { log_format m '$status|$request_method|$uri'; access_log nginx.log m; keepalive_requests 1000; ${places.join(" ")}
  server { listen 127.0.0.1:${nginx}; root html; } }\n`,
  );
  const modules = ["mpm_event", "authz_core"].map((one) => `LoadModule ${one}_module ${MODULES}/mod_${one}.so`);
  writeFileSync(
    join(folder, "apache.conf"),
    `ServerRoot ${folder}\nServerName localhost\n${modules.join("\n")}\nListen 127.0.0.1:${apache}\nPidFile apache.pid
DefaultRuntimeDir ${folder}\nMutex file:${folder}\nUser www-data\nGroup www-data\nDocumentRoot ${folder}/html
ErrorLog error.log\nLogLevel crit\nLogFormat "%>s|%m|%U" m\nCustomLog apache.log m\n`,
  );
  writeFileSync(
    join(folder, "ask.lua"),
    `local methods = { "GET", "GET", "GET", "PUT", "DELETE" }
init = function(args) math.randomseed(tonumber(args[1])); depth = tonumber(args[2]) end
request = function()
  local all = {}
  for i = 1, depth do
    all[i] = wrk.format(methods[math.random(5)], "/a" .. math.random(0, ${FIRST - 1}) .. "/b" .. math.random(0, ${SECOND - 1}))
  end
  return table.concat(all)
end\n`,
  );
}

const linesOf = (name: string): string[] =>
  readFileSync(join(folder, `${name}.log`), "utf8")
    .split("\n")
    .slice(0, -1);
const cli = (...words: string[]): string => outputOf(["redis-cli", "-p", `${redis}`, ...words]);

/** As `nginx GET 200 /a1/b2`, and `redis SET`. */
function logged(): Counts {
  const counts: Counts = {};
  for (const name of ["nginx", "apache"])
    for (const line of linesOf(name)) {
      const [status = "", method = "", path = ""] = line.split("|");
      add(counts, `${name} ${method} ${status} ${path}`, 1);
    }
  for (const [, command, calls] of cli("INFO", "commandstats").matchAll(/cmdstat_(\w+):calls=(\d+)/g))
    add(counts, `redis ${command!.toUpperCase()}`, Number(calls));
  return counts;
}

/** Likewise. Without a route where the meter gives none. */
function told(): Counts {
  const counts: Counts = {};
  for (const { of, value } of seriesOf(socket, "http_server_request_duration_seconds_count")) {
    const name = of("process_executable_name").replace("apache2", "apache");
    add(counts, `${name} ${of("http_request_method")} ${of("http_response_status_code")} ${of("http_route")}`, value);
  }
  for (const { of, value } of seriesOf(socket, "db_server_operation_duration_seconds_count"))
    add(counts, `redis ${of("db_operation_name")}`, value);
  return counts;
}

/** Asks until so many requests were logged, by turns one at a time and pipelined. */
function ask(name: string, port: number, requests: number): void {
  for (let round = 1; linesOf(name).length < requests; round++) {
    const words = ["-t", "1", "-c", "20", "-d", "4", "-s", join(folder, "ask.lua"), `http://127.0.0.1:${port}`];
    outputOf(["wrk", ...words, "--", `${round}`, round % 2 === 0 ? `${PIPELINE}` : "1"]);
  }
}

const sum = (counts: Counts): number => Object.values(counts).reduce((all, one) => all + one, 0);

/** What was told more often than it was; a request without a route is any of its method and status. */
function wrongIn(found: Counts, right: Counts): string[] {
  const wrong = Object.entries(found).filter(([name, count]) => {
    const isOne = !name.endsWith(" ");
    const of = isOne
      ? (right[name] ?? 0)
      : sum(Object.fromEntries(Object.entries(right).filter(([one]) => one.startsWith(name))));
    return count > of && !OWN.includes(name.replace("redis ", ""));
  });
  return wrong.map(([name, count]) => `${name}: ${count}, and the server has ${right[name] ?? 0}`);
}

writeFiles();
const script = `nginx -e error.log -p . -c nginx.conf & apache2 -f '${folder}/apache.conf' -DFOREGROUND & redis-server --port ${redis} --bind 127.0.0.1 --save "" >/dev/null`;
const words = ["run", "--snaplen", "1024", "--policy", "meters", "--control", socket, "--", "sh", "-c", script];
const { child, ended, said } = start([...VEDETTE, ...words], { cwd: folder, limitMs: 580_000 });
try {
  const answers = (port: number): boolean => {
    try {
      execFileSync("curl", ["-s", "-o", "/dev/null", `http://127.0.0.1:${port}/a0/b0`]);
      return true;
    } catch {
      return false;
    }
  };
  await until("nginx and Apache answer", () => answers(nginx) && answers(apache), { tell: said });
  ask("nginx", nginx, wanted * 0.35);
  ask("apache", apache, wanted * 0.35);
  const each = `${Math.ceil((wanted * 0.15) / COMMANDS.split(",").length)}`;
  for (const depth of ["1", "16"])
    outputOf(["redis-benchmark", "-p", `${redis}`, "-c", "20", "-P", depth, "-n", each, "-t", COMMANDS, "-q"]);
  // What is underway when a client leaves is in some logs, and may be in no number.
  const counts: number[] = [];
  const isStill = (): boolean => counts.push(sum(told())) > 1 && counts.at(-1) === counts.at(-2);
  await until("nothing more is told", isStill, { ms: 60_000, everyMs: 2_000 });
  const [found, right] = [told(), logged()];
  const wrong = wrongIn(found, right);
  const unsynced = seriesOf(socket, "vedette_monitor_unsynced_total").reduce((all, { value }) => all + value, 0);
  const lost = [...scraped(socket).matchAll(/^vedette_lost_events_total\{.*\} (\d+)$/gm)].reduce(
    (all, [, one]) => all + Number(one),
    0,
  );
  const result = { requests: sum(right), told: sum(found), wrong, unsynced, lost, load: loadavg()[0] };
  if (flags.json) console.log(JSON.stringify(result));
  else {
    console.log(
      `${result.told} of ${result.requests} requests told, ${wrong.length} names too often; ${unsynced} counted as not followed, ${lost} events lost`,
    );
    for (const line of wrong) console.log(`  ${line}`);
  }
  process.exitCode = wrong.length === 0 ? 0 : 1;
} finally {
  endGroup(child.pid);
  await ended;
  rmSync(folder, { recursive: true, force: true });
}
process.exit();
