// SPDX-License-Identifier: Apache-2.0
//
// The meter of DNS against dnsmasq's own log: two true servers, of which one asks the other, true
// clients, and all must tell of the same lookups. Clients are glibc (A and AAAA in one call, on UDP and
// on TCP), musl, c-ares in Node (TCP for what is too long), busybox, dig and Go. They ask for what there is,
// and what there is not. A Falco rule and a policy of a tenant's are asked for the names that are sent: each
// query that the servers log is one that they have seen, name for name and type for type.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { add, type Counts, scraped, seriesOf, sorted } from "./measured.js";
import { endGroup, hasCommand, scratch, start, VEDETTE } from "./programs.js";

const folder = scratch();
const NEEDED = ["dnsmasq", "dig", "busybox", "curl", "go", "musl-gcc", "ip", "unshare"];
const missing = process.getuid?.() !== 0 ? "root" : NEEDED.find((name) => !hasCommand(name));
const MANY = Array.from({ length: 60 }, (_, i) => `192.0.2.${i + 1}`);

writeFileSync(join(folder, "resolv.conf"), "nameserver 127.0.0.1\noptions timeout:30 attempts:1\n");
writeFileSync(
  join(folder, "conf"),
  ["no-hosts", "no-resolv", "log-queries=extra", "log-facility=-", "bind-interfaces", "cache-size=0", "user=root"].join(
    "\n",
  ),
);
writeFileSync(
  join(folder, "front"),
  `conf-file=conf\npid-file=front.pid\nlisten-address=127.0.0.1\nserver=/up.test/127.0.0.2\nlocal=/dns.test/
host-record=api.dns.test,192.0.2.1,2001:db8::1\nhost-record=old.dns.test,192.0.2.2\ntxt-record=txt.dns.test,hello
${MANY.map((address) => `host-record=many.dns.test,${address}`).join("\n")}\n`,
);
writeFileSync(
  join(folder, "back"),
  `conf-file=conf\npid-file=back.pid\nlisten-address=127.0.0.2\nlocal=/up.test/\nhost-record=far.up.test,192.0.2.3,2001:db8::3\n`,
);
writeFileSync(
  join(folder, "ask.mjs"),
  `import { Resolver } from "node:dns/promises";
const ask = async (worker) => {
  const resolver = new Resolver({ timeout: 60_000, tries: 1 });
  for (let i = 0; i < 50; i++) {
    const name = ["api.dns.test", "no" + i + ".dns.test", "far.up.test", "elsewhere.example", "many.dns.test"][(i + worker) % 5];
    await (i % 2 ? resolver.resolve4(name) : resolver.resolve6(name)).catch(() => null);
  }
};
await Promise.all(Array.from({ length: 20 }, (_, worker) => ask(worker)));\n`,
);
writeFileSync(
  join(folder, "ask.go"),
  `package main
import ("context"; "net")
func main() {
  resolver := net.Resolver{PreferGo: true}
  for i := 0; i < 20; i++ {
    for _, name := range []string{"api.dns.test.", "no.dns.test.", "many.dns.test.", "far.up.test."} {
      resolver.LookupHost(context.Background(), name)
    }
    resolver.LookupTXT(context.Background(), "txt.dns.test.")
  }
}\n`,
);
writeFileSync(
  join(folder, "ask.c"),
  `#include <netdb.h>
int main(int count, char **names) {
  struct addrinfo *found;
  for (int i = 1; i < count; i++)
    if (getaddrinfo(names[i], 0, 0, &found) == 0) freeaddrinfo(found);
}\n`,
);
const CALLS = ["sendto", "sendmsg", "sendmmsg", "write", "writev"];
writeFileSync(
  join(folder, "rules.yaml"),
  `- rule: asked
  desc: what is asked for
  condition: evt.type in (${CALLS.join(", ")}) and dns.question.name exists
  output: "%evt.type %evt.rawres %dns.question.name %dns.question.type"
  priority: DEBUG\n`,
);
mkdirSync(join(folder, "names"));
writeFileSync(join(folder, "names/policy.yaml"), "name: names\n");
writeFileSync(
  join(folder, "names/index.ts"),
  `import { counter, Event, EventId, meter } from "vedette";
import { DnsQuery } from "vedette/protocols";
const QUERY = new DnsQuery();
const ASKED = counter({ name: "asked", unit: "{query}", doc: "queries", labels: ["name", "type"], slots: 500 });
@meter({ name: "queries", events: ["${CALLS.join('", "')}"] })
export function queries(e: Event): void {
  if (e.fd.sport != 53 || !QUERY.read(e)) return;
  ASKED.label(QUERY.name).label(QUERY.type).add(1);
  // What glibc sends along with the first is for the same name: two messages, or two queries of a stream.
  const isTwice = e.evt_type == EventId.sendmmsg ? e.res == 2 : e.res == 2 * (20 + QUERY.name.size);
  if (isTwice) ASKED.label(QUERY.name).label("AAAA").add(1);
}\n`,
);
/** In a network of its own, where the servers have port 53. */
writeFileSync(
  join(folder, "run.sh"),
  `dnsmasq -k --conf-file=front 2>front.log & front=$!
dnsmasq -k --conf-file=back 2>back.log & back=$!
until grep -q started front.log && grep -q started back.log; do sleep 0.1; done
dig() { command dig +tries=1 +timeout=60 "$@" >/dev/null; }
for name in api.dns.test no.dns.test old.dns.test far.up.test gone.up.test else.where.example; do
  getent ahosts $name
  busybox nslookup $name
  dig $name
  dig +tcp +noedns $name AAAA
done >/dev/null
RES_OPTIONS=use-vc getent ahosts many.dns.test >/dev/null
dig txt.dns.test TXT . NS api.dns.test CAA api.dns.test TYPE4711
dig +noedns many.dns.test
dig +keepopen +tcp api.dns.test A no.dns.test A api.dns.test AAAA
dig +edns=5 +noednsneg api.dns.test
${process.execPath} ask.mjs
./ask
./ask-musl api.dns.test no.dns.test far.up.test else.where.example
touch done; until [ -e over ]; do sleep 0.1; done; kill $front $back; wait`,
);

