// SPDX-License-Identifier: Apache-2.0
//
// `vedette top` at a terminal, which is tmux: the screens of a recording in three sizes, a new size, Ctrl-C,
// Ctrl-Z and SIGKILL, a running Vedette over its socket, and a command. And off a terminal: one table.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askControl } from "../../host/control/control.js";
import { RecordingWriter } from "../../host/recording/recording.js";
import { openBatch } from "../../host/wire/batch.js";
import { isKept, work } from "../host/terminal/screens.js";
import { until } from "../until.js";
import { opened } from "../web/shown.js";
import { hasCommand, run, scratch, start, VEDETTE } from "./programs.js";
import { Tmux } from "./tmux.js";

const TOP = VEDETTE.map((word) => `'${word}'`)
  .join(" ")
  .concat(" top");
const SIZES = [
  [60, 8],
  [80, 24],
  [200, 60],
] as const;

/** `work.vdt` in the folder: the same events each time. */
function record(folder: string): string {
  const path = join(folder, "work.vdt");
  const writer = new RecordingWriter(path);
  const bytes = work();
  writer.batch(0, bytes, openBatch(bytes).count);
  writer.close();
  return path;
}

const open: Tmux[] = [];
function terminal(width: number, height: number, env: Record<string, string> = {}): Tmux {
  const tmux = new Tmux(width, height, env);
  open.push(tmux);
  record(tmux.folder);
  return tmux;
}
test.after.each(() => {
  for (const tmux of open.splice(0)) tmux.close();
});

const atTerminals = (title: string, body: () => Promise<void>): void =>
  test(title, async () => {
    if (!hasCommand("tmux")) return console.log("skip: no tmux(1) on this machine, which is the terminal");
    await body();
  });

const nameOf = (width: number, height: number): string => `recording-${width}x${height}`;
const isWhole = (screen: string): boolean => screen.includes("All of it was read");

/** With its process's number in the file `pid`. */
const started = async (tmux: Tmux, rest: string): Promise<number> => {
  tmux.type(`sh -c 'echo $$ > pid; exec ${TOP.replaceAll("'", "")} ${rest}'`);
  await tmux.see("the table", (screen) => screen.includes("Vedette top") && screen.includes("COMMAND"));
  return Number(readFileSync(join(tmux.folder, "pid"), "utf8"));
};

atTerminals("a recording's screens are as they were kept, in three sizes and after each change of size", async () => {
  for (const [width, height] of SIZES) {
    const tmux = terminal(width, height);
    tmux.type(`${TOP} work.vdt`);
    await tmux.see(nameOf(width, height), (screen) => isWhole(screen) && isKept(nameOf(width, height), screen));
  }
  const [tmux] = open;
  for (const [width, height] of SIZES.toReversed()) {
    tmux!.resize(width, height);
    await tmux!.see(nameOf(width, height), (screen) => isKept(nameOf(width, height), screen));
  }
});

atTerminals("views, a filter, and the way into a row and back are keys", async () => {
  const tmux = terminal(100, 20);
  tmux.type(`${TOP} work.vdt`);
  await tmux.see("the whole recording", isWhole);
  tmux.press("Enter");
  await tmux.see(
    "the files of nginx",
    (screen) => /Filter: proc\.pid=41/.test(screen) && screen.includes("/srv/index.html"),
  );
  tmux.press("BSpace");
  await tmux.see("all processes", (screen) => screen.includes("backup") && screen.includes("No filter"));
  tmux.press("F2", "r");
  await tmux.see("errors", (screen) => /EACCES +openat/.test(screen));
  tmux.press("F4", "e", "v", "t", ".", "t", "y", "p", "e", "=", "Enter");
  await tmux.see("where the condition is wrong", (screen) => /wrong at column/.test(screen));
  assert.not.match(tmux.screen.join("\n"), /Nothing so far/, "what could not be looked at is not nothing");
});

atTerminals("F8 closes an incident's case in a running Vedette, and opens it again", async () => {
  const { control, socket, incident } = await opened("one");
  const tmux = terminal(120, 20);
  tmux.type(`${TOP} --socket ${socket} --view incidents`);
  await tmux.see("the incident", (screen) => screen.includes("onerror=alert"));
  const verdict = async (): Promise<unknown> =>
    ((await askControl(socket, `/api/v1/incidents/${incident}`)) as { case: object }).case;
  tmux.press("F8", "t");
  await tmux.see("that it is closed", (screen) => screen.includes("The case is closed."));
  const { state, verdict: said, by } = (await verdict()) as Record<string, string>;
  assert.equal([state, said, by], ["closed", "true_positive", "operator"]);
  tmux.press("a", "o");
  await tmux.see("that it is open", (screen) => screen.includes("The case is open again."));
  await control.close();
});

atTerminals("Ctrl-C, q and SIGTERM leave the terminal as it was", async () => {
  for (const end of ["C-c", "q", "TERM"] as const) {
    const tmux = terminal(80, 24);
    tmux.type("echo before");
    const pid = await started(tmux, "work.vdt");
    assert.is(tmux.modes.isAlternate, true);
    if (end === "TERM") process.kill(pid, "SIGTERM");
    else tmux.press(end);
    await tmux.see("what was there before", (screen) => screen.includes("before") && !screen.includes("Vedette top"));
    assert.equal(await tmux.faults(), [], end);
  }
});

