// SPDX-License-Identifier: Apache-2.0
//
// `vedette convert`: what programs did is the same in the capture as in the recording, event by event and
// field by field, but for what a capture cannot hold. tshark opens it, and Falco's rules fire alike.
import { copyFileSync, existsSync, readFileSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openRecorded } from "../../host/intake/intake.js";
import { RecordingWriter } from "../../host/recording/recording.js";
import { CODES, SCAP_EVENTS } from "../../host/recording/scap/event-table.js";
import type { Batch } from "../../host/wire/batch.js";
import { BatchBuilder } from "../../host/wire/builder.js";
import type { ContainerFacts } from "../../host/wire/container.js";
import { FIELD_NAMES, fieldValue } from "../../host/wire/fields.js";
import { descriptorAt, eventOf, resultOf, tidOf, timeOf } from "../../host/wire/record.js";
import { buildFixture, fixtures, missingCompiler } from "./fixtures.js";
import { hasCommand, ROOT, type Run, run, scratch, selected, tail, VEDETTE } from "./programs.js";

const FALCO = join(ROOT, "../shared/falco/rules");
const EVENTS_MAX = 1500; // of one fixture that are compared: all fields of many cost a while

const vedette = (cwd: string, ...words: string[]): Promise<Run> =>
  run([...VEDETTE, ...words], { cwd, limitMs: 120_000 });

type Place = readonly [Batch, number];

async function* eventsOf(path: string): AsyncGenerator<Place> {
  for await (const entry of openRecorded(path).entries)
    if (entry.kind === "batch") for (const at of entry.batch.offsets) yield [entry.batch, at];
}

/** Fields that a capture cannot hold of any event: docs/captures.md. */
const NEVER = new Set(
  `evt.latency evt.latency.ns evt.latency.human evt.latency.quantized vedette.tier vedette.truncated vedette.session
   vedette.fault vedette.refused fd.realpath fd.dev fd.dev.major fd.dev.minor fd.ino user.ruid group.rgid proc.pid.ts
   proc.ppid.ts proc.duration proc.ppid.duration proc.nthreads proc.nchilds proc.exe_ino.ctime_duration_proc_start
   vedette.exe_of_image vedette.integrity vedette.integrity.reason evt.args evt.info evt.num evt.arg.argv evt.rawarg.argv evt.deltatime evt.deltatime.ns
   evt.deltatime.s container.privileged proc.root fd.nameraw`.split(/\s+/),
);

/** Whether the capture has no place for this field of this event. */
function isLost(name: string, [batch, at]: Place): boolean {
  const { name: type } = eventOf(batch, at);
  if (NEVER.has(name)) return true;
  // No event of a capture tells that it was closed: by close_range, or by an exec.
  if (name.startsWith("fd.") && descriptorAt(batch, at) < 0) return true;
  const code = CODES.get(type);
  if (code === undefined) return /^(evt|fd|fs)\./.test(name) && name !== "evt.type" && name !== "evt.rawtime";
  const [, parameter] = /^evt\.(?:raw)?arg\.(\w+)$/.exec(name) ?? [];
  if (parameter === undefined) return false;
  const { entry, exit } = SCAP_EVENTS.get(code)!;
  return !exit.includes(parameter) && !(type === "execveat" && entry.includes(parameter)) && type !== "procexit";
}

const shown = (value: unknown): string =>
  JSON.stringify(value, (_, one) => (typeof one === "bigint" ? Number(one) : one)) ?? "null";

/** What stands in a capture for a value that is not there. */
const NOTHING = new Set(["0", '"0"', '""', "-1", '"0x0"']);