const socket = join(folder, "c.sock");

/** What the meter has counted, by type and code; of names, where there are such. */
function told(side: "" | "server_", key: readonly string[]): Counts {
  const counts: Counts = {};
  for (const { of, value } of seriesOf(socket, `dns_${side}lookup_duration_seconds_count`))
    add(counts, key.map(of).join(" "), value);
  return sorted(counts);
}
const CODES = ["dns_question_type", "dns_response_code"];
const NAMES = ["dns_question_name", "dns_question_type"];

/** What the policy has counted of names that were sent. */
function counted(): Counts {
  const counts: Counts = {};
  for (const { of, value } of seriesOf(socket, "asked_total")) add(counts, `${of("name")} ${of("type")}`, value);
  return sorted(counts);
}

/** What the rule has told of them. */
function alerted(): Counts {
  const counts: Counts = {};
  for (const line of readFileSync(join(folder, "alerts"), "utf8").split("\n").slice(0, -1)) {
    const { output_fields: of } = JSON.parse(line) as { output_fields: Record<string, string | number> };
    const [call, res, name, type] = ["evt.type", "evt.rawres", "dns.question.name", "dns.question.type"].map((field) =>
      String(of[field]),
    ) as [string, string, string, string];
    add(counts, `${name} ${type}`, 1);
    if (Number(res) === (call === "sendmmsg" ? 2 : 2 * (20 + name.length))) add(counts, `${name} AAAA`, 1);
  }
  return sorted(counts);
}

