// SPDX-License-Identifier: Apache-2.0
//
// The meter of TLS against nginx' own logs: a true server, true clients, and all must tell of the same
// handshakes. Clients are curl and openssl (one process a connection), Node and Go, by TLS 1.2 and 1.3, with
// and without a name, with keys that make a hello long; sessions are resumed. Some refuse the
// certificate, ask for a name that there is not, for a version that there is not, or speak to a server
// that has no TLS.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { freePort } from "./free-port.js";
import { add, type Counts, scraped, seriesOf, sorted } from "./measured.js";
import { endGroup, hasCommand, scratch, start, VEDETTE } from "./programs.js";

const NGINX = "/usr/sbin/nginx";
const folder = scratch();
const port = await freePort();
const plain = await freePort();
const EACH = 5;
const missing = !existsSync(NGINX) ? "nginx" : ["curl", "openssl", "go"].find((name) => !hasCommand(name));

writeFileSync(
  join(folder, "nginx.conf"),
  `user root; daemon off; pid nginx.pid; error_log error.log info; events {}
http { log_format m '$ssl_server_name|$ssl_protocol'; access_log access.log m;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  ssl_certificate cert.pem; ssl_certificate_key key.pem; ssl_protocols TLSv1.2 TLSv1.3; keepalive_timeout 5;
  server { listen 127.0.0.1:${port} ssl default_server; ssl_reject_handshake on; }
  server { listen 127.0.0.1:${port} ssl; server_name localhost api.test other.test go.test ""; http2 on; return 200 "ok"; }
  server { listen 127.0.0.1:${plain}; return 200 "ok"; } }\n`,
);
writeFileSync(
  join(folder, "ask.mjs"),
  `import { request } from "node:https";
const ask = (options) => new Promise((resolve) => {
  const asked = request({ host: "127.0.0.1", port: ${port}, rejectUnauthorized: false, agent: false, ...options }, (answer) =>
    answer.resume().on("end", resolve));
  asked.on("error", resolve).end();
});
for (let i = 0; i < ${EACH}; i++) {
  await ask({ servername: "api.test", maxVersion: "TLSv1.2" });
  await ask({ servername: "other.test" });
  await ask({ servername: "unknown.test" });
}\n`,
);
writeFileSync(
  join(folder, "ask.go"),
  `package main
import ("crypto/tls"; "fmt"; "io")
func ask(config tls.Config) {
  connection, err := tls.Dial("tcp", "127.0.0.1:${port}", &config)
  if err != nil { return }
  fmt.Fprintf(connection, "GET / HTTP/1.0\\r\\n\\r\\n")
  io.ReadAll(connection)
  connection.Close()
}
func main() {
  for i := 0; i < ${EACH}; i++ {
    ask(tls.Config{ServerName: "go.test", InsecureSkipVerify: true})
    ask(tls.Config{ServerName: "go.test", InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
    ask(tls.Config{ServerName: "go.test"})
    ask(tls.Config{ServerName: "go.test", MaxVersion: tls.VersionTLS12})
  }
}\n`,
);
/** The server, and when it answers, clients that are watched like it. */
writeFileSync(
  join(folder, "run.sh"),
  `openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=api.test -keyout key.pem -out cert.pem -days 2 2>/dev/null
${NGINX} -p "$PWD" -e error.log -c nginx.conf & server=$!
until curl -s http://127.0.0.1:${plain}/ >/dev/null; do sleep 0.1; done
get() { curl -sk --resolve "*:${port}:127.0.0.1" -o /dev/null "$@"; }
for i in $(seq ${EACH}); do
  get https://api.test:${port}/
  get --http1.1 --tls-max 1.2 https://other.test:${port}/
  get --no-alpn --curves X25519MLKEM768 https://API.test:${port}/
  get https://127.0.0.1:${port}/
  get https://unknown.test:${port}/
  curl -s --resolve "*:${port}:127.0.0.1" -o /dev/null https://api.test:${port}/
  curl -s --tls-max 1.2 --resolve "*:${port}:127.0.0.1" -o /dev/null https://api.test:${port}/
  get https://api.test:${plain}/ --resolve "*:${plain}:127.0.0.1"
done
ask() { printf 'GET / HTTP/1.0\\r\\n\\r\\n' | openssl s_client -quiet -connect 127.0.0.1:${port} -servername api.test "$@"; }
{ ask -tls1_2 -sess_out session; ask -tls1_2 -sess_in session; ask -tls1_3 -groups P-521; } >/dev/null 2>&1
openssl s_client -connect 127.0.0.1:${port} -servername api.test -tls1_1 -cipher DEFAULT@SECLEVEL=0 </dev/null >/dev/null 2>&1
${process.execPath} ask.mjs
./ask
touch done; until [ -e over ]; do sleep 0.1; done; kill $server; wait`,
);

