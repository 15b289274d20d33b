// SPDX-License-Identifier: Apache-2.0
//
// What an exec is told with, against what the kernel says of the same process a moment later: the program
// itself prints its files of /proc.
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { scratch } from "./programs.js";
import { type Event, trace } from "./traces.js";

const test = suite("exec facts");

const LIST_MAX = 4096; // bytes that are kept of arguments, and of the environment
const FILES = ["comm", "cmdline", "environ", "status", "stat", "cgroup", "loginuid"];
const said = FILES.map((name) => `/proc/self/${name}`);

// "/proc/self/status:Uid:\t0..." a line, as grep -H prints them, by file.
function byFile(printed: string): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const line of printed.split("\n")) {
    const [, name, text] = /^\/proc\/self\/(\w+):(.*)$/s.exec(line) ?? [];
    if (name !== undefined) texts[name] = texts[name] === undefined ? text! : `${texts[name]}\n${text}`;
  }
  return texts;
}

const list = (text: string): string => text.replace(/\0$/, "").split("\0").join(" ");
const field = (status: string, name: string): string[] =>
  new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)![1]!.trim().split(/\s+/);
const names = (text: unknown): number =>
  text === undefined || text === "" || text === "0" ? 0 : String(text).split("|").length;
const ones = (hex: string): number => [...BigInt(`0x${hex}`).toString(2)].filter((digit) => digit === "1").length;

async function compare(name: string, argv: string[], cwd = scratch()): Promise<void> {
  const watched = await trace(`exec-facts-${name}`, argv, { cwd });
  const kernel = byFile(watched.run.stdout);
  const exec = watched.events
    .filter((event: Event) => event["evt.type"] === "execve" && event["evt.rawres"] === 0)
    .at(-1)!;
  const got = {
    comm: exec["evt.arg.comm"],
    cmdline: `${exec["evt.arg.exe"]} ${exec["evt.arg.args"]}`,
    environ: String(exec["evt.arg.env"] ?? ""),
    user: exec["evt.arg.uid"],
    permitted: names(exec["evt.arg.cap_permitted"]),
    effective: names(exec["evt.arg.cap_effective"]),
    group: String(exec["evt.arg.pgid"]),
    cgroup: exec["evt.arg.cgroups"],
    loginuid: exec["evt.arg.loginuid"] === "<NONE>" ? "4294967295" : exec["evt.arg.loginuid"],
  };
  const status = kernel.status!;
  assert.equal(got, {
    comm: kernel.comm,
    cmdline: list(kernel.cmdline!).slice(0, LIST_MAX - 1),
    environ: list(kernel.environ ?? ""),
    user: execFileSync("id", ["-nu", field(status, "Uid")[1]!], { encoding: "utf8" }).trim(),
    permitted: ones(field(status, "CapPrm")[0]!),
    effective: ones(field(status, "CapEff")[0]!),
    group: kernel.stat!.slice(kernel.stat!.lastIndexOf(")") + 2).split(" ")[2],
    cgroup: kernel
      .cgroup!.split("\n")
      .map((line) => line.replace(/^[^:]*:[^:]*:/, ""))
      .reduce((a, b) => (b.length > a.length ? b : a)),
    loginuid: kernel.loginuid,
  });
}

test("a program with arguments and environment", () =>
  compare("plain", ["env", "-i", "A=1", "B=2", "grep", "-aH", "", ...said]));

test("one that was executed by another name, too long for comm", async () => {
  const cwd = scratch();
  symlinkSync(
    execFileSync("sh", ["-c", "command -v grep"], { encoding: "utf8" }).trim(),
    join(cwd, "grep-by-a-longer-name"),
  );
  await compare("name", [join(cwd, "grep-by-a-longer-name"), "-aH", "", ...said], cwd);
});

test("a script: its own name, its interpreter's arguments", async () => {
  const cwd = scratch();
  writeFileSync(
    join(cwd, "script"),
    "#!/bin/sh\nfor file in comm cmdline environ status stat cgroup loginuid; do grep -aH '' /proc/$$/$file; done\n",
  );
  chmodSync(join(cwd, "script"), 0o755);
  const watched = await trace("exec-facts-script", [join(cwd, "script"), "x y"], { cwd });
  const exec = watched.events.find((event) => event["evt.type"] === "execve" && event["evt.arg.comm"] === "script")!;
  assert.match(watched.run.stdout, /:script\n/);
  assert.is(`${exec["evt.arg.exe"]} ${exec["evt.arg.args"]}`, `/bin/sh ${join(cwd, "script")} x y`);
});

test("an executable whose folder was moved, with a link to it left in its place, has the name it has now", async () => {
  const cwd = scratch();
  mkdirSync(join(cwd, "t"));
  copyFileSync(execFileSync("sh", ["-c", "command -v env"], { encoding: "utf8" }).trim(), join(cwd, "t/x"));
  const script = "t/x; t/x; mv t moved; ln -s moved t; t/x; moved/x";
  const watched = await trace("exec-facts-moved", ["sh", "-c", script], { cwd });
  const told = watched.events.filter((event) => event["evt.type"] === "execve" && event["evt.arg.comm"] === "x");
  assert.equal(
    told.map((event) => event["evt.arg.trusted_exepath"]),
    ["t/x", "t/x", "moved/x", "moved/x"].map((name) => join(cwd, name)),
  );
});

test("lists longer than what is kept are cut", () => {
  const many = Array.from({ length: 900 }, (_, i) => `/proc/self/none-${i}`);
  return compare("long", ["grep", "-saH", "", ...said, ...many]);
});

test("one after another, with credentials that an exec changes and that it keeps", async () => {
  await compare("chain", ["sh", "-c", `true; exec sh -c 'true; exec grep -aH "" ${said.join(" ")}'`]);
  if (process.getuid!() !== 0) return console.log("skipped in part: only root can become somebody else");
  const other = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
  await compare("setuid", [...other, "grep", "-aH", "", ...said]);
  await compare("setuid-chain", [...other, "sh", "-c", `true; exec grep -aH '' ${said.join(" ")}`]);
  await compare("bounding", [
    "setpriv",
    "--bounding-set",
    "-chown,-kill",
    "sh",
    "-c",
    `true; exec grep -aH '' ${said.join(" ")}`,
  ]);
  await compare("session", ["setsid", "-w", "sh", "-c", `true; exec grep -aH '' ${said.join(" ")}`]);
});

test.run();