/** What the servers have logged: queries by type and code, and by name and type. */
function logged(): { codes: Counts; names: Counts; sent: Counts } {
  const codes: Counts = {};
  const names: Counts = {};
  const sent: Counts = {};
  for (const file of ["front.log", "back.log"]) {
    const ends = new Map<string, string>();
    const text = readFileSync(join(folder, file), "utf8");
    for (const [, key, code] of text.matchAll(/^dnsmasq\[(\d+\]: \d+) \S+ \S+ .* is (NXDOMAIN|REFUSED|SERVFAIL)/gm))
      ends.set(key!, code!);
    for (const [, key, word, name] of text.matchAll(/^dnsmasq\[(\d+\]: \d+) \S+ query\[([^\]]+)\] (\S+) from/gm)) {
      const type = word!.startsWith("type=") ? "_OTHER" : word;
      add(codes, `${type} ${ends.get(key!) ?? "NOERROR"}`, 1);
      add(names, `${name} ${type}`, 1);
      add(sent, `${name} ${word!.replace("type=", "")}`, 1);
    }
  }
  return { codes: sorted(codes), names: sorted(names), sent: sorted(sent) };
}

test("what the meter counts by type, code and name is what dnsmasq has logged, for servers and for clients", async () => {
  if (missing !== undefined) return console.log(`skip: ${missing} is missing`);
  const built = spawnSync("go", ["build", "-o", "ask", "ask.go"], { cwd: folder, encoding: "utf8" });
  assert.is(built.status, 0, built.stderr);
  const musl = spawnSync("musl-gcc", ["-static", "-o", "ask-musl", "ask.c"], { cwd: folder, encoding: "utf8" });
  assert.is(musl.status, 0, musl.stderr);
  const rules = ["--policy", join(folder, "names"), "--falco-rules", join(folder, "rules.yaml"), "--falco-exact"];
  const flags = ["--policy", "meters/dns", ...rules, "--alerts", "alerts", "--snaplen", "512", "--control", socket];
  const apart = `ip link set lo up && mount --bind resolv.conf /etc/resolv.conf && exec "$@"`;
  const run = [...VEDETTE, "run", ...flags, "--", "sh", "run.sh"];
  const { child, ended, said } = start(["unshare", "-mn", "sh", "-c", apart, "sh", ...run], {
    cwd: folder,
    limitMs: 150_000,
  });
  try {
    await until("the clients are done", () => existsSync(join(folder, "done")), { ms: 120_000, tell: said });
    const { codes, names, sent } = logged();
    const tell = (): string => JSON.stringify({ server: told("server_", CODES), client: told("", CODES), codes });
    const isSame = (): boolean =>
      [told("server_", CODES), told("", CODES)].every((one) => JSON.stringify(one) === JSON.stringify(codes));
    await until("both ends tell what was logged", isSame, { ms: 20_000, tell });
    await until("the policy counts what was logged", () => JSON.stringify(counted()) === JSON.stringify(names), {
      ms: 20_000,
      tell: () => JSON.stringify({ counted: counted(), names }),
    });
    await until("the rule tells of what was logged", () => JSON.stringify(alerted()) === JSON.stringify(sent), {
      ms: 20_000,
      tell: () => JSON.stringify({ alerted: alerted(), sent }),
    });
    for (const side of ["server_", ""] as const) {
      const found = told(side, NAMES);
      for (const name of ["api.dns.test A", "far.up.test AAAA", "txt.dns.test TXT"])
        assert.is(found[name], names[name], `${side}${name}`);
      for (const name of Object.keys(found))
        assert.ok(name.startsWith("_OTHER ") || found[name]! <= (names[name] ?? 0), `${side}${name}: ${found[name]}`);
    }
    assert.not.match(scraped(socket), /^vedette_monitor_unsynced_total/m);
    assert.match(
      scraped(socket),
      /^dns_lookup_duration_seconds_count\{.*network_transport="tcp",server_address="127\.0\.0\.1",server_port="53"/m,
    );
    writeFileSync(join(folder, "over"), "");
    await ended;
  } finally {
    endGroup(child.pid);
  }
});

test.run();
