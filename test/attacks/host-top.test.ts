// SPDX-License-Identifier: Apache-2.0
//
// A workload that aims at whoever looks on with `vedette top` (H31): names and arguments that would steer the
// terminal, 4 KiB of them, and ever new names that would fill the memory. The honest control is a file of
// another process that stays on the screen.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { hasCommand, run, scratch, VEDETTE } from "../e2e/programs.js";
import { Tmux } from "../e2e/tmux.js";

const TOP = `${VEDETTE.join(" ")} top`;
/** Sets the title, erases the screen, moves the cursor, turns the line, hides, and takes 4 KiB. */
const HOSTILE = "\\033]0;owned\\007\\033[2J\\033[1;1HFORGED\\u202egpj.exe\\u200b\\n\\033[?1049l";
const ATTACK = `import os, sys, time
name = "${HOSTILE.replaceAll("\\033", "\\x1b").replaceAll("\\007", "\\x07")}"
os.makedirs("d", exist_ok=True)
path = "d/" + name
flood = sys.argv[1] == "flood"
i = 0
while True:
    open("honest.txt", "w").close()
    open(path, "w").close()
    os.spawnv(os.P_WAIT, "/bin/true", ["true", name, "x" * 4096, "\\u0301" * 2000])
    for k in range(2000 if flood else 1):
        try:
            os.open("d/new-%d-%d" % (i, k), os.O_RDONLY)
        except OSError:
            pass
    i += 1
    time.sleep(0.05)
`;
/** A heap that is collected now and then. */
const GROWTH_KIB_MAX = 80_000;
/** Its row: the first line names it, too. */
const ATTACKER = /^ \d.*python3 attack\.py/m;

function attacked(mode: "names" | "flood", more = ""): { tmux: Tmux; pid: () => number } {
  const tmux = new Tmux(120, 24);
  writeFileSync(join(tmux.folder, "attack.py"), ATTACK);
  tmux.type(`sh -c 'echo $$ > pid; exec ${TOP} ${more} -- python3 attack.py ${mode}'`);
  return { tmux, pid: () => Number(readFileSync(join(tmux.folder, "pid"), "utf8")) };
}

const needed = ["tmux", "python3"].filter((name) => !hasCommand(name));
const atTerminals = (title: string, body: () => Promise<void>): void =>
  test(title, async () => {
    if (needed.length > 0) return console.log(`skip: no ${needed.join(" and no ")} on this machine`);
    await body();
  });

atTerminals(
  "H31: names that would steer a terminal are text in every view, and each line keeps its place",
  async () => {
    const { tmux } = attacked("names");
    try {
      const isWhole = (screen: string): boolean => {
        const lines = screen.split("\n");
        return lines[0]!.startsWith(" Vedette top") && /^F1 Help/.test(lines[23] ?? "") && !/^FORGED/m.test(screen);
      };
      const views = [
        ["f", /\\x1b\]0;owned\\x07\\x1b\[2J/],
        ["o", /\\x1b\]0;owned/],
        ["u", /true \\x1b\]0;owned/],
        ["d", /\\x1b\]0;owned/],
        ["p", ATTACKER],
      ] as const;
      await tmux.see("the table", (screen) => ATTACKER.test(screen));
      for (const [key, has] of views) {
        tmux.press("F2", key);
        await tmux.see(`view ${key}`, (screen) => has.test(screen) && isWhole(screen));
      }
      tmux.press("F2", "f");
      await tmux.see("the honest file", (screen) => screen.includes("honest.txt"));
      tmux.press("/", "o", "w", "n", "e", "d", "Enter");
      await tmux.see("the hostile file", (screen) => /Search: owned/.test(screen) && !screen.includes("honest.txt"));
      tmux.press("Enter");
      const screen = await tmux.see("who opens it", (screen) => /Filter: fd/.test(screen) && ATTACKER.test(screen));
      assert.match(screen, /Filter: fd\.name="[^"]*\\x1b\\x5d0\\x3bowned/, "no name ends the filter's text");
      assert.is(tmux.modes.isAlternate, true);
      assert.not.match(tmux.title, /owned/);
      tmux.press("q");
      await tmux.see("the shell", (screen) => !screen.includes("Vedette top"));
      assert.equal(await tmux.faults(), []);
    } finally {
      tmux.close();
    }
  },
);

atTerminals("H31: ever new names do not fill the memory, and what went is counted", async () => {
  const { tmux, pid } = attacked("flood", "--view files --interval 0.2");
  const rss = (): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid()}/status`, "utf8"))![1]);
  try {
    await tmux.see("rows that went", (screen) => /left out/.test(screen) && screen.includes("honest.txt"));
    const before = rss();
    await tmux.see("many more", (screen) => /\d+K left out/.test(screen));
    assert.ok(rss() < before + GROWTH_KIB_MAX, `${rss() - before} KiB more`);
    await tmux.see("the honest file", (screen) => screen.includes("honest.txt"));
  } finally {
    tmux.press("q");
    await sleep(0);
    tmux.close();
  }
});

test("H31: what is printed off a terminal holds nothing that a terminal obeys", async () => {
  const folder = scratch();
  const file = `${folder}/\x1b]0;owned\x07\u202e\u0085x`;
  writeFileSync(file, "");
  for (const form of ["--once", "--json"]) {
    const { stdout } = await run([...VEDETTE, "top", form, "--view", "opens", "--", "cat", file]);
    const text = Buffer.from(stdout, "latin1").toString();
    assert.match(text, /owned/);
    assert.not.match(text, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
  }
});

test.run();