/** Differences that are none, or that docs/captures.md names: of these events, and from what to what. */
const KNOWN: readonly (readonly [fields: RegExp, events: RegExp, why: string])[] = [
  [/^proc\.std(in|out|err)\./, /^close/, "our event has the streams after the call, a capture before it"],
  [/^fd\.type(char)?$/, /./, "a directory opened without O_DIRECTORY"],
  [
    /^evt\.(raw)?arg\.flags$/,
    /^(open.*|clone3?|mmap|eventfd2|userfaultfd|unshare|dup3|pipe2)$/,
    "flags without a number in Falco",
  ],
  [/^evt\.(category|count\.error.*)$/, /^(dup.*|fstat|fcntl|close|read|write|lseek)$/, "what a closed descriptor was"],
  [
    /^fd\./,
    /^(bind|listen|close|getsockopt|accept4?|connect|dup.*|fcntl|shutdown|send.*|recv.*)$/,
    "a port that the kernel chose",
  ],
  [
    /^evt\.(raw)?arg\.tuple$/,
    /^connect$/,
    "the local end of a connect that failed, which is gone when it is asked for",
  ],
  [/^thread\.cap_/, /^set(re|res)?[ug]id$/, "what a change of user takes, which no event of a capture tells"],
];

async function differences(recording: string, capture: string, untold?: RegExp): Promise<string[]> {
  const found: string[] = [];
  const read = eventsOf(capture);
  let count = 0;
  for await (const place of eventsOf(recording)) {
    const [batch, at] = place;
    const { name: type, params } = eventOf(batch, at);
    if (type.includes(".") || resultOf(batch, at) === null) continue;
    const { value: other, done } = await read.next();
    if (done) return [`the capture ends before ${type}`];
    if (count++ >= EVENTS_MAX) continue;
    const names = [
      ...FIELD_NAMES.filter((one) => !one.includes("[")),
      ...params.flatMap((param) => [`evt.arg.${param.name}`, `evt.rawarg.${param.name}`]),
      "proc.aname[1]",
      "proc.aname[2]",
      "proc.apid[1]",
    ];
    for (const name of names) {
      if (isLost(name, place) || untold?.test(name)) continue;
      const get = fieldValue(name);
      if (get === undefined) continue;
      const [expected, got] = [shown(get(batch, at)), shown(get(...(other as Place)))];
      if (expected === got || (expected === "null" && NOTHING.has(got))) continue;
      if (expected === '""' && got === "null") continue; // an environment of no variables
      if (KNOWN.some(([fields, events]) => fields.test(name) && events.test(type))) continue;
      found.push(`event ${count}, ${type}: ${name} was ${tail(expected, 200)} and is ${tail(got, 200)}`);
    }
  }
  if (!(await read.next()).done) found.push("the capture has more events");
  return found;
}

/** Of fixtures that change what no event of a capture tells. */
const UNTOLD: Readonly<Record<string, RegExp>> = {
  credentials: /^(thread\.cap_\w+|proc\.(name|cmdline)|thread\.nametid)$/, // by setuid, and by prctl
  kernel_surface: /^fd\./, // of a handle that cannot be opened
};

const WORK = `
  ls -l /etc /usr >/dev/null; cat /etc/hostname | sort | uniq -c; cat /etc/shadow >/dev/null
  cd /tmp && mkdir -p vedette-convert.$$ && cd vedette-convert.$$ && echo x > y && mv y z && ln -s z l && chmod 600 z && rm z l
  cd .. && rmdir vedette-convert.$$; ./none 2>/dev/null; (exec -a other sh -c 'kill -0 $$')`;
const SOCKETS = `
import os, socket, threading
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
c = socket.create_connection(s.getsockname()); d, _ = s.accept(); c.send(b"hi"); d.recv(9)
u, v = socket.socketpair(); u.send(b"x"); v.recv(1)
try: socket.create_connection(("127.0.0.1", 1))
except OSError: pass
t = threading.Thread(target=lambda: os.stat("/")); t.start(); t.join()
p = os.fork()
if p == 0: os.setsid(); os.setgid(1); os.setuid(1); os.execv("/bin/true", ["true", "a\\x1b[2Jb", "\\udcff"])
os.waitpid(p, 0); os.dup2(1, 9); os.pipe()
`;

const folder = scratch();

interface Program {
  readonly name: string;
  readonly argv: string[];
}

