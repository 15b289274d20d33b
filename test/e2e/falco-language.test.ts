// SPDX-License-Identifier: Apache-2.0
// The language on live events: one workload, one rule for each condition, and exactly those fire that must.
// Beside the property test, which compares with an interpreter on made-up events, this shows that fields of
// real calls are what conditions take them for.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run, scratch, VEDETTE } from "./programs.js";

const folder = scratch();
const upper = join(folder, "UPPER.txt");
const long = join(folder, "a".repeat(200));
writeFileSync(upper, "x");
writeFileSync(long, "x");

const WORKLOAD = `
cat ${upper} ${long} /etc/hostname > /dev/null
FOO=bar /bin/echo one two three four
/bin/echo -a -b val1 x
/bin/echo c2VjcmV0
cat /nonesuch
printf '\\312\\376\\272\\276' | cat > ${join(folder, "bytes")}
bash -c 'exec 3<>/dev/udp/127.0.0.1/443'
bash -c 'bash -c true; true'
`;

const opened = "evt.type in (open, openat, openat2) and fd.num>=0 and";
const echo = "evt.type=execve and evt.failed=false and proc.name=echo and";

const TRUE = [
  `${opened} tolower(fd.name) = ${upper.toLowerCase()}`,
  `${opened} toupper(basename(fd.name)) in (HOSTNAME, NOTHING)`,
  `${opened} basename(fd.name) startswith UPPER and len(fd.name) = ${upper.length}`,
  `${opened} len(fd.name) >= 200`,
  `${opened} fd.name regex '/etc/h[a-z]{3}name'`,
  `${opened} fd.name iglob '/ETC/host?ame'`,
  `${opened} fd.name glob '/e*stname'`,
  `${opened} fd.name pmatch (/etc/hostname, /usr/nothing) and fd.name pmatch (/e*/host*)`,
  `${opened} fd.name icontains HOSTNAM and not fd.name contains HOSTNAM`,
  `${opened} fd.name endswith anyof (hostname, nothing) and fd.name contains allof (etc, host)`,
  `${opened} fd.name startswith oneof (/etc/h, /usr/h) and fd.directory = /etc and fd.filename = hostname`,
  `${opened} fd.name=/etc/hostname and evt.rawres >= 0x1 and evt.rawres < 1000`,
  `${opened} fd.name = val(fd.nameraw) and fd.name endswith hostname`,
  "evt.type in (open, openat) and evt.rawres = -2 and evt.res = ENOENT and fd.num = -1 and evt.arg.name = /nonesuch",
  "evt.type=openat and evt.arg.flags contains O_CREAT and evt.arg.flags contains O_TRUNC and evt.arg[2] endswith bytes",
  `${echo} proc.aname[1] = sh and proc.aname[0] = echo and proc.aname intersects (sh, nothing)`,
  `${echo} proc.pname in (sh) and not proc.aname in (nothing)`,
  `${echo} proc.env[FOO] = bar and proc.args = "one two three four"`,
  `${echo} proc.cmdline in ("echo one two three four")`,
  `${echo} concat(proc.name, ":", proc.pname) = "echo:sh"`,
  `${echo} join(",", proc.args) startswith "one,two,"`,
  `${echo} getopt(proc.args, "ab:c")[b] = val1 and getopt(proc.args, "ab:c")[a] exists`,
  `${echo} b64(proc.args) = secret`,
  `${echo} not container.image.repository = nothing`,
  `${echo} not not (proc.exe endswith echo) and not(proc.name=cat)`,
  "evt.type=execve and proc.name = val(proc.pname) and proc.name=bash",
  "evt.type=write and evt.buffer bcontains cafebabe and evt.buffer bstartswith cafe and evt.buflen.out = 4",
  "evt.type=write and evt.buflen.file.out = 4 and fd.filename = bytes",
  'evt.type=connect and fd.sip = 127.0.0.1 and fd.snet in ("10.0.0.0/8", "127.0.0.0/8") and fd.sport in (22, 443) and fd.l4proto = udp',
  'evt.type=connect and fd.ip = 127.0.0.1 and fd.net = "127.0.0.0/8" and fd.port > 442 and fd.rport <= 443',
];

const FALSE = [
  `${opened} fd.name regex 'etc/hostname'`, // the whole value, or nothing
  `${opened} fd.name startswith oneof (/etc, /et)`, // both do
  `${opened} fd.name pmatch (/etc/host)`, // components are whole
  `${opened} fd.name glob '/ETC/*'`,
  `${echo} container.image.repository != nothing`, // what is not there is not different either
  `${echo} proc.aname[60] != nothing`,
  `${echo} b64(proc.args) != nothing and proc.args startswith one`, // no base64
  `${echo} proc.aname in (sh) and proc.aname[1] != sh`,
  "evt.type=connect and fd.sip = ::1",
  "evt.type=connect and fd.net != 127.0.0.0/8",
  "evt.type=write and evt.buflen.net > 0",
  "evt.num = 0",
];

test("of many conditions exactly those fire that must", async () => {
  const conditions = [...TRUE, ...FALSE];
  const rules = join(folder, "rules.yaml");
  const alerts = join(folder, "alerts");
  const items = conditions.map((condition, i) => ({
    rule: `r${i}`,
    desc: "d",
    condition,
    output: "o",
    priority: "info",
  }));
  writeFileSync(rules, JSON.stringify(items));
  const argv = [...VEDETTE, "run", "--falco-rules", rules, "--alerts", alerts, "--", "sh", "-c", WORKLOAD];
  const { stderr } = await run(argv);
  const fired = new Set(
    readFileSync(alerts, "utf8")
      .split("\n")
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as { rule: string }).rule),
  );
  const found = conditions.filter((_, i) => fired.has(`r${i}`));
  assert.equal(found, TRUE, stderr);
});

test.run();
