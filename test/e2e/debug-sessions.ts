// SPDX-License-Identifier: Apache-2.0
//
// A session of a debugger, bare and watched: all that it prints is compared, with numbers of processes and
// addresses taken out.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type * as uvu from "uvu";
import * as assert from "uvu/assert";
import { AGENT, hasCommand, type Run, run, scratch, selected } from "./programs.js";

export interface Session {
  name: string;
  argv: string[];
  /** Commands that it runs; the first word of its name. */
  needs?: string[];
  /** Lines come in any order: threads and processes of their own pace. */
  unordered?: boolean;
}

const LIMIT_MS = 120_000;

// Numbers of processes and threads, addresses of what moves, times.
function plain(text: string): string {
  return (
    text
      .replace(/0x[0-9a-f]{5,}/g, "ADDRESS")
      // The processor says as it likes which parts of its state are in use (Intel SDM vol. 1, 13.6, XINUSE).
      // Bare runs differ in it.
      .replace(/xstate_bv: 0x[0-9a-f]+/g, "xstate_bv: STATE")
      .replace(/getrandom\("[^"]*"/g, 'getrandom("RANDOM"')
      .replace(/\b\d{3,7}\b/g, "N")
      .replace(/(cpu|elapsed)=[\d.]+m?s/g, "$1=TIME")
      .replace(/<(?:0|\d+\.\d+)>/g, "<TIME>")
  );
}

// A call that another process's line interrupts comes in two halves. `???` is one whose process was killed
// before strace could ask which it was: it stands in some runs, watched or not.
function wholeLines(log: string): string[] {
  const begun = new Map<string, string>();
  return log
    .split("\n")
    .flatMap((line) => {
      const [, pid, rest] = /^(\d+) +(.*)$/.exec(line) ?? [];
      if (pid === undefined || rest === undefined) return [line];
      if (/^(?:\?{3}\(|<\.\.\. \?{3} resumed>)/.test(rest)) return [];
      if (rest.endsWith("<unfinished ...>")) {
        begun.set(pid, rest.replace(/ <unfinished \.\.\.>$/, ""));
        return [];
      }
      const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)?.[1];
      return [resumed === undefined ? rest : `${begun.get(pid) ?? ""}${resumed}`];
    })
    .map((line) => line.replace(/ +=/, " =").replace(/ +\)/g, ")"));
}

interface Said {
  status: number | string | null;
  lines: string[];
}

async function session(argv: string[], one: Session): Promise<Said> {
  const folder = scratch();
  const ended: Run = await run(argv, { cwd: folder, limitMs: LIMIT_MS });
  const logs = readdirSync(folder).sort();
  const texts = logs.filter((name) => name.startsWith("log")).map((name) => readFileSync(join(folder, name), "latin1"));
  const lines = [ended.stdout, ended.stderr, ...texts]
    .flatMap(wholeLines)
    .map((line) => plain(line.replaceAll(folder, "FOLDER")))
    .filter((line) => line !== "");
  return { status: ended.signal ?? ended.status, lines: one.unordered === true ? lines.sort() : lines };
}

export async function sameAsBare(one: Session): Promise<void> {
  const argv = ["setarch", "-R", ...one.argv];
  const bare = await session(argv, one);
  const watched = await session([AGENT, "--host", "discard", "--", ...argv], one);
  assert.ok(bare.lines.length > 0, "it said nothing");
  assert.equal(watched.lines, bare.lines, `again: npm test -- ${one.name}`);
  const shell = typeof bare.status === "string" ? watched.status : bare.status;
  assert.is(watched.status, shell);
}

/**
 * A test a session, for those that are selected; where a command is missing that it needs, it is skipped and
 * says so.
 */
export function testSessions(test: uvu.Test, sessions: readonly Session[]): void {
  for (const one of selected([...sessions])) {
    const title = `${one.name}: says the same as bare`;
    const missing = (one.needs ?? [/^[a-z]+/.exec(one.name)![0]]).find((command) => !hasCommand(command));
    if (missing === undefined) {
      test(title, () => sameAsBare(one));
    } else {
      console.log(`skip: ${title}: no ${missing} on this machine`);
      test.skip(title);
    }
  }
}
