// SPDX-License-Identifier: Apache-2.0
//
// Programs of the attacker's own, who could skip or invent what they record themselves. Under --integrity
// adaptive each of their calls stops, however they were brought into a process. Control: the image's programs
// record their calls as ever.
// Also with: VEDETTE_ASSUME_KERNEL=5.10.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openRecorded } from "../../host/intake/intake.js";
import { fieldValue } from "../../host/wire/fields.js";
import { compile, hasCommand, ROOT, run, scratch, VEDETTE } from "../e2e/programs.js";
import { type Event, notices, ofType, trace } from "../e2e/traces.js";
import { answersOf, attack, buildAttack, control } from "./attack.js";

const ADAPTIVE = { flags: ["--integrity", "adaptive"] };
const NOT_OF_IMAGE = "its program is not of the image";
const MAPS_CODE = "it maps code that is not of the image";
const ROUNDS = 5;
const STORY = ["proc.name", "fd.name", "vedette.integrity", "vedette.integrity.reason"].map(
  (name) => fieldValue(name)!,
);

/** Opens by this program of what is no library and none of the linker's files: by which tier, in order. */
const opens = (events: readonly Event[], program: string): string[] =>
  ofType(events, "openat")
    .filter((event) => event["proc.name"] === program && /^\/etc\/host/.test(String(event["fd.name"])))
    .map((event) => String(event["vedette.tier"]));

const told = (events: readonly Event[]): string[] => notices(events, "TIER_DEGRADED");

async function traced(script: string, tampers = false, how = ADAPTIVE): Promise<Event[]> {
  const { run, events } = await trace("adaptive", ["sh", "-c", script], { cwd: scratch(), ...how });
  assert.is(run.status, 0, run.stderr);
  assert.is(notices(events, "TAMPER").length > 0, tampers, notices(events, "TAMPER").join("\n"));
  return events;
}

test("I14: a program that was copied here stops at each call, and so do its children", async () => {
  const events = await traced("cp /bin/bash mine; ./mine -c '(read a < /etc/hostname); read a < /etc/hosts'");
  assert.equal(opens(events, "mine"), ["trace", "trace"]);
  assert.equal(told(events), [NOT_OF_IMAGE]);
});

test("I14: so does one that the dynamic linker is told to start", async () => {
  const linker = "$(ldd /bin/cat | grep -o '/[^ ]*ld-linux[^ ]*')";
  const events = await traced(`cp /bin/cat mine; exec ${linker} ./mine /etc/hostname > /dev/null`);
  const own = ofType(events, "openat").filter((event) => event["fd.name"] === "/etc/hostname");
  assert.equal(
    own.map((event) => event["vedette.tier"]),
    ["trace"],
  );
  assert.equal(told(events), [MAPS_CODE]);
});

const plain = (): string => {
  const source = join(scratch(), "a.c");
  writeFileSync(source, "int vedette_nothing(void) { return 0; }");
  return compile("gcc", (to) => ["-shared", "-fPIC", "-o", to, source], join(scratch(), "a.so"));
};

test("I14: so does a program of the image with a library of the attacker's, and its child", async () => {
  const child = "sh -c '(read a < /etc/hostname); read a < /etc/hosts'";
  const events = await traced(`cp ${plain()} ./mine.so; LD_PRELOAD=./mine.so ${child}`);
  assert.equal(opens(events, "sh"), ["trace", "trace"]);
  assert.equal(told(events), [MAPS_CODE]);
});

test("I14: threads that read while one loads such a library go on, and each read is told of once", async () => {
  const program = buildAttack("loading_threads");
  for (let round = 0; round < ROUNDS; round++) {
    const { run, events } = await trace("adaptive", ["sh", "-c", `cp ${plain()} ./mine.so; ${program} ./mine.so`], {
      cwd: scratch(),
      ...ADAPTIVE,
    });
    const reads = ofType(events, "pread").filter((event) => event["evt.rawres"] === 1);
    assert.equal(answersOf(run), { loaded: "1", reads: `${reads.length}` }, run.stderr);
    // By their times: a thread that had no turn meanwhile may be heard of last, and of what it did before.
    const last = reads.reduce((one, other) => (Number(other["evt.time"]) >= Number(one["evt.time"]) ? other : one));
    assert.is(last["vedette.tier"], "trace");
    assert.equal([...told(events), ...notices(events, "TAMPER")], [MAPS_CODE]);
  }
});