const socket = join(folder, "c.sock");

/** What the meter has counted: `name version` of what succeeded, and why the others failed. */
function told(side: string): { good: Counts; failed: Counts } {
  const [good, failed]: [Counts, Counts] = [{}, {}];
  for (const { of, value } of seriesOf(socket, `tls_${side}_handshake_duration_seconds_count`)) {
    const [name, error] = [of("tls_client_server_name"), of("error_type")];
    if (error === "") add(good, `${name} ${of("tls_protocol_version")}`, value);
    else add(failed, error, value);
  }
  return { good: sorted(good), failed: sorted(failed) };
}

/** What nginx has logged of requests, of which each connection has one. */
function logged(): Counts {
  const counts: Counts = {};
  for (const line of readFileSync(join(folder, "access.log"), "utf8").trim().split("\n")) {
    const [name, version] = line.split("|");
    if (version !== "-") add(counts, `${name === "-" ? "" : name} ${version!.replace("TLSv", "")}`.toLowerCase(), 1);
  }
  return sorted(counts);
}

/** What nginx has logged of alerts and versions. */
function refusals(): (number | undefined)[] {
  const errors = readFileSync(join(folder, "error.log"), "utf8");
  return [/SSL alert number 42/g, /SSL alert number 48/g, /unsupported protocol/g].map(
    (one) => errors.match(one)?.length,
  );
}

test("what the meter counts by name, version and alert is what nginx has logged, for both ends", async () => {
  if (missing !== undefined) return console.log(`skip: ${missing} is missing`);
  const built = spawnSync("go", ["build", "-o", "ask", "ask.go"], { cwd: folder, encoding: "utf8" });
  assert.is(built.status, 0, built.stderr);
  const flags = ["--policy", "meters/tls", "--snaplen", "2048", "--control", socket];
  const { child, ended, said } = start([...VEDETTE, "run", ...flags, "--", "sh", "run.sh"], {
    cwd: folder,
    limitMs: 150_000,
  });
  try {
    await until("the clients are done", () => existsSync(join(folder, "done")), { ms: 120_000, tell: said });
    const failed: Counts = {
      bad_certificate: EACH,
      encrypted_alert: EACH,
      protocol_version: 1,
      unknown_ca: 2 * EACH,
      unrecognized_name: 3 * EACH,
    };
    const wanted = () => [
      { good: logged(), failed },
      { good: logged(), failed: sorted({ ...failed, no_tls: EACH }) },
    ];
    const counted = () => [told("server"), told("client")];
    const tell = (): string => JSON.stringify({ counted: counted(), wanted: wanted() });
    const isSame = (): boolean => JSON.stringify(counted()) === JSON.stringify(wanted());
    await until("both ends tell what was logged, and what fails", isSame, { ms: 20_000, tell });
    const refused = [2 * EACH, failed.unknown_ca, failed.protocol_version]; // of the first the client encrypted a half
    await until("nginx has logged as many", () => JSON.stringify(refusals()) === JSON.stringify(refused), {
      ms: 20_000,
      tell: () => JSON.stringify(refusals()),
    });
    assert.not.match(scraped(socket), /^vedette_monitor_unsynced_total/m);
    writeFileSync(join(folder, "over"), "");
    await ended;
  } finally {
    endGroup(child.pid);
  }
});

test.run();
