// SPDX-License-Identifier: Apache-2.0
//
// Screens as they should be, in screens/NAME.txt. With VEDETTE_SCREENS=write a test writes them instead.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { ShortEvents } from "../../../host/policy/short-event.js";
import { ROOT } from "../../e2e/programs.js";

const FOLDER = join(ROOT, "test/host/terminal/screens");

/** The same events each time: a small web server, a copy, a failure, and a connection. */
export function work(): Uint8Array {
  const events = new ShortEvents();
  const nginx = { name: "nginx", pid: 41, user: "www", args: ["-g", "daemon off;"] };
  for (let i = 0; i < 30; i++) events.add("read", { proc: nginx, fd: "/srv/index.html", res: 4_096 });
  for (let i = 0; i < 20; i++)
    events.add("write", { proc: nginx, fd: "tcp 10.0.0.5:40000->203.0.113.9:443", res: 8_192 });
  const backup = { name: "backup", pid: 77, session: 70 };
  for (let i = 0; i < 12; i++) events.add("openat", { proc: backup, name: `/var/lib/data/${i}.db`, res: 3 });
  for (let i = 0; i < 3; i++) events.add("openat", { proc: backup, name: "/root/.key", res: "EACCES" });
  events.add("execve", { proc: { name: "日本語", pid: 99, args: ["--name", "\u202etxt.exe\x1b[2J"] } });
  return events.bytes();
}

/** Whether a screen that is still drawn is already as it was kept. */
export function isKept(name: string, screen: string): boolean {
  if (process.env.VEDETTE_SCREENS === "write") isAsKept(name, screen.split("\n"));
  return readFileSync(join(FOLDER, `${name}.txt`), "utf8").trimEnd() === screen.trimEnd();
}

/** The screen, without blanks at the ends of lines, is as it was kept. */
export function isAsKept(name: string, lines: readonly string[]): void {
  const path = join(FOLDER, `${name}.txt`);
  const text = `${lines.map((line) => line.trimEnd()).join("\n")}\n`;
  if (process.env.VEDETTE_SCREENS === "write") writeFileSync(path, text);
  assert.fixture(text, readFileSync(path, "utf8"), `${name}; VEDETTE_SCREENS=write keeps it as it is now`);
}
