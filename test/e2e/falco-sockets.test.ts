// SPDX-License-Identifier: Apache-2.0
// What rules of Falco's users ask of sockets, descriptors and ancestors, on live events: both tiers answer as
// Falco does, and so does a host that an agent of another process tells.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { AGENT, type Run, run, scratch, start, VEDETTE } from "./programs.js";

const CONNECTIONS = 40;
const PROGRAM = `
import os, socket
server = socket.socket()
server.bind(("0.0.0.0", 0))
server.listen(64)
port = server.getsockname()[1]
print(port, flush=True)
for _ in range(${CONNECTIONS}):
    client = socket.create_connection(("127.0.0.1", port))
    server.accept()[0].close()
    client.close()
datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(3): datagram.sendto(b"x", ("127.0.0.1", 9))
socket.socket(socket.AF_UNIX)
os.read(os.open("/etc/hostname", os.O_RDONLY), 1)
child = os.fork()
if child == 0: os._exit(0)
os.waitpid(child, 0)
`;
const python = "proc.name startswith python3 and";
const RULES: readonly [name: string, condition: string, output: string][] = [
  [
    "inbound",
    "evt.type in (accept, accept4) and evt.rawres >= 0 and fd.typechar = 4 and fd.sip = 127.0.0.1 and fd.is_server = true",
    "%fd.sport %fd.lip",
  ],
  ["bound", "evt.type=listen", "%fd.sport %fd.sip %fd.is_server"],
  ["first datagram", "evt.type=sendto and fd.sport=9 and fd.name_changed=true", "%fd.name"],
  ["later datagram", "evt.type=sendto and fd.sport=9 and not fd.name_changed=true", "%fd.name"],
  ["local", "evt.type=socket and evt.arg.domain contains AF_UNIX", "%evt.arg.domain"],
  ["file", "evt.type=read and fd.name=/etc/hostname and fd.is_server=false", "%fd.is_server %proc.aname"],
  ["child", "evt.type in (fork, vfork, clone, clone3) and evt.rawres=0", "%evt.arg.uid %evt.arg.gid"],
];

/** Runs a program while rules judge it; alerts go to a file. */
type Way = (program: string[], judging: string[], folder: string) => Promise<Run>;

const inTiers =
  (tiers: string): Way =>
  (program, judging) =>
    run([...VEDETTE, "run", "--tiers", tiers, ...judging, "--", ...program]);

const served: Way = async (program, judging, folder) => {
  const socket = join(folder, "host.sock");
  const host = start([...VEDETTE, "serve", "--listen", `unix:${socket}`, ...judging], { limitMs: 110_000 });
  try {
    for (const until = Date.now() + 90_000; !host.said().includes("listening at"); await sleep(20))
      assert.ok(Date.now() < until, "the host does not listen");
    return await run([AGENT, "--host", `unix:${socket}`, "--", ...program]);
  } finally {
    host.child.kill("SIGTERM"); // it judges what came before it ends
    const { status, stderr } = await host.ended;
    assert.is(status, 0, stderr);
  }
};

const WAYS: Record<string, Way> = {
  "run --tiers all": inTiers("all"),
  "run --tiers trace": inTiers("trace"),
  serve: served,
};

for (const [words, way] of Object.entries(WAYS)) {
  test(`a server on 0.0.0.0 and what else Falco's users ask for: vedette ${words}`, async () => {
    const folder = scratch();
    const [program, rules, alerts] = [join(folder, "program.py"), join(folder, "rules.yaml"), join(folder, "alerts")];
    writeFileSync(program, PROGRAM);
    const items = RULES.map(([rule, condition, output]) => ({
      rule,
      desc: "d",
      condition: `${python} ${condition}`,
      output,
      priority: "INFO",
    }));
    writeFileSync(rules, JSON.stringify(items));
    const judging = ["--falco-rules", rules, "--alerts", alerts];
    const ended = await way(["/usr/bin/python3", "-S", "-B", program], judging, folder);
    assert.is(ended.status, 0, ended.stderr);
    const port = Number(ended.stdout);
    const told = readFileSync(alerts, "utf8").trim().split("\n");
    const fieldsOf = new Map<string, Record<string, unknown>[]>();
    for (const line of told) {
      const { rule, output_fields } = JSON.parse(line);
      fieldsOf.set(rule, [...(fieldsOf.get(rule) ?? []), output_fields]);
    }
    const counts = Object.fromEntries([...fieldsOf].map(([rule, found]) => [rule, found.length]));
    const expected = { inbound: CONNECTIONS, bound: 1, "first datagram": 1, "later datagram": 2, local: 1, file: 1 };
    assert.equal({ ...counts, child: undefined }, { ...expected, child: undefined }, told.join("\n"));
    const one = (rule: string) => fieldsOf.get(rule)![0]!;
    assert.is(one("inbound")["fd.sport"], port);
    assert.is(one("inbound")["fd.lip"], "127.0.0.1");
    assert.equal([one("bound")["fd.sport"], one("bound")["fd.sip"]], [port, "0.0.0.0"]);
    assert.is(one("bound")["fd.is_server"], true);
    assert.is(one("local")["evt.arg.domain"], "AF_LOCAL|AF_UNIX");
    assert.is(one("file")["fd.is_server"], false);
    assert.match(String(one("file")["proc.aname"]), /^\(.*,.*\)$/); // one text, as Falco's
    assert.is(typeof one("file")["proc.aname"], "string");
    // Numbers: Falco names users in execve alone.
    assert.equal(
      [one("child")["evt.arg.uid"], one("child")["evt.arg.gid"]],
      [String(process.geteuid!()), String(process.getegid!())],
    );
  });
}

test.run();