atTerminals("SIGKILL leaves a sane terminal, where the shell puts nothing right", async () => {
  const tmux = terminal(80, 24);
  const pid = await started(tmux, "work.vdt");
  process.kill(pid, "SIGKILL");
  await tmux.see("the screen of before", () => !tmux.modes.isAlternate);
  assert.equal(await tmux.faults(), []);
});

atTerminals("Ctrl-Z stops it with a sane terminal, and fg goes on", async () => {
  const tmux = terminal(80, 24);
  tmux.type("set -m");
  tmux.type(`${TOP} work.vdt`);
  await tmux.see("the whole recording", isWhole);
  tmux.press("C-z");
  await tmux.see("the shell's word", (screen) => /[Ss]topped/.test(screen));
  assert.equal(await tmux.faults(), []);
  tmux.type("fg");
  await tmux.see("the table again", isWhole);
  tmux.press("q");
  await tmux.see("the shell", (screen) => !isWhole(screen));
  assert.equal(await tmux.faults(), []);
});

atTerminals("NO_COLOR leaves colours out, and without UTF-8 all is ASCII", async () => {
  const tmux = terminal(80, 24, { LC_ALL: "C", NO_COLOR: "1" });
  tmux.type(`${TOP} work.vdt`);
  const screen = await tmux.see("the whole recording", isWhole);
  assert.match(screen, /\?\?\? --name/);
});

atTerminals("a running Vedette is looked at over its socket: events, and what it found", async () => {
  const socket = join(scratch(), "control.sock");
  const work = "while :; do cat /etc/shadow >/dev/null; cat /etc/hosts >/dev/null; sleep 0.1; done";
  const host = start([...VEDETTE, "run", "-q", "--control", socket, "--", "sh", "-c", work], { limitMs: 400_000 });
  try {
    const tmux = terminal(100, 24);
    tmux.type(`until [ -S ${socket} ]; do sleep 0.1; done; ${TOP} --socket ${socket} --interval 0.2`);
    await tmux.see("processes", (screen) => /cat \/etc\/(hosts|shadow)/.test(screen) && / live$/m.test(screen));
    tmux.press("F2", "f");
    await tmux.see("files", (screen) => screen.includes("/etc/hosts"));
    tmux.press("F2", "a");
    await tmux.see("findings", (screen) => screen.includes("Sensitive file read"));
    tmux.press("F2", "i");
    await tmux.see("incidents", (screen) => /Incidents/.test(screen) && /open/.test(screen));
    tmux.press("Enter");
    await tmux.see("the findings of it", (screen) => /Incident \S+/.test(screen) && screen.includes("Sensitive file"));
    tmux.press("F2", "l");
    await tmux.see("policies", (screen) => screen.includes("sensitive-file-read"));
    host.child.kill("SIGTERM");
    await tmux.see("that nobody answers", (screen) => /failed$/m.test(screen));
    tmux.press("q");
  } finally {
    host.child.kill("SIGTERM");
    await host.ended;
  }
});

atTerminals("a command's own output does not reach the screen, and its status is ours", async () => {
  const tmux = terminal(80, 24);
  tmux.type(`${TOP} -- sh -c 'while :; do echo noise; ls / >/dev/null; sleep 0.1; [ -e stop ] && exit 7; done'`);
  const screen = await tmux.see("its processes", (screen) => screen.includes("ls /") && screen.includes("live"));
  assert.not.match(screen, /noise$/m);
  await run(["touch", join(tmux.folder, "stop")]);
  await tmux.see("its end", (screen) => screen.includes("The command ended with status 7"));
  tmux.press("q");
  await tmux.see("the shell", (screen) => !screen.includes("Vedette top"));
  tmux.type("echo status $?");
  await tmux.see("its status", (screen) => screen.includes("status 7"));
});

atTerminals("a command that is over at once was counted from its first call on", async () => {
  const tmux = terminal(100, 24);
  tmux.type(`${TOP} -- ls /`);
  await tmux.see("its end", (screen) => /ls \/$/m.test(screen) && screen.includes("ended with status 0"));
  tmux.press("F2", "s");
  await tmux.see("that nothing more came", (screen) => screen.includes("Nothing more came once this view was chosen"));
  tmux.press("q");
  await tmux.see("the shell", (screen) => !screen.includes("Vedette top"));
  tmux.type(`clear; ${TOP} -- no-such-command; echo status $?`);
  const screen = await tmux.see("why it cannot run", (screen) => screen.includes("status 127"));
  assert.match(screen, /VEDETTE_COMMAND_NOT_FOUND/);
});

