// SPDX-License-Identifier: Apache-2.0
//
// The meter of DNS against unbound's own log: a server with two threads that asks another one, each of which
// logs its replies, and dig as their client, by UDP and by TCP. Both ends of each lookup must tell what was
// logged, by type and response code; and no lookup is told under another's name.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { add, type Counts, scraped, seriesOf, sorted } from "./measured.js";
import { endGroup, hasCommand, scratch, start, VEDETTE } from "./programs.js";

const folder = scratch();
const socket = join(folder, "c.sock");
const NEEDED = ["unbound", "dig", "curl", "ip", "unshare"];
const missing = process.getuid?.() !== 0 ? "root" : NEEDED.find((name) => !hasCommand(name));
const MANY = Array.from({ length: 60 }, (_, i) => `local-data: "many.dns.zone. A 192.0.2.${i + 1}"`);
const CODES = ["dns_question_type", "dns_response_code"];
const NAMES = ["dns_question_name", "dns_question_type"];

/** A server at an address, with data of a zone, whose replies go to NAME.log. */
function configure(name: string, address: string, lines: readonly string[]): void {
  const server = [
    ...[`interface: ${address}`, 'chroot: ""', 'username: ""', 'directory: "."', `pidfile: "${name}.pid"`],
    ...["use-syslog: no", `logfile: "${name}.log"`, "log-replies: yes", "do-not-query-localhost: no"],
    ...['module-config: "iterator"', "num-threads: 2", ...lines],
  ];
  const rest = "remote-control:\n control-enable: no\nforward-zone:\n name: up.zone\n forward-addr: 127.0.0.2\n";
  writeFileSync(join(folder, name), `server:\n ${server.join("\n ")}\n${rest}`);
}

configure("front", "127.0.0.1", [
  'local-zone: "dns.zone." static',
  'local-data: "api.dns.zone. A 192.0.2.1"',
  'local-data: "api.dns.zone. AAAA 2001:db8::1"',
  `local-data: 'txt.dns.zone. TXT "hello"'`,
  'local-zone: "not.zone." refuse',
  ...MANY,
]);
// What has no time to live is asked for each time.
configure("back", "127.0.0.2", ['local-zone: "up.zone." static', 'local-data: "far.up.zone. 0 A 192.0.2.3"']);

const ASKED = [
  ...["api.dns.zone A", "api.dns.zone AAAA", "no.dns.zone A", "txt.dns.zone TXT", "a.not.zone A", "far.up.zone A"],
  ...["gone.up.zone AAAA", "api.dns.zone TYPE4711", "many.dns.zone A"],
];
writeFileSync(
  join(folder, "names"),
  `${Array.from({ length: 20 }, () => ASKED)
    .flat()
    .join("\n")}\n`,
);
/** In a network of its own, where the servers have port 53. */
writeFileSync(
  join(folder, "run.sh"),
  `ip link set lo up
unbound -d -c front & front=$!
unbound -d -c back & back=$!
dig() { command dig +tries=1 +timeout=60 @127.0.0.1 "$@" >/dev/null; }
until grep -q 'start of service' front.log && grep -q 'start of service' back.log; do sleep 0.1; done 2>/dev/null
for how in +edns +noedns +tcp +keepopen +bufsize=512; do dig $how -f names & clients="$clients $!"; done
wait $clients
dig +keepopen +tcp api.dns.zone A no.dns.zone A api.dns.zone AAAA
touch done; until [ -e over ]; do sleep 0.1; done; kill $front $back; wait`,
);

/** What the meter has counted, by these labels. */
function told(side: "" | "server_", key: readonly string[]): Counts {
  const counts: Counts = {};
  for (const { of, value } of seriesOf(socket, `dns_${side}lookup_duration_seconds_count`))
    add(counts, key.map(of).join(" "), value);
  return sorted(counts);
}

/** What the servers have logged: by type and code, and by name and type. */
function logged(): { codes: Counts; names: Counts } {
  const codes: Counts = {};
  const names: Counts = {};
  for (const file of ["front.log", "back.log"]) {
    const text = readFileSync(join(folder, file), "utf8");
    for (const [, name, word, code] of text.matchAll(/ info: 127\.0\.0\.\d (\S+)\. (\S+) IN ([A-Z]+) [\d.]+ /g)) {
      const type = word!.startsWith("TYPE") ? "_OTHER" : word;
      add(codes, `${type} ${code}`, 1);
      add(names, `${name} ${type}`, 1);
    }
  }
  return { codes: sorted(codes), names: sorted(names) };
}

test("what the meter counts by type and code is what unbound has logged, for servers and for clients", async () => {
  if (missing !== undefined) return console.log(`skip: ${missing} is missing`);
  const flags = ["--policy", "meters/dns", "--snaplen", "512", "--control", socket];
  const run = [...VEDETTE, "run", ...flags, "--", "sh", "run.sh"];
  const { child, ended, said } = start(["unshare", "-n", ...run], { cwd: folder, limitMs: 150_000 });
  try {
    await until("the client is done", () => existsSync(join(folder, "done")), { ms: 120_000, tell: said });
    const { codes, names } = logged();
    for (const side of ["server_", ""] as const) {
      await until("what was logged", () => JSON.stringify(told(side, CODES)) === JSON.stringify(codes), {
        ms: 20_000,
        everyMs: 200,
        tell: () => JSON.stringify({ side, counted: told(side, CODES), logged: codes }),
      });
      for (const [name, count] of Object.entries(told(side, NAMES)))
        assert.ok(name.startsWith("_OTHER ") || count <= (names[name] ?? 0), `${side}${name}: ${count}`);
    }
    assert.ok(names["far.up.zone A"]! > 100, JSON.stringify(names));
    assert.is(codes["A REFUSED"], 100);
    assert.not.match(scraped(socket), /^vedette_monitor_unsynced_total/m);
    writeFileSync(join(folder, "over"), "");
    await ended;
  } finally {
    endGroup(child.pid);
  }
});

test.run();
