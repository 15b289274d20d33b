// SPDX-License-Identifier: Apache-2.0
// What the host says, for this machine's syslog: as syslog(3) sends it, and never waiting.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { LogSocket } from "../../../host/output/log-socket.js";
import { until } from "../../until.js";

const folder = mkdtempSync(join(tmpdir(), "log-"));
test.after(() => rmSync(folder, { recursive: true, force: true }));

/** Prints each datagram as a line of JSON, if it reads at all. */
const RECEIVER = `
import json, os, socket, sys, time
place = sys.argv[1]
if os.path.exists(place): os.unlink(place)
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind(place)
print('"bound"', flush=True)
while sys.argv[2] == "reads": print(json.dumps(log.recv(9999).decode()), flush=True)
time.sleep(600)`;

async function receiver(place: string, manner: "reads" | "sleeps" = "reads") {
  const child = spawn("python3", ["-c", RECEIVER, place, manner], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (part) => (text += part));
  const got = (): string[] =>
    text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line))
      .slice(1);
  await until("it is bound", () => text.includes("bound"));
  const end = (): Promise<void> =>
    new Promise((done) => {
      child.on("close", () => done());
      child.kill("SIGKILL");
    });
  return { got, end };
}

test("each line is a datagram with its severity, date and tag; what a terminal obeys is written out", async () => {
  const place = join(folder, "log");
  const log = new LogSocket(place, "falco");
  log.line("nobody is there", "info");
  const first = await receiver(place);
  const now = new Date("2026-11-06T14:30:12Z");
  log.line("vedette: listening\nx\u001b[2J", "info", now);
  log.line("vedette: badly", "error", now);
  await until("both are there", () => first.got().length === 2);
  const [date] = /Nov {2}[567] \d\d:\d\d:12/.exec(first.got()[0] ?? "") ?? [];
  assert.equal(first.got(), [
    `<14>${date} falco: vedette: listening\\x0ax\\x1b[2J`,
    `<11>${date} falco: vedette: badly`,
  ]);
  await first.end();
  log.line("lost", "info"); // nobody reads it, and nobody waits
  const second = await receiver(place);
  log.line("again", "warning", now);
  await until("it is there", () => second.got().length === 1);
  assert.equal(second.got(), [`<12>${date} falco: again`]);
  await second.end();
});

test("a reader who does not read holds nothing up", async () => {
  const place = join(folder, "full");
  const { end } = await receiver(place, "sleeps");
  const log = new LogSocket(place, "falco");
  for (let i = 0; i < 2_000; i++) log.line("x".repeat(5_000), "info");
  await end();
});

test.run();
