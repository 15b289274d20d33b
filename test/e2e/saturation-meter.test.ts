// SPDX-License-Identifier: Apache-2.0
//
// The meter of saturation against strace: the same programs do the same under both, and both must have
// counted the same calls by group, errors by name and bytes by device.
import { spawnSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { add, type Counts, seriesOf, sorted } from "./measured.js";
import { endGroup, environment, hasCommand, scratch, start, VEDETTE } from "./programs.js";
import { type Call, parseStrace } from "./strace/parse.js";

const folder = scratch();
const socket = join(folder, "c.sock");
const [from, to] = [join(folder, "in"), join(folder, "out")];
const PROGRAMS: readonly (readonly [name: string, ...words: string[]])[] = [
  ["dd", `if=${from}`, `of=${to}`, "bs=1000", "count=500", "status=none"],
  ["cat", join(folder, "missing"), join(folder, "missing-too"), from],
];
/** By the kernel's name; `read` and `write` are of files here. */
const GROUPS: Readonly<Record<string, string>> = {
  ...{ open: "file.open", openat: "file.open", read: "file.read", pread64: "file.read", write: "file.write" },
};
writeFileSync(from, Buffer.alloc(400_500, "x"));

/** As makedev(3) takes a device apart, for numbers below 2^32. */
function device(path: string): string {
  const { dev } = statSync(path);
  return `${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`;
}

function counted(program: string, call: Call, counts: Counts): void {
  const group = GROUPS[call.name];
  if (group === undefined || call.result === undefined) return;
  add(counts, `${program} ${group}`, 1);
  if (call.result === -2n) add(counts, `${program} ${group} ENOENT`, 1);
  const [fd] = call.args;
  if (group === "file.open" || fd?.kind !== "number" || fd.path === undefined) return;
  add(counts, `${program} ${group} ${device(fd.path)}`, Number(call.result));
}

/** What strace counts. Output goes to a file, as under Vedette. */
function byStrace(): Counts {
  const counts: Counts = {};
  for (const [name, ...words] of PROGRAMS) {
    const [log, quoted] = [join(folder, `${name}.strace`), words.map((word) => `'${word}'`).join(" ")];
    const strace = ["-f", "-X", "raw", "-xx", "-y", "-o", log];
    const script = `exec ${name} ${quoted} >'${folder}/said' 2>&1`;
    spawnSync("strace", [...strace, "sh", "-c", script], { env: environment() });
    const text = readFileSync(log, "utf8");
    const own = text.slice(text.lastIndexOf("execve(")); // what the shell did before is the shell's
    for (const call of parseStrace(own.slice(own.indexOf("\n") + 1)).calls) counted(name, call, counts);
  }
  return sorted(counts);
}

function byMeter(): Counts {
  const counts: Counts = {};
  const names = PROGRAMS.map(([name]) => name);
  const ofThem = (metric: string) =>
    seriesOf(socket, metric).filter(({ of }) => names.includes(of("process_executable_name")));
  for (const { of, value } of ofThem("vedette_syscall_time_seconds_count"))
    add(counts, `${of("process_executable_name")} ${of("vedette_syscall_group")}`, value);
  for (const { of, value } of ofThem("vedette_syscall_errors_total"))
    add(counts, `${of("process_executable_name")} ${of("vedette_syscall_group")} ${of("error_type")}`, value);
  for (const { of, value } of ofThem("vedette_file_io_bytes_total"))
    add(counts, `${of("process_executable_name")} file.${of("disk_io_direction")} ${of("system_device")}`, value);
  return sorted(counts);
}

test("calls by group, errors by name and bytes by device are what strace counts", async () => {
  if (!hasCommand("strace") || !hasCommand("curl")) return console.log("skip: strace or curl is missing");
  const expected = byStrace();
  const script = PROGRAMS.map((words) => `${words.map((word) => `'${word}'`).join(" ")} >'${folder}/said' 2>&1`);
  const words = ["--policy", "meters/saturation", "--snaplen", "0", "--control", socket];
  const { child } = start([...VEDETTE, "run", ...words, "--", "sh", "-c", `${script.join("; ")}; sleep 600`], {
    limitMs: 120_000,
  });
  try {
    await until("the same counts", () => JSON.stringify(byMeter()) === JSON.stringify(expected), {
      ms: 30_000,
      tell: () => `${JSON.stringify(byMeter())}; strace has counted ${JSON.stringify(expected)}`,
    });
    assert.is(expected["cat file.open ENOENT"], 2);
    assert.is(expected[`dd file.write ${device(folder)}`], 400_500);
  } finally {
    endGroup(child.pid);
  }
});

test.run();
