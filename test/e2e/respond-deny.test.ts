// SPDX-License-Identifier: Apache-2.0
//
// Responses that deny calls, on real programs, in both tiers and as under Linux 5.10: rows hold for threads
// that sit in a call, for children and for new programs; an isolated tree sends not a byte, its maker does;
// what is denied ends on time; a dry run denies nothing. A server in this process says what arrived.
// Time limit: 900 s.
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { buildFixture } from "./fixtures.js";
import { scratch } from "./programs.js";
import { type Responded, type RespondOptions, RULE, responded } from "./responding.js";

const NET = buildFixture("respond_net");
const EVERYWHERE = ["0.0.0.0/0", "::/0"];
const NO_CONNECT = { action: "deny", calls: [{ deny: "connect", to: EVERYWHERE }] };
const MANNERS: { how: string; options: RespondOptions }[] = [
  { how: "--tiers all", options: {} },
  { how: "--tiers trace", options: { flags: ["--tiers", "trace"] } },
  { how: "--tiers all, as under Linux 5.10", options: { env: { VEDETTE_ASSUME_KERNEL: "5.10" } } },
];

/** A server on the loopback, and what each of its connections has said. */
async function listening(): Promise<{ port: number; heard: string[]; close: () => Promise<void> }> {
  const heard: string[] = [];
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    const index = heard.push("") - 1;
    open.add(socket);
    socket.on("data", (bytes) => {
      heard[index] += String(bytes);
    });
    socket.on("error", () => undefined);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = async (): Promise<void> => {
    for (const socket of open) socket.destroy();
    server.close();
    await once(server, "close");
  };
  return { port: (server.address() as AddressInfo).port, heard, close };
}

/** Until an alert says this of a response, or after a minute. */
const untilTold = (status: string): string =>
  `i=0; until grep -q '"response.status":"${status}"' alerts.json || [ $i -gt 300 ]; do i=$((i+1)); sleep 0.2; done`;

interface Netted extends Responded {
  /** What the program said of each call. */
  said: Record<string, string>;
  heard: string[];
}

/** Runs the fixture; it goes on when a response was told as this. `after`: what the script does then. */
async function netted(
  row: Record<string, unknown> | null,
  mode: string,
  options: RespondOptions = {},
  { status = "done", after = "" }: { status?: string; after?: string } = {},
): Promise<Netted> {
  const { port, heard, close } = await listening();
  const wait = row === null ? "sleep 1" : untilTold(status);
  // Its standard output would be a socket, which an isolated tree is denied.
  const script = `${NET} ${mode} TRIGGER go ${port} >said & ${wait}; : > go; wait $!; s=$?; cat said; echo "status $s"; ${after}`;
  try {
    const one = await responded(row, script, options);
    const lines = one.run.stdout.split("\n").filter((line) => line !== "");
    const said = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), line.slice(line.lastIndexOf(" ") + 1)]),
    );
    return { ...one, said, heard };
  } finally {
    await close();
  }
}

const denials = ({ alerts }: Responded) => alerts.filter(({ output }) => output.includes("A call was denied"));
const context = ({ run, steps }: Responded): string => `${run.stdout}\n${run.stderr}\n${JSON.stringify(steps)}`;

for (const { how, options } of MANNERS) {
  test(`${how}: a tree is denied its connects, threads that sit in a call, children and programs too`, async () => {
    const one = await netted(NO_CONNECT, "connect", options, { after: "exec 5<>/dev/null; echo 'neighbour ok'" });
    for (const who of ["connect", "connect elsewhere", "connect of a child", "connect of a program"])
      assert.is(one.said[who], "EPERM", context(one));
    assert.is(one.said["connect of a thread"], "EPERM", context(one));
    assert.equal(one.statuses, ["requested", "done"], context(one));
    assert.is(one.steps[1]!.output_fields["response.action"], "deny");
    const told = denials(one);
    assert.is(told.length, 5, context(one));
    for (const { rule, priority, output_fields: fields } of told) {
      assert.equal(
        [rule, priority, fields["evt.arg.call"], fields["evt.arg.action"]],
        ["A response denies connect", "Critical", "connect", "eperm"],
      );
      assert.match(String(fields["evt.arg.subject"]), /^127\.0\.0\.[19]:\d+$/);
    }
  });
}

test("what is denied ends on time, and not before", async () => {
  const { port, heard, close } = await listening();
  const say = `exec 3<>/dev/tcp/127.0.0.1/${port} && echo sent >&3`;
  const folder = scratch();
  const steps = [
    ": < $1",
    untilTold("done"),
    `(${say}) || echo denied`,
    untilTold("ended"),
    `(${say}) && echo allowed`,
  ];
  writeFileSync(join(folder, "says.sh"), steps.join("\n"));
  try {
    const one = await responded({ ...NO_CONNECT, for: "10s" }, "bash ./says.sh TRIGGER", { folder });
    assert.is(one.run.stdout, "denied\nallowed\n", context(one));
    assert.equal(one.statuses, ["requested", "done", "ended"], context(one));
    assert.equal(heard, ["sent\n"]);
  } finally {
    await close();
  }
});

test("a dry run denies nothing, and says what it would have done", async () => {
  const one = await netted({ ...NO_CONNECT, mode: "dry-run" }, "connect");
  assert.is(one.said.connect, "ok", context(one));
  assert.is(one.said["connect of a program"], "ok");
  assert.equal(one.statuses, ["requested", "done"]);
  assert.match(one.steps[1]!.output, /a dry run: it would have denied calls to \d+/);
  assert.equal(denials(one), []);
});