const PROGRAMS: Program[] = [
  { name: "shell", argv: ["bash", "-c", WORK] },
  { name: "python", argv: ["python3", "-c", SOCKETS] },
];
for (const { name, argv } of PROGRAMS) {
  test(`${name}: the events of its capture are those of its recording`, async () => {
    const recorded = await vedette(folder, "record", "-o", `${name}.vdt`, "--", ...argv);
    assert.is(recorded.status, 0, tail(recorded.stderr));
    for (const to of [`${name}.scap`, `${name}.scap.gz`]) {
      const { status, stderr } = await vedette(folder, "convert", `${name}.vdt`, to);
      assert.is(status, 0, stderr);
      assert.match(stderr, /\d+ events written/);
      assert.is(statSync(join(folder, to)).mode & 0o777, 0o600);
      const found = await differences(join(folder, `${name}.vdt`), join(folder, to));
      assert.equal(found.slice(0, 20), [], `${found.length} differences`);
    }
  });
}

test("tshark opens a capture, gzipped or not, without an expert's complaint, and counts the same events", async () => {
  if (!hasCommand("tshark")) {
    console.log("skip: no tshark on this machine");
    return;
  }
  for (const { name } of PROGRAMS) {
    let count = 0;
    for await (const [batch, at] of eventsOf(join(folder, `${name}.scap`)))
      count += eventOf(batch, at).name === "execveat" ? 2 : 1;
    for (const file of [`${name}.scap`, `${name}.scap.gz`]) {
      const lines = await run(["tshark", "-r", file, "-T", "fields", "-e", "frame.number"], { cwd: folder });
      assert.is(lines.status, 0, lines.stderr);
      assert.is(lines.stdout.trim().split("\n").length, count);
      const expert = await run(["tshark", "-r", file, "-q", "-z", "expert"], { cwd: folder });
      assert.is(expert.status, 0, expert.stderr);
      assert.not.match(expert.stdout, /Errors|Warns|Malformed/, expert.stdout);
    }
  }
});

const hasRules = existsSync(FALCO);
const withFalco = hasRules ? test : test.skip;
if (!hasRules) console.log("skip: no Falco rules beside this checkout");
withFalco("Falco's rules fire alike on a recording and on its capture", async () => {
  const rules = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"].flatMap((file) => [
    "--falco-rules",
    join(FALCO, file),
  ]);
  const fired = async (file: string): Promise<Record<string, number>> => {
    const { stdout, stderr, status } = await vedette(folder, "replay", file, ...rules);
    assert.is(status, 0, tail(stderr));
    const counts: Record<string, number> = {};
    for (const line of stdout.split("\n").filter((one) => one.startsWith("{"))) {
      const { rule } = JSON.parse(line) as { rule: string };
      counts[rule] = (counts[rule] ?? 0) + 1;
    }
    return counts;
  };
  const all = new Set<string>();
  for (const { name } of PROGRAMS) {
    const expected = await fired(`${name}.vdt`);
    assert.equal(await fired(`${name}.scap`), expected);
    for (const rule of Object.keys(expected)) all.add(rule);
  }
  assert.ok(all.has("Read sensitive file untrusted"), [...all].join(", "));
});

/** Events that a capture has a place for, one a line. */
async function toldIn(path: string): Promise<string[]> {
  const out: string[] = [];
  for await (const [batch, at] of eventsOf(path)) {
    const { name } = eventOf(batch, at);
    // A capture has all of a generic call but its result, and no call that never returned.
    if (!name.includes(".") && (path.endsWith(".scap") || resultOf(batch, at) !== null))
      out.push(`${timeOf(batch, at)} ${tidOf(batch, at)} ${name}`);
  }
  return out;
}

test("a damaged recording is converted as far as it is whole, and no further", async () => {
  const [whole, damaged] = [join(folder, "shell.vdt"), join(folder, "damaged.vdt")];
  const all = await toldIn(whole);
  // Within its end, which holds no events; and within its first block, before which there are none.
  for (const [size, expected] of [
    [statSync(whole).size - 8, all],
    [100, []],
  ] as const) {
    copyFileSync(whole, damaged);
    truncateSync(damaged, size);
    const { status, stderr } = await vedette(folder, "convert", "--force", "damaged.vdt", "damaged.scap");
    assert.is(status, 1);
    assert.match(stderr, /VEDETTE_RECORDING_CORRUPT/);
    const found = await toldIn(join(folder, "damaged.scap"));
    const first = expected.findIndex((line, i) => line !== found[i]);
    assert.equal([found.length, first < 0 ? null : [expected[first], found[first]]], [expected.length, null]);
  }
});