test("I14: such a library finds no gate by which a call is made without its record", async () => {
  const folder = scratch();
  const source = join(folder, "a.c");
  const begin = 'char* a[] = {"a", "open", "/etc/hostname", 0}; attack(3, a); fflush(stdout); _exit(0);';
  const text = [
    "#define main attack",
    `#include "${join(ROOT, "test/attacks/omit_records.c")}"`,
    `__attribute__((constructor)) static void begin(void) { ${begin} }`,
  ];
  writeFileSync(source, text.join("\n"));
  const flags = ["-mfsgsbase", "-O1", "-shared", "-fPIC"];
  const library = compile("gcc", (to) => [...flags, "-o", to, source], join(folder, "a.so"));
  const events = await traced(`cp ${library} ./mine.so; LD_PRELOAD=./mine.so cat`, true);
  assert.equal(opens(events, "cat"), ["trace"]);
  assert.equal(told(events), [MAPS_CODE]);
});

test("I14: a program of the image with the attacker's dynamic linker stops at each call", async () => {
  const script = [
    "linker=$(ldd /bin/cat | grep -o '/[^ ]*ld-linux[^ ]*')",
    'cp "$linker" mine',
    'mount --bind mine "$(readlink -f "$linker")"',
    "cat /etc/hostname > /dev/null",
  ].join("; ");
  const events = await traced(`exec unshare -m sh -c '${script.replaceAll("'", "'\\''")}'`);
  assert.equal(opens(events, "cat"), ["trace"]);
  assert.ok(told(events).includes(NOT_OF_IMAGE), told(events).join());
});

for (const args of [[], ["thread"]]) {
  const who = args.length === 0 ? "that jumped to a gate once" : "whose other thread jumped to a gate once";
  test(`I14: a program ${who} stops at each call from then on, at the gates too`, async () => {
    const { run, events } = await attack("caught", [...args, "/etc/hostname"], ADAPTIVE);
    assert.equal(answersOf(run), { connected: "0", opened: "10" }, run.stderr);
    assert.equal(opens(events, "caught"), Array(10).fill("trace"));
    assert.equal(told(events), ["what it records cannot be confirmed"]);
  });
}

test("I14: a program that has the kernel set its GS base stops at each call from then on, at the gates too", async () => {
  const { run, events } = await attack("caught", ["gs", "/etc/hostname"], ADAPTIVE);
  assert.equal(answersOf(run), { set: "1", opened: "10" }, run.stderr);
  assert.equal(opens(events, "caught"), Array(10).fill("trace"));
  assert.equal(told(events), ["it uses GS itself"]);
});

test("I14: control: the same program without the jump records its opens", async () => {
  const { run, events } = await control("caught", ["calm", "/etc/hostname"], ADAPTIVE);
  assert.equal(answersOf(run), { opened: "10" });
  assert.equal(opens(events, "caught"), Array(10).fill("inline"));
  assert.equal(told(events), []);
});

test("I14: each event says whether it is the kernel's word, and why", async () => {
  const folder = scratch();
  const read = "-c 'read a < /etc/hostname'";
  const script = [
    `cp /bin/bash mine; ./mine ${read}`,
    `cp ${plain()} mine.so; LD_PRELOAD=./mine.so bash ${read}`,
    `${buildAttack("caught")} /etc/hostname`,
    "cat /etc/hostname /etc/hostname",
  ].join("; ");
  const file = join(folder, "a.vdt");
  const ended = await run([...VEDETTE, "record", "-o", file, ...ADAPTIVE.flags, "--", "sh", "-c", script], {
    cwd: folder,
  });
  assert.is(ended.status, 0, ended.stderr);
  const said: Record<string, string[]> = {};
  for await (const entry of openRecorded(file).entries) {
    if (entry.kind !== "batch") continue;
    for (const at of entry.batch.offsets) {
      const [program, path, word, why] = STORY.map((get) => String(get(entry.batch, at)));
      if (path === "/etc/hostname") said[program!] = [...new Set([...(said[program!] ?? []), `${word} ${why}`])];
    }
  }
  assert.equal(said, {
    mine: ["stops NOT_OF_IMAGE"],
    bash: ["stops MAPS_FOREIGN_CODE"],
    caught: ["stops CAUGHT"],
    cat: ["inline null"],
  });
});

