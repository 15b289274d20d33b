// SPDX-License-Identifier: Apache-2.0
//
// Prevention on real programs: each deny denies and each monitor denies nothing, in both tiers; what a
// program can do to the memory that arguments are sealed in; and the races: another thread changes the
// argument, and never gets through. Here some thousand tries; `npm run bench -- prevent` makes 100,000 of
// each.
import { execFileSync } from "node:child_process";
import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { buildFixture } from "./fixtures.js";
import { ALLOWED, DENIED, prevented, RACES, type Row, raceOnce } from "./prevention.js";
import { scratch } from "./programs.js";

const CALLS = buildFixture("prevent_calls");
const TRIES: Record<string, number> = { connect: 3000, socketcall: 3000, exec: 150, link: 150 };

interface Case {
  row: Row;
  /** Arguments of prevent_calls; DROPPED is a program that was written at run time. */
  call: string[];
  /** What the program says without the row. */
  native: string;
  denied?: string;
  /** Only enforcement refuses it, because nobody knows what it will do. */
  isBelievedInMonitor?: boolean;
  /** What the alert says it was about. */
  subject: RegExp;
}

const EXEC: Row = { name: "exec", deny: "exec" };
const MEMFD: Row = { name: "memfd", deny: "memfd-exec" };
const CONNECT: Row = { name: "connect", deny: "connect", to: [`${DENIED}/32`] };
const PTRACE: Row = { name: "ptrace", deny: "ptrace" };
const MOUNT: Row = { name: "mount", deny: "mount" };

const CASES: Case[] = [
  { row: EXEC, call: ["exec", "DROPPED"], native: "", subject: /dropped$/ },
  { row: EXEC, call: ["execveat", "DROPPED"], native: "", subject: /dropped$/ },
  { row: EXEC, call: ["exec", "SCRIPT"], native: "", subject: /script$/ },
  { row: EXEC, call: ["map", "DROPPED"], native: "map ok", subject: /dropped$/ },
  { row: MEMFD, call: ["memfd", "/bin/true"], native: "", subject: /memfd:prevent/ },
  { row: CONNECT, call: ["connect", DENIED], native: "connect ok", subject: /^127\.0\.0\.9:9$/ },
  { row: CONNECT, call: ["connect", `::ffff:${DENIED}`], native: "connect ok", subject: /^127\.0\.0\.9:9$/ },
  { row: CONNECT, call: ["stream", DENIED], native: "stream ECONNREFUSED", subject: /^127\.0\.0\.9:9$/ },
  { row: CONNECT, call: ["connect32", DENIED], native: "connect32 ok", subject: /^127\.0\.0\.9:9$/ },
  { row: CONNECT, call: ["socketcall", DENIED], native: "socketcall ok", subject: /^127\.0\.0\.9:9$/ },
  { row: CONNECT, call: ["filtered", DENIED], native: "filtered ok", subject: /^127\.0\.0\.9:9$/ },
  {
    row: CONNECT,
    call: ["filtered-exec", DENIED],
    native: "connect ok",
    denied: "connect EPERM",
    subject: /^127\.0\.0\.9:9$/,
  },
  // A filter that it was born with would kill it for a call of ours: it is not believed.
  {
    row: CONNECT,
    call: ["shut-exec", ALLOWED],
    native: "connect ok",
    denied: "connect EPERM",
    subject: /other threads/,
    isBelievedInMonitor: true,
  },
  { row: PTRACE, call: ["vm-write"], native: "vm-write ok", subject: /^pid \d+$/ },
  { row: MOUNT, call: ["mount", "/nowhere"], native: "mount ENOENT", subject: /^\/nowhere$/ },
  { row: MOUNT, call: ["umount", "/nowhere"], native: "umount ENOENT", subject: /^\/nowhere$/ },
  { row: MOUNT, call: ["move_mount", "/nowhere"], native: "move_mount ENOENT", subject: /^\/nowhere$/ },
];

