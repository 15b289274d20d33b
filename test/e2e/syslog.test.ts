// SPDX-License-Identifier: Apache-2.0
//
// `--syslog` with rsyslog and syslog-ng, over each transport: what the server has taken apart is what Vedette
// said.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { makeCertificates } from "../host/output/certificates.js";
import { syslogNg } from "../lab/syslog-ng.js";
import { until } from "../until.js";
import { freePort } from "./free-port.js";
import { run, scratch, VEDETTE } from "./programs.js";

const RSYSLOGD = "/usr/sbin/rsyslogd";
const COUNT = 5;
const RULES = `- rule: Nonesuch opened
  desc: a file that is not there
  condition: evt.type = openat and fd.name endswith nonesuch
  output: '"%proc.name" opened [%fd.name]'
  priority: WARNING
  tags: [T1003]
`;

interface Taken {
  pri: string;
  app: string;
  procid: string;
  msgid: string;
  msg: string;
  sd: string;
}

type Ports = Readonly<Record<"udp" | "tcp" | "tls", number>>;

/** A server that writes what it took into the file `taken` of the folder, an object a line. */
interface Server {
  readonly name: string;
  readonly missing: string | null;
  readonly argv: (folder: string) => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly config: (folder: string, ports: Ports) => string;
}

const RSYSLOG: Server = {
  name: "rsyslog",
  missing: existsSync(RSYSLOGD) ? null : "rsyslog",
  argv: (folder) => [RSYSLOGD, "-n", "-f", join(folder, "conf"), "-i", join(folder, "pid")],
  config: (folder, ports) => `
global(workDirectory="${folder}" defaultNetstreamDriverCAFile="${folder}/ca.pem"
  defaultNetstreamDriverCertFile="${folder}/server.pem" defaultNetstreamDriverKeyFile="${folder}/server.key")
module(load="imudp")
module(load="imtcp")
module(load="imuxsock" SysSock.Use="off")
template(name="taken" type="list") {
  constant(value="{") property(name="pri" format="jsonf" outname="pri") constant(value=",")
  property(name="app-name" format="jsonf" outname="app") constant(value=",")
  property(name="procid" format="jsonf" outname="procid") constant(value=",")
  property(name="msgid" format="jsonf" outname="msgid") constant(value=",")
  property(name="msg" format="jsonf" outname="msg") constant(value=",")
  property(name="structured-data" format="jsonf" outname="sd") constant(value="}\\n")
}
ruleset(name="own") { action(type="omfile" file="${folder}/taken" template="taken") }
input(type="imudp" address="127.0.0.1" port="${ports.udp}" ruleset="own")
input(type="imtcp" address="127.0.0.1" port="${ports.tcp}" ruleset="own")
input(type="imtcp" address="127.0.0.1" port="${ports.tls}" ruleset="own"
  streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon")
input(type="imuxsock" Socket="${folder}/log" ruleset="own")
`,
};

const NG = syslogNg();
const SYSLOG_NG: Server = {
  name: "syslog-ng",
  missing: NG.missing,
  env: NG.env,
  argv: (folder) => {
    const at = (name: string): string => join(folder, name);
    return [...NG.argv, "-F", "-f", at("conf"), "-p", at("pid"), "-R", at("persist"), "-c", at("ctl"), "--no-caps"];
  },
  config: (folder, ports) => `@version: 4.8
options { keep-hostname(yes); use-dns(no); stats(freq(0)); };
source own {
  syslog(ip("127.0.0.1") port(${ports.udp}) transport("udp"));
  syslog(ip("127.0.0.1") port(${ports.tcp}) transport("tcp"));
  syslog(ip("127.0.0.1") port(${ports.tls}) transport("tls")
    tls(key-file("${folder}/server.key") cert-file("${folder}/server.pem") peer-verify(optional-untrusted)));
};
source here { unix-dgram("${folder}/log"); };
destination taken {
  file("${folder}/taken" template(
    "$(format-json --no-cast pri=$PRI app=$PROGRAM procid=$PID msgid=$MSGID msg=$MSG sd=$SDATA)\\n"));
};
log { source(own); source(here); destination(taken); };
`,
};

