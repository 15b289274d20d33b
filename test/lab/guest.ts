// SPDX-License-Identifier: Apache-2.0
// What goes into a guest (kernel.ts) to watch programs there, and what comes out: the agent built for its
// processor, fixtures with their libraries, and the frames that the agent has sent.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { EventJson } from "../../host/output/event-json.js";
import { openBatch } from "../../host/wire/batch.js";
import { buildFixture } from "../e2e/fixtures.js";
import { ROOT } from "../e2e/programs.js";
import type { Event } from "../e2e/traces.js";
import { missingForKernels } from "./kernel.js";
import type { Machine } from "./kernel-package.js";

const HEAD = 4;

/** What of `machine`'s is missing here, after its agent has been built; null: nothing. */
export function missingForGuest(machine: Machine): string | null {
  const guest = missingForKernels(machine);
  if (guest !== null || machine === "x86_64") return guest;
  for (const command of ["aarch64-linux-gnu-g++", "arm-linux-gnueabihf-as"]) {
    try {
      execFileSync("sh", ["-c", `command -v ${command}`], { stdio: "ignore" });
    } catch {
      return `the command ${command}`;
    }
  }
  execFileSync("make", ["-C", join(ROOT, "capture"), "ARCH=aarch64", "-j2", "agent"], { stdio: "pipe" });
  return null;
}

/**
 * The agent, fixtures by name, and the libraries that their loader names; by the path inside. `ready`: of no
 * processor to build for.
 */
export function guestFiles(machine: Machine, programs: string[], ready: string[] = []): Record<string, string> {
  const native = machine === "x86_64";
  const built = programs.map((name) => buildFixture(name, native || ready.includes(name) ? undefined : machine));
  const libraries = (native ? built : []).flatMap((path) => {
    try {
      return execFileSync("ldd", [path], { encoding: "utf8", stdio: "pipe" }).match(/\/\S+(?= \(0x)/g) ?? [];
    } catch {
      return []; // static
    }
  });
  return Object.fromEntries([
    ["/vedette-capture", native ? "build/vedette-capture" : `build/${machine}/vedette-capture`],
    ...built.map((path) => [`/build/fixtures/${basename(path)}`, path]),
    ...libraries.map((path) => [path, path]),
  ]);
}

/** All that an agent has sent, from a file. */
export function eventsIn(path: string): Event[] {
  const bytes = readFileSync(path);
  const json = new EventJson();
  const events: Event[] = [];
  for (let at = 0; at + HEAD <= bytes.length; ) {
    const frame = Uint8Array.from(bytes.subarray(at + HEAD, at + HEAD + bytes.readUInt32LE(at)));
    at += HEAD + frame.length;
    if (Buffer.from(frame.subarray(1, 9)).toString("latin1") !== "\xa7vedette") continue; // hello, end
    const batch = openBatch(frame);
    for (const offset of batch.offsets) events.push(JSON.parse(json.line(batch, offset)) as Event);
  }
  return events;
}
