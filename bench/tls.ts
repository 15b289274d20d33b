// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- tls [--json] [--requests N]`: what --tls-plaintext costs nginx. One worker answers
// requests of one connection over TLS that is kept alive, natively, traced, and traced with the option, five
// times in turn. Told is the worker's own processor time a request: the client and other work on the machine
// do not change it.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../test/e2e/free-port.js";
import { endGroup, scratch, VEDETTE } from "../test/e2e/programs.js";
import { until } from "../test/until.js";
import { median } from "./measure/median.js";

const given = process.argv.indexOf("--requests");
const requests = given < 0 ? 20_000 : Number(process.argv[given + 1]);
const ROUNDS = 5;
const folder = scratch();
const port = await freePort();
const trace = [...VEDETTE, "trace", "--snaplen", "512", "-o", "/dev/null"];
const WAYS: Readonly<Record<string, readonly string[]>> = {
  native: [],
  traced: [...trace, "--"],
  plaintext: [...trace, "--tls-plaintext", "--"],
};

writeFileSync(
  join(folder, "nginx.conf"),
  `user root; daemon off; worker_processes 1; pid nginx.pid; error_log error.log; events {}
http { access_log off; keepalive_requests 1000000; ssl_certificate cert.pem; ssl_certificate_key key.pem;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  server { listen 127.0.0.1:${port} ssl; return 200 "hello"; } }\n`,
);
const makes =
  "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=a -keyout key.pem -out cert.pem -days 2";
spawnSync("openssl", makes.split(" "), { cwd: folder });

/** Time of a process on processors, in microseconds; a tick is a hundredth of a second (proc_pid_stat(5)). */
function timeOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

/** Microseconds of the worker a request. */
async function measure(way: readonly string[]): Promise<number> {
  const pidFile = join(folder, "nginx.pid");
  rmSync(pidFile, { force: true });
  const argv = [...way, "/usr/sbin/nginx", "-p", folder, "-e", "error.log", "-c", "nginx.conf"];
  const server = spawn(argv[0]!, argv.slice(1), { stdio: "ignore", detached: true });
  try {
    await until("nginx runs", () => existsSync(pidFile) && readFileSync(pidFile, "utf8") !== "", { ms: 60_000 });
    const master = readFileSync(pidFile, "utf8").trim();
    const children = `/proc/${master}/task/${master}/children`;
    await until("its worker runs", () => readFileSync(children, "utf8").trim() !== "", { ms: 60_000 });
    const worker = Number(readFileSync(children, "utf8").trim());
    const ask = (count: number): void => {
      const to = ["-sk", "--http1.1", "-o", "/dev/null", `https://127.0.0.1:${port}/[1-${count}]`];
      if (spawnSync("curl", to).status !== 0) throw new Error("curl could not ask");
    };
    await until(
      "nginx answers",
      () => spawnSync("curl", ["-sk", "-o", "/dev/null", `https://127.0.0.1:${port}/`]).status === 0,
    );
    ask(1000);
    const before = timeOf(worker);
    ask(requests);
    return (timeOf(worker) - before) / requests;
  } finally {
    endGroup(server.pid);
  }
}

const found: Record<string, number[]> = Object.fromEntries(Object.keys(WAYS).map((name) => [name, []]));
for (let i = 0; i < ROUNDS; i++) for (const [name, way] of Object.entries(WAYS)) found[name]!.push(await measure(way));
const figures = Object.fromEntries(Object.entries(found).map(([name, all]) => [name, median(all)]));
const report = { requests, rounds: ROUNDS, microseconds: figures, all: found };
if (process.argv.includes("--json")) console.log(JSON.stringify(report));
else
  for (const [name, us] of Object.entries(figures))
    console.log(`${name.padEnd(10)} ${us.toFixed(2)} us of the worker a request`);
process.exit(0);