const FACTS: ContainerFacts = {
  ...{ id: "", name: null, type: "ecs", image: null, imageId: null, imageRepository: null, imageTag: null, ip: null },
  ...{ imageDigest: null, labels: null, cluster: null, service: null, taskArn: null, taskFamily: null },
  ...{ taskRevision: null, containerArn: null, availabilityZone: null },
};

/** One event each of three agents: two of the same container and host, one of another container. */
function recordAgents(path: string): void {
  const writer = new RecordingWriter(path);
  for (const [stream, container, name] of [
    [1, "one", "first"],
    [2, "one", "again"],
    [3, "two", "other"],
  ] as const) {
    writer.host(stream, "box");
    writer.container(stream, { ...FACTS, id: `id-${container}`, name: container });
    const builder = new BatchBuilder({ source: Buffer.alloc(16, stream) });
    const process = builder.process({ pid: 7 + stream, name, exe: name });
    builder.record("close", { process, tid: 7 + stream, fd: 3 });
    const bytes = builder.bytes();
    writer.batch(stream, bytes, 1);
  }
  writer.close();
}

test("of a recording of several agents, all of one host and container are converted, and the choice is asked for", async () => {
  recordAgents(join(folder, "agents.vdt"));
  const namesIn = async (file: string): Promise<unknown[]> => {
    const names: unknown[] = [];
    for await (const place of eventsOf(join(folder, file))) names.push(fieldValue("proc.name")!(...place));
    return names;
  };
  const unsaid = await vedette(folder, "convert", "agents.vdt", "agents.scap");
  assert.is(unsaid.status, 2);
  assert.match(unsaid.stderr, /of one container. Give --container and one of these: one, two\./);
  for (const [container, names] of [
    ["one", ["first", "again"]],
    ["id-two", ["other"]],
  ] as const) {
    const words = ["--force", "--host", "box", "--container", container];
    const { status, stderr } = await vedette(folder, "convert", ...words, "agents.vdt", "agents.scap");
    assert.is(status, 0, stderr);
    assert.equal(await namesIn("agents.scap"), names);
  }
  const wrong = await vedette(folder, "convert", "--host", "elsewhere", "agents.vdt", "no.scap");
  assert.is(wrong.status, 2);
  assert.match(wrong.stderr, /Give --host and one of these: box\./);
  assert.not.ok(existsSync(join(folder, "no.scap")));
});

test("a capture is never written over the recording, nor over another file", async () => {
  const before = readFileSync(join(folder, "shell.vdt"));
  const itself = await vedette(folder, "convert", "--force", "shell.vdt", "shell.vdt");
  assert.is(itself.status, 2);
  assert.match(itself.stderr, /Give two files/);
  assert.ok(readFileSync(join(folder, "shell.vdt")).equals(before));
  const again = await vedette(folder, "convert", "shell.vdt", "shell.scap");
  assert.is(again.status, 2);
  assert.match(again.stderr, /already.*VEDETTE_SCAP_UNWRITABLE/);
  assert.is((await vedette(folder, "convert", "--force", "shell.vdt", "shell.scap")).status, 0);
});

// Those whose calls are the same each time; others are of thousands of calls, or never end by themselves.
const EXPECTING = selected(fixtures().filter((one) => one.expects));
const FIXTURES = EXPECTING.filter((one) => missingCompiler(one) === undefined);
for (const one of EXPECTING)
  if (!FIXTURES.includes(one)) console.log(`skip: ${one.name}, because ${missingCompiler(one)} is not on this machine`);
buildFixture("leave");
for (const { name } of FIXTURES) {
  test(`fixture ${name}: the events of its capture are those of its recording`, async () => {
    const cwd = scratch();
    await vedette(cwd, "record", "-o", "a.vdt", "--", buildFixture(name));
    const { status, stderr } = await vedette(cwd, "convert", "a.vdt", "a.scap");
    assert.is(status, 0, stderr);
    const found = await differences(join(cwd, "a.vdt"), join(cwd, "a.scap"), UNTOLD[name]);
    assert.equal(
      found.slice(0, 20),
      [],
      `${found.length} differences; again: VEDETTE_TEST=${name} npm test -- convert`,
    );
  });
}

test.run();