atTerminals(
  "a command that SIGKILL ends has its status, and one that ignores SIGTERM is killed, which is said",
  async () => {
    const tmux = terminal(80, 24);
    tmux.type(`${TOP} -- sh -c 'kill -9 $$'; echo status $?`);
    await tmux.see("its end", (screen) => screen.includes("The command ended with status 137"));
    tmux.press("q");
    await tmux.see("its status", (screen) => screen.includes("status 137") && !screen.includes("Vedette top"));
    assert.equal(await tmux.faults(), []);
    tmux.type("clear");
    tmux.type(`${TOP} -- sh -c 'trap "" TERM; echo $$ > stubborn; while :; do sleep 0.1; done'; echo status $?`);
    const hasTrap = (): boolean => existsSync(join(tmux.folder, "stubborn"));
    await tmux.see("its processes", (screen) => /Vedette top.*sleep 0\.1/s.test(screen) && hasTrap());
    tmux.press("q");
    const screen = await tmux.see("its status", (screen) => screen.includes("status 137"));
    assert.match(screen, /did not end within 3 s of SIGTERM, and was killed/);
    assert.not.match(screen, /VEDETTE_AGENT/, "nothing of ours failed");
    assert.equal(await tmux.faults(), []);
    const pid = readFileSync(join(tmux.folder, "stubborn"), "utf8").trim();
    await until("it is gone", () => !existsSync(`/proc/${pid}`));
  },
);

atTerminals("SIGKILL of top leaves a sane terminal beside a command, too", async () => {
  const tmux = terminal(80, 24);
  const pid = await started(tmux, '-- sh -c "echo \\$\\$ > work; while :; do ls / >/dev/null; sleep 0.1; done"');
  await tmux.see("its processes", (screen) => screen.includes("ls /"));
  const command = Number(readFileSync(join(tmux.folder, "work"), "utf8"));
  try {
    assert.is.not(command, pid);
    process.kill(pid, "SIGKILL");
    await tmux.see("the screen of before", () => !tmux.modes.isAlternate);
    assert.equal(await tmux.faults(), []);
  } finally {
    process.kill(command, "SIGKILL"); // as under `vedette run`, nobody's end is that of the command
  }
  await until("the command is gone", () => !existsSync(`/proc/${command}`));
});

/** `damaged.vdt`: the same events, and then an end that is cut off. */
function damage(folder: string): string {
  const path = join(folder, "damaged.vdt");
  writeFileSync(path, readFileSync(record(folder)).subarray(0, -8));
  return path;
}

atTerminals("of a damaged recording the whole table is shown, and then where it is damaged", async () => {
  const tmux = terminal(100, 24);
  damage(tmux.folder);
  tmux.type(`${TOP} --interval 10 damaged.vdt`);
  const screen = await tmux.see("why it ends", (screen) => screen.includes("damaged.vdt is damaged"));
  assert.match(screen, /nginx -g daemon/);
  assert.match(screen, /backup/);
  tmux.press("q");
});

test("off a terminal a damaged recording's table is printed, and then the error", async () => {
  const folder = scratch();
  const [whole, cutOff] = [record(folder), damage(folder)];
  const expected = await run([...VEDETTE, "top", whole]);
  const { status, stdout, stderr } = await run([...VEDETTE, "top", cutOff]);
  assert.is(stdout, expected.stdout, "all that is whole");
  assert.is(status, 1);
  assert.match(stderr, /VEDETTE_RECORDING_CORRUPT/);
});

test("off a terminal one table is printed, of a command as of a recording", async () => {
  const folder = scratch();
  const path = record(folder);
  const table = await run([...VEDETTE, "top", path, "--view", "files"]);
  assert.match(table.stdout, /^ *IN +OUT +OPS +OPENS +ERRORS +CONTAINER +FILE\n *120K +- +30 /);
  assert.is(table.status, 0);
  const json = await run([...VEDETTE, "top", path, "--json", "--filter", "proc.name=nginx"]);
  assert.equal(JSON.parse(json.stdout).command, "nginx -g daemon off;");
  const command = await run([
    ...VEDETTE,
    "top",
    "--once",
    "--view",
    "opens",
    "--",
    "sh",
    "-c",
    "cat /etc/hosts >&2; exit 3",
  ]);
  assert.is(command.status, 3);
  assert.match(command.stdout, /cat +\d+ +\/etc\/hosts/);
});

test("what cannot be looked at is told before anything runs", async () => {
  const told = async (...words: string[]): Promise<string> => {
    const { status, stderr } = await run([...VEDETTE, "top", ...words]);
    assert.is(status, 2, words.join(" "));
    return stderr;
  };
  assert.match(await told(), /Give one thing to look at/);
  assert.match(await told("--view", "nothing", "--", "true"), /There are processes, files/);
  assert.match(await told("--view", "incidents", "--", "true"), /of a Vedette that runs/);
  assert.match(await told("--filter", "proc.pid =", "--", "true"), /VEDETTE_FALCO_CONDITION/);
  assert.match(await told("--socket", "/nowhere.sock"), /VEDETTE_CONTROL_UNANSWERED/);
  assert.match(await told("/etc/hosts"), /VEDETTE_/);
  assert.match(await told("--interval", "0", "--", "true"), /0\.2 to 10/);
});

test.run();