for (const tiers of ["all", "trace"] as const) {
  for (const { row, call, native, denied, subject, isBelievedInMonitor } of CASES) {
    const title = `--tiers ${tiers}: ${row.deny}: ${call.join(" ")}`;
    const command = (folder: string): string[] => [
      "sh",
      "-c",
      `cp /bin/true dropped; printf '#!/bin/true\\n' >script; chmod +x script; exec ${[CALLS, ...call].join(" ")}`
        .replace("DROPPED", join(folder, "dropped"))
        .replace("SCRIPT", join(folder, "script")),
    ];

    test(`${title} is denied`, async () => {
      const folder = scratch();
      const { run, alerts } = await prevented([row], command(folder), { cwd: folder, flags: ["--tiers", tiers] });
      assert.is(run.stdout.trim(), denied ?? `${call[0]} EPERM`, run.stderr);
      assert.is(run.status, 0);
      assert.is(alerts.length, 1, JSON.stringify(alerts));
      const [alert] = alerts;
      assert.is(alert?.rule, row.name);
      assert.is(alert?.priority, "Critical");
      assert.match(String(alert?.output_fields["evt.arg.subject"]), subject);
    });

    test(`${title} is told of, and not denied, in monitor mode`, async () => {
      const folder = scratch();
      const { run, alerts } = await prevented([{ ...row, mode: "monitor" }], command(folder), {
        cwd: folder,
        flags: ["--tiers", tiers],
      });
      assert.is(run.stdout.trim(), native, run.stderr);
      const told = alerts.map(({ rule, priority }) => `${rule} ${priority}`);
      // Nothing was in the way of what only enforcement has to refuse.
      assert.equal(told, isBelievedInMonitor ? [] : [`${row.name} Warning`]);
    });
  }

  test(`--tiers ${tiers}: kill ends the process before the call has run`, async () => {
    const folder = scratch();
    for (const [row, call] of [
      [CONNECT, `${CALLS} connect ${DENIED}`],
      [EXEC, "./dropped"],
    ] as const) {
      const command = ["sh", "-c", `cp /bin/true dropped; ${call}; echo "ended $?"`];
      const { run, alerts } = await prevented([{ ...row, action: "kill" }], command, {
        cwd: folder,
        flags: ["--tiers", tiers],
      });
      assert.match(run.stdout, /^ended 137$/m);
      assert.is(alerts.length, 1);
      assert.is(alerts[0]?.output_fields["evt.arg.action"], "kill");
    }
  });

  test(`--tiers ${tiers}: what is not spoken of goes as it does without us`, async () => {
    const rows = [EXEC, MEMFD, CONNECT, PTRACE];
    const ways: [call: string, says: string][] = [
      [`connect ${ALLOWED}`, "connect ok"],
      [`stream ${ALLOWED}`, "stream ECONNREFUSED"],
      [`connect32 ${ALLOWED}`, "connect32 ok"],
      [`socketcall ${ALLOWED}`, "socketcall ok"],
      [`filtered ${ALLOWED}`, "filtered ok"],
      [`filtered-exec ${ALLOWED}`, "connect ok"],
      ["map /bin/true", "map ok"],
      ["interrupted", "interrupted EINTR\nrestarted ok"],
      // Connecting and sending at once is answered as where it is switched off.
      [`fast-open ${ALLOWED}`, "fast-open EOPNOTSUPP"],
    ];
    const command = ["sh", "-c", ways.map(([call]) => `${CALLS} ${call}`).join("; ")];
    const { run, alerts } = await prevented(rows, command, { flags: ["--tiers", tiers] });
    assert.is(run.stdout.trim(), ways.map(([, says]) => says).join("\n"), run.stderr);
    assert.equal(alerts, []);
  });

  test(`--tiers ${tiers}: exceptions hold for what is listed, not for a program written at run time`, async () => {
    const folder = scratch();
    const own = join(folder, "copy");
    const rows: Row[] = [
      { ...EXEC, except: { files: [`${folder}/*`] } },
      { ...CONNECT, except: { programs: [CALLS, own] } },
    ];
    const script = `cp /bin/true dropped; ./dropped && echo ran; ${CALLS} connect ${DENIED}; cp ${CALLS} copy; ./copy connect ${DENIED}`;
    const { run } = await prevented(rows, ["sh", "-c", script], { cwd: folder, flags: ["--tiers", tiers] });
    assert.is(run.stdout.trim(), "ran\nconnect ok\nconnect EPERM", run.stderr);
  });

  test(`V1: nothing that a program can do reaches the sealed memory, with --tiers ${tiers}`, async () => {
    const attack = [buildFixture("prevent_attack"), ALLOWED, DENIED];
    const { run } = await prevented([CONNECT], attack, { flags: ["--tiers", tiers] });
    const lines = run.stdout.trim().split("\n");
    assert.ok(lines.includes("attached yes"), run.stdout);
    assert.ok(lines.includes("still-attached yes"), run.stdout);
    assert.not.ok(lines.includes("BROKEN"), run.stdout);
    const passed = lines.filter((line) => line.endsWith(" ok"));
    assert.equal(passed, ["connect ok"], run.stdout);
  });

  for (const race of RACES) {
    test(`--tiers ${tiers}: race: ${race}: no try of ${TRIES[race]} gets through`, async () => {
      const counts = await raceOnce(race, TRIES[race] as number, ["--tiers", tiers]);
      assert.is(counts.tries, TRIES[race]);
      assert.is(counts.through, 0, JSON.stringify(counts));
      assert.ok(counts.allowed > 0, `nothing was allowed, so nothing was tried: ${JSON.stringify(counts)}`);
      assert.ok(counts.refused + counts.killed > 0, `nothing was refused: ${JSON.stringify(counts)}`);
    });
  }
}

test("a program that lies where our memory goes is told EPERM, whatever it connects to", async () => {
  const folder = scratch();
  const squatter = join(folder, "squatter");
  const flags = ["-O1", "-static", "-no-pie", "-Wl,-Ttext-segment=0x10000"];
  execFileSync("gcc", [...flags, "-o", squatter, "test/fixtures/prevent_calls.c"], { stdio: "pipe" });
  for (const address of [DENIED, ALLOWED]) {
    const { run, alerts } = await prevented([CONNECT], [squatter, "connect", address], { cwd: folder });
    assert.is(run.stdout.trim(), "connect EPERM", run.stderr);
    assert.is(alerts.length, 1);
  }
});

test("a program of another file system than the root's is not from the image, however old", async () => {
  const old = join("/dev/shm", `vedette-test-${process.pid}`);
  copyFileSync("/bin/true", old);
  try {
    const { run, alerts } = await prevented([EXEC], [CALLS, "exec", old]);
    assert.is(run.stdout.trim(), "exec EPERM", run.stderr);
    assert.is(alerts[0]?.output_fields["evt.arg.subject"], old);
  } finally {
    rmSync(old);
  }
});

test.run();
