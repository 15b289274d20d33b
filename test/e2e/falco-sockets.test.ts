// SPDX-License-Identifier: Apache-2.0
// What rules of Falco's users ask of sockets, descriptors and ancestors, on live events: both tiers answer as
// Falco does.
// Time limit: 120 s.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run, scratch, VEDETTE } from "./programs.js";

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

for (const tiers of ["all", "trace"]) {
  test(`a server on 0.0.0.0 and what else Falco's users ask for, with --tiers ${tiers}`, async () => {
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
    const flags = ["--tiers", tiers, "--falco-rules", rules, "--alerts", alerts];
    const ended = await run([...VEDETTE, "run", ...flags, "--", "/usr/bin/python3", "-S", "-B", program]);
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