test("`kill` ends the process that makes the call", async () => {
  const row = { action: "deny", calls: [{ deny: "connect", to: EVERYWHERE, action: "kill" }] };
  const one = await netted(row, "connect");
  assert.is(one.said.status, "137", context(one));
  assert.is(denials(one)[0]?.output_fields["evt.arg.action"], "kill");
});

test("programs that are not from the image are denied, from the alert on", async () => {
  const folder = scratch();
  const steps = [": < $1", untilTold("done"), './dropped || echo "denied $?"', "/bin/true && echo image"];
  writeFileSync(join(folder, "runs.sh"), steps.join("\n"));
  const script = "cp /bin/true dropped; ./dropped && echo before; bash ./runs.sh TRIGGER; ./dropped && echo neighbour";
  const one = await responded({ action: "deny", calls: [{ deny: "exec" }] }, script, { folder });
  assert.is(one.run.stdout, "before\ndenied 126\nimage\nneighbour\n", context(one));
  assert.equal(
    denials(one).map(({ rule }) => rule),
    ["A response denies exec"],
  );
});

test("the workload's first process is denied nothing, unless the row names it", async () => {
  const script = (status: string): string =>
    `exec 3<TRIGGER; ${untilTold(status)}; cp /bin/true dropped; ./dropped && echo ran`;
  const row = { action: "deny", calls: [{ deny: "exec" }] };
  const spared = await responded(row, script("refused"));
  assert.is(spared.run.stdout, "ran\n", context(spared));
  assert.match(spared.steps[1]!.output, /first process/);
  const named = await responded({ ...row, first_process: true }, script("done"));
  assert.is(named.run.stdout, "", context(named));
});

/** What speaks to nobody. */
const GOES_ON = ["write to a pipe", "recv", "getsockname", "FIONREAD", "shutdown"];

for (const { how, options } of MANNERS) {
  test(`${how}: an isolated tree makes no connection and sends nothing on those that it has`, async () => {
    const one = await netted({ action: "isolate" }, "use", options);
    const { status, ...said } = one.said;
    assert.is(status, "0", context(one));
    const went = Object.entries(said).filter(([name, result]) => result !== "EPERM" && !GOES_ON.includes(name));
    assert.equal(went, [["write by another descriptor", "EBADF"]], context(one)); // there is no other one
    for (const name of GOES_ON) assert.is(said[name], name === "recv" ? "EAGAIN" : "ok", context(one));
    assert.equal(one.heard, ["before"]);
    assert.equal(one.statuses, ["requested", "done"], context(one));
    const told = denials(one);
    assert.ok(told.length >= Object.keys(said).length - GOES_ON.length, context(one));
    assert.ok(told.every(({ rule }) => rule === "A response isolates"));
  });

  test(`${how}: a reverse shell that is isolated sends not a byte, the server that made it does`, async () => {
    const { port, heard, close } = await listening();
    const there = `/dev/tcp/127.0.0.1/${port}`;
    const shell = [
      ...[`exec 3<>${there}`, "echo hello >&3", ": < $1", untilTold("done")],
      ...["echo secret >&3", "echo stolen >&4", "cat /etc/hostname >&3", `(exec 5<>${there}) || echo no-more`],
    ];
    const server = [
      `exec 4<>${there}`,
      "echo asked >&4",
      "bash ./shell.sh $1 >said 2>&1",
      "grep no-more said",
      "echo answered >&4",
      "echo served",
    ];
    const folder = scratch();
    writeFileSync(join(folder, "shell.sh"), shell.join("\n"));
    writeFileSync(join(folder, "server.sh"), server.join("\n"));
    try {
      const one = await responded({ action: "isolate" }, "bash ./server.sh TRIGGER", { ...options, folder });
      assert.is(one.run.stdout, "no-more\nserved\n", context(one));
      assert.equal(heard, ["asked\nanswered\n", "hello\n"], context(one));
      assert.equal(one.statuses, ["requested", "done"]);
    } finally {
      await close();
    }
  });
}

test("without a response, and in a dry run, each of these calls goes as it does", async () => {
  const plain = await netted(null, "use");
  const dry = await netted({ action: "isolate", mode: "dry-run" }, "use");
  for (const one of [plain, dry]) {
    assert.not.ok(Object.values(one.said).includes("EPERM"), context(one));
    assert.match(one.heard[0]!, /^beforexxxx/);
  }
  assert.equal(dry.said, plain.said);
});

test("an isolated tree may speak to an address of `except`, by TCP, and to no other", async () => {
  const one = await netted({ action: "isolate", except: { addresses: ["127.0.0.1"] } }, "use");
  const ok = [
    "write",
    "writev",
    "pwritev2",
    "send",
    "sendmsg",
    "sendmmsg",
    "sendfile",
    "splice",
    "dup",
    "dup2",
    "connect",
  ];
  for (const name of ok) assert.is(one.said[name], "ok", `${name}\n${context(one)}`);
  for (const name of ["sendto", "write to a unix socket", "accept", "bind", "recvmsg", "io_submit"])
    assert.is(one.said[name], "EPERM", `${name}\n${context(one)}`);
  const two = await netted({ action: "isolate", except: { addresses: ["127.0.0.1"] } }, "connect");
  assert.equal([two.said.connect, two.said["connect elsewhere"]], ["ok", "EPERM"], context(two));
  assert.is(RULE, two.alerts[0]!.rule);
});

test.run();