const FILELESS = [
  "exec python3 -c 'import os",
  'fd = os.memfd_create("mine")',
  'os.write(fd, open("/bin/cat", "rb").read())',
  'os.execv("/proc/self/fd/%d" % fd, ["mine", "/etc/hostname"])\' > /dev/null',
].join("\n");

if (hasCommand("python3"))
  test("I14: so does one that was never a file", async () => {
    const events = await traced(FILELESS);
    const own = ofType(events, "openat").filter((event) => event["fd.name"] === "/etc/hostname");
    assert.equal(
      own.map((event) => event["vedette.tier"]),
      ["trace"],
    );
    assert.equal(told(events), [NOT_OF_IMAGE]);
  });
else console.log("skip: a program that was never a file: python3 is missing");

test("I14: what a program maps twice, as compilers do, is its own memory; what it maps for itself alone is code", async () => {
  for (const [how, tier, notice] of [
    ["shared", "inline", []],
    ["private", "trace", [MAPS_CODE]],
  ] as const) {
    const { run, events } = await control("double_mapped", [how, "/etc/hostname"], ADAPTIVE);
    assert.equal(answersOf(run), { function: "42", opened: "10" }, run.stderr);
    assert.equal(opens(events, "double_mapped").slice(1), Array(9).fill(tier)); // the first is of a new place
    assert.equal(told(events), notice);
  }
});

test("I14: threads that wait do not see that they were stopped, where the kernel would end their waits with EINTR", async () => {
  const script = `cp ${plain()} ./mine.so; ${buildAttack("waiting_threads")} ./mine.so`;
  const { run, events } = await trace("adaptive", ["sh", "-c", script], { cwd: scratch(), ...ADAPTIVE });
  const waits = { epoll_wait: "ok", epoll_pwait: "ok", semop: "ok", sigwaitinfo: "ok" };
  assert.equal(answersOf(run), { loaded: "1", ...waits }, run.stderr);
  assert.equal(told(events), [MAPS_CODE]);
});

const READS = "(read a < /etc/hostname); read a < /etc/hosts; read a < /etc/hosts";

/** `$0`: a folder that is believed. */
const believing = (script: string) => {
  const folder = join(scratch(), "own");
  mkdirSync(folder);
  const flags = [...ADAPTIVE.flags, "--believe", folder];
  return traced(`cp ${plain()} a.so; ${script.replaceAll("$0", folder)}`, false, { flags });
};

test("I15: control: a library that was unpacked into a believed folder is the image's", async () => {
  const events = await believing(`cp a.so $0/a.so; LD_PRELOAD=$0/a.so sh -c '${READS}'`);
  assert.is(opens(events, "sh").at(-1), "inline");
  assert.equal(told(events), []);
});

for (const [what, script, program, why] of [
  ["a program there", `cp /bin/bash $0/mine; $0/mine -c '${READS}'`, "mine", NOT_OF_IMAGE],
  ["a library elsewhere", `LD_PRELOAD=./a.so sh -c '${READS}'`, "sh", MAPS_CODE],
  [
    "one that was removed from there",
    `mv a.so $0; exec 3< $0/a.so; rm $0/a.so; LD_PRELOAD=/proc/self/fd/3 sh -c '${READS}'`,
    "sh",
    MAPS_CODE,
  ],
  [
    "one that lies there in mounts of its own",
    `exec unshare -m sh -c 'mount --bind . $0; exec env LD_PRELOAD=$0/a.so bash -c "${READS}"'`,
    "bash",
    MAPS_CODE,
  ],
] as const)
  test(`I15: ${what} stops each call`, async () => {
    const events = await believing(script);
    assert.equal(opens(events, program), ["trace", "trace", "trace"]);
    assert.equal(told(events), [why]);
  });

test("I14: control: the image's programs and libraries record their calls as ever", async () => {
  const events = await traced("cat /etc/hostname /etc/hosts /etc/hosts /etc/hosts > /dev/null");
  assert.is(opens(events, "cat").at(-1), "inline", "once it has come by a place, that place is patched");
  assert.equal(told(events), []);
});

test.run();