for (const { name, missing, argv, env = {}, config } of [RSYSLOG, SYSLOG_NG]) {
  if (missing !== null) {
    console.log(`skip: ${missing} is missing (test/e2e/syslog.test.ts)`);
    continue;
  }
  const folder = scratch();
  const ports = { udp: await freePort(), tcp: await freePort(), tls: await freePort() };
  const taken = (): Taken[] =>
    existsSync(join(folder, "taken"))
      ? readFileSync(join(folder, "taken"), "utf8")
          .split("\n")
          .filter(Boolean)
          .map((line) => JSON.parse(line) as Taken)
      : [];
  let server: ChildProcess | null = null;
  test.before(async () => {
    makeCertificates(folder, ["server"]);
    writeFileSync(join(folder, "rules.yaml"), RULES);
    writeFileSync(join(folder, "conf"), config(folder, ports));
    const [program = "", ...words] = argv(folder);
    server = spawn(program, words, { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ...env } });
    let said = "";
    server.stderr?.on("data", (text: Buffer) => {
      said += text;
    });
    await until(`${name} listens`, () => existsSync(join(folder, "pid")), { tell: () => said });
  });
  test.after(() => void server?.kill());
  for (const transport of ["udp", "tcp", "tls"] as const)
    test(`${name} has all alerts over ${transport}, whole, with their structured data`, async () => {
      const before = taken().length;
      const url = `${transport}://127.0.0.1:${ports[transport]}`;
      const options = [
        "--falco-rules",
        join(folder, "rules.yaml"),
        "--syslog",
        url,
        "--syslog-ca",
        join(folder, "ca.pem"),
      ];
      const script = `for i in $(seq ${COUNT}); do cat /tmp/'a "b]\\c nonesuch'; done 2>/dev/null; true`;
      const { status, stderr } = await run([
        ...VEDETTE,
        "run",
        ...options,
        "--alerts-detail",
        "--",
        "sh",
        "-c",
        script,
      ]);
      assert.is(status, 0, stderr);
      await until("all of them", () => taken().length >= before + COUNT);
      const got = taken().slice(before);
      assert.is(got.length, COUNT);
      const ids = [...stderr.matchAll(/"vedette\.id":"([0-9a-f-]{36})"/g)].map(([, id]) => id);
      assert.is(new Set(ids).size, COUNT);
      assert.equal(new Set(got.map(({ sd }) => / id="([^"]+)"/.exec(sd)?.[1])), new Set(ids));
      for (const { pri, app, msgid, procid, msg, sd } of got) {
        assert.equal([pri, app, msgid], ["12", "vedette", "finding"]);
        assert.match(procid, /^\d+$/);
        assert.ok(msg.trim().startsWith('"cat" opened [/tmp/a "b]\\c nonesuch] '), msg);
        assert.match(sd, /^\[vedette@32473 id="[^"]+" rule="Nonesuch opened" policy="falco" /);
        assert.match(sd, / tags="T1003"/);
      }
    });
  test(`${name} has all alerts by a socket on this machine, as syslog(3) would say them`, async () => {
    const before = taken().length;
    const options = ["--falco-rules", join(folder, "rules.yaml"), "--syslog", `unix:${join(folder, "log")}`];
    const script = `for i in $(seq ${COUNT}); do cat /tmp/nonesuch; done 2>/dev/null; true`;
    const { status, stderr } = await run([...VEDETTE, "run", ...options, "--", "sh", "-c", script]);
    assert.is(status, 0, stderr);
    await until("all of them", () => taken().length >= before + COUNT);
    const got = taken().slice(before);
    assert.equal(
      got.map(({ pri, app, msg }) => [pri, app, msg.trim()]),
      stderr
        .split("\n")
        .filter((line) => line.startsWith("{"))
        .map((line) => ["12", "vedette", line]),
    );
  });
}

test.run();
