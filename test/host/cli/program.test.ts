// SPDX-License-Identifier: Apache-2.0
// The command as a user meets it: what it says to a wrong command line, the statuses it ends with, and that
// the workload cannot tell that we are there. Runs the built program on the built agent.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { LOST } from "../../../host/cli/exit-statuses.js";
import { builtFile } from "../../../host/paths.js";

const MAIN = builtFile("js/host/main.js");
const folder = mkdtempSync(join(tmpdir(), "vedette-cli-"));
test.after(() => rmSync(folder, { recursive: true }));
const file = (name: string): string => join(folder, name);

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const vedette = (...argv: string[]): Ended =>
  spawnSync(process.execPath, [MAIN, ...argv], { encoding: "utf8", timeout: 90_000, killSignal: "SIGKILL" });
const withVariables = (variables: Record<string, string>, ...argv: string[]): Ended =>
  spawnSync(process.execPath, [MAIN, ...argv], { encoding: "utf8", env: { ...process.env, ...variables } });
const natively = (...argv: string[]): Ended => spawnSync(argv[0] as string, argv.slice(1), { encoding: "utf8" });
/** Traced, with the events out of the way. */
const traced = (...argv: string[]): Ended => vedette("trace", "-o", "/dev/null", "--", ...argv);

mkdirSync(file("empty"));
writeFileSync(file("plain"), "no program");

/** N5: command line → exit status, code, and what the sentence must name. */
const MISTAKES: readonly (readonly [argv: string[], status: number, code: string, names: string])[] = [
  [[], 2, "VEDETTE_USAGE", "No command"],
  [["tarce", "--", "true"], 2, "VEDETTE_USAGE", "tarce"],
  [["policy"], 2, "VEDETTE_USAGE", "It has new, check,"],
  [["help", "nosuch"], 2, "VEDETTE_USAGE", "There is no command nosuch."],
  [["run"], 2, "VEDETTE_NO_COMMAND", "vedette run -- "],
  [["trace", "--json"], 2, "VEDETTE_NO_COMMAND", "vedette trace -- "],
  [["run", "--"], 2, "VEDETTE_NO_COMMAND", "vedette run -- "],
  [["run", "ls"], 2, "VEDETTE_USAGE", "after `--`"],
  [["run", "ls", "-la"], 2, "VEDETTE_USAGE", "as in `vedette run -- ls -la`"],
  [["tarce", "ls"], 2, "VEDETTE_USAGE", "Did you mean trace?"],
  [["policy", "chekc", "x"], 2, "VEDETTE_USAGE", "Did you mean check?"],
  [["run", "--polcy", "x", "--", "true"], 2, "VEDETTE_USAGE", "Did you mean --policy?"],
  [["fields", "foo"], 2, "VEDETTE_USAGE", "Too many arguments for 'fields'"],
  [["doctor", "foo"], 2, "VEDETTE_USAGE", "Too many arguments for 'doctor'"],
  [["completion", "csh"], 2, "VEDETTE_USAGE", "bash, zsh, fish"],
  [["trace", "--bogus", "--", "true"], 2, "VEDETTE_USAGE", "--bogus"],
  [["trace", "--snaplen", "4097", "--", "true"], 2, "VEDETTE_USAGE", "4096"],
  [["trace", "--snaplen", "-1", "--", "true"], 2, "VEDETTE_USAGE", "4096"],
  [["trace", "--snaplen", "ten", "--", "true"], 2, "VEDETTE_USAGE", "ten"],
  [["run", "--snaplen"], 2, "VEDETTE_USAGE", "--snaplen"],
  [["trace", "--io-uring", "maybe", "--", "true"], 2, "VEDETTE_USAGE", "refuse, allow"],
  [["trace", "-o", file("no/such/file"), "--", "true"], 2, "VEDETTE_OUTPUT_UNWRITABLE", file("no/such/file")],
  [["run", "--alerts", file("no/such/file"), "--", "true"], 2, "VEDETTE_SINK_UNWRITABLE", file("no/such/file")],
  [["run", "--alerts", folder, "--", "true"], 2, "VEDETTE_SINK_UNWRITABLE", folder],
  [["run", "--policy", file("nowhere"), "--", "true"], 2, "VEDETTE_POLICY_UNREADABLE", file("nowhere")],
  [["run", "--policy", file("empty"), "--", "true"], 2, "VEDETTE_POLICY_NONE", file("empty")],
  [["trace", "--", file("nowhere")], 127, "VEDETTE_COMMAND_NOT_FOUND", file("nowhere")],
  [["trace", "--", "no-such-command-anywhere"], 127, "VEDETTE_COMMAND_NOT_FOUND", "no-such-command-anywhere"],
  [["trace", "--", file("plain")], 126, "VEDETTE_COMMAND_NOT_EXECUTABLE", file("plain")],
  [["trace", "--", folder], 126, "VEDETTE_COMMAND_NOT_EXECUTABLE", folder],
];
for (const [argv, status, code, names] of MISTAKES) {
  test(`vedette ${argv.join(" ").replaceAll(folder, "DIR")} ends with ${status} and ${code}`, () => {
    const ended = vedette(...argv);
    assert.is(ended.status, status, ended.stderr);
    assert.match(ended.stderr, `[${code}]`);
    assert.match(ended.stderr, names);
    assert.not.match(ended.stderr, /^ {2,}at /m, "no stack trace");
    assert.not.match(ended.stderr, /\{\w+\}/, "every value of the sentence is filled");
    assert.is(ended.stdout, "");
  });
}

test("help and version are answers, on stdout", () => {
  assert.match(
    vedette("--version").stdout,
    /^0\.2\.0, commit [0-9a-f]{12}(-dirty)?, abi 1, event contract [0-9a-f]{16} \(minor \d+\)\n$/,
  );
  for (const command of ["run", "trace", "doctor"]) {
    assert.match(vedette("--help").stdout, command);
    const { status, stdout, stderr } = vedette(command, "--help");
    assert.is(status, 0);
    assert.match(stdout, `Usage: vedette ${command}`);
    assert.is(stderr, "");
  }
});

const JSON_LOG = { VEDETTE_LOG_FORMAT: "json" };
const logOf = ({ stderr }: Ended): { level: string; message: string; code?: string }[] =>
  stderr
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

test("every command's own lines are JSON where --log-format or the environment asks for it", () => {
  const wrong = ["policy", "check", file("nowhere")] as const;
  for (const ended of [vedette(...wrong, "--log-format", "json"), withVariables(JSON_LOG, ...wrong)])
    assert.equal(
      logOf(ended).map(({ level, code }) => [level, code]),
      [["error", "VEDETTE_POLICY_UNREADABLE"]],
    );
  const [made] = logOf(withVariables(JSON_LOG, "record", "-o", file("log.vdt"), "--", "true"));
  assert.match(made?.message ?? "", /^recorded \d+ events/);
  writeFileSync(file("log.yaml"), "log_format: json\npolicies: [/nowhere]\n");
  assert.is(logOf(vedette("run", "--config", file("log.yaml"), "--", "true"))[0]?.code, "VEDETTE_POLICY_UNREADABLE");
});

test("commands take from the environment how they speak and capture", () => {
  const record = ["record", "-o", file("env.vdt"), "--", "true"] as const;
  assert.is(withVariables({ VEDETTE_QUIET: "true" }, ...record).stderr, "");
  const ended = withVariables({ VEDETTE_SNAPLEN: "5000" }, ...record);
  assert.match(ended.stderr, "VEDETTE_SNAPLEN is wrong");
  const secret = "hunter2-the-payload";
  const traced = ["trace", "--json", "-o", file("env"), "--", "echo", secret] as const;
  withVariables({ VEDETTE_SNAPLEN: "0" }, ...traced);
  const written = readFileSync(file("env"), "utf8");
  assert.not.match(written, `"evt.buffer":"${secret}`);
  withVariables({}, ...traced);
  assert.match(readFileSync(file("env"), "utf8"), `"evt.buffer":"${secret}`, "the control");
});

test("a command heeds no other variable, and none of an output that stands in a file alone", () => {
  const others = { VEDETTE_OUTPUTS_SIEM_HEADERS: "authorization=x", VEDETTE_DRAIN: "soon", ...JSON_LOG };
  const [checked] = logOf(withVariables(others, "policy", "check", file("nowhere")));
  assert.is(checked?.code, "VEDETTE_POLICY_UNREADABLE");
  writeFileSync(file("siem.yaml"), `outputs: {siem: {type: http, url: "http://127.0.0.1:9/"}}\npolicies: [/nowhere]\n`);
  const { VEDETTE_DRAIN: _, ...ofOutput } = others;
  const [ran] = logOf(withVariables(ofOutput, "run", "--config", file("siem.yaml"), "--", "true"));
  assert.is(ran?.code, "VEDETTE_POLICY_UNREADABLE");
});

test("what an environment says of capture is none of what instrument writes", () => {
  const task = file("task.json");
  const app = { name: "app", image: "debian", entryPoint: ["true"], essential: true };
  writeFileSync(
    task,
    JSON.stringify({ family: "t", networkMode: "awsvpc", cpu: "256", memory: "1024", containerDefinitions: [app] }),
  );
  const words = ["instrument", task, "--quiet", "--image", "registry/vedette:1"] as const;
  const made = withVariables({}, ...words);
  assert.is(made.status, 0, made.stderr);
  assert.is(withVariables({ VEDETTE_ON_OVERLOAD: "block" }, ...words).stdout, made.stdout);
});

test("what follows -- is the workload's alone, even another -- and our own options", () => {
  assert.is(traced("echo", "--help", "--", "--json", "-o", "x").stdout, "--help -- --json -o x\n");
});

for (const [script, status] of [
  ["exit 0", 0],
  ["exit 3", 3],
  ["exit 255", 255],
  ["kill -9 $$", 137],
  ["kill -TERM $$", 143],
  ["kill -SEGV $$", 139],
] as const) {
  test(`the status of sh -c '${script}' is ${status}`, () => {
    assert.is(traced("sh", "-c", script).status, status);
  });
}

/** Judged by the pack, which raises nothing here. */
const judged = (...argv: string[]): Ended => vedette("run", "--", ...argv);

// Each prints something of its surroundings that we could have changed.
const SURROUNDINGS: Readonly<Record<string, string>> = {
  "its open files' limit": "ulimit -n; ulimit -Hn",
  "its ignored and blocked signals": "grep -E 'Sig(Ign|Blk)' /proc/self/status",
  "its descriptors": "ls /proc/self/fd",
  "the flags of its standard streams": "grep flags /proc/self/fdinfo/0 /proc/self/fdinfo/1 /proc/self/fdinfo/2",
  "its environment": "env | grep -v -E '^(_|SHLVL)=' | sort",
  "its working directory, umask and nice value": "pwd; umask; nice",
};
for (const [what, script] of Object.entries(SURROUNDINGS)) {
  test(`the workload finds ${what} as they would be without us`, () => {
    const without = natively("sh", "-c", script);
    for (const with_ of [traced("sh", "-c", script), judged("sh", "-c", script)]) {
      assert.is(with_.stdout, without.stdout);
      assert.is(with_.stderr, without.stderr);
      assert.is(with_.status, without.status);
    }
  });
}

test("a descriptor that we were given is the workload's, also number 3", () => {
  for (const fd of [3, 5, 9]) {
    const script = `"${process.execPath}" "${MAIN}" trace -o /dev/null -- cat /dev/fd/${fd} ${fd}<"${file("plain")}"`;
    assert.is(natively("sh", "-c", script).stdout, "no program", `descriptor ${fd}`);
  }
});

test("N4: events go to another program, and nothing of the workload's output to it", () => {
  const line = `"$0" "$1" trace --json -o >(cat > "$2") -- echo hello; wait $!`;
  const { status, stdout } = natively("bash", "-c", line, process.execPath, MAIN, file("piped"));
  assert.equal([status, stdout], [0, "hello\n"]);
  const events = readFileSync(file("piped"), "utf8").trim().split("\n");
  assert.ok(events.map((one) => JSON.parse(one)).some((one) => one["evt.buffer"] === "hello."));
});

test("N7: what cannot be written to standard output is told, and the status is that of a loss", () => {
  for (const words of [["fields"], ["trace", "--json", "-o", "stdout", "--", "true"], ["--help"]]) {
    const line = `"$0" "$@" > /dev/full`;
    const { status, stderr } = natively("bash", "-c", line, process.execPath, MAIN, ...words);
    assert.is(status, LOST, `${words[0]}: ${stderr}`);
    assert.match(stderr, /written to stdout: no space left on device.*VEDETTE_OUTPUT_UNWRITABLE/);
  }
  const enough = 'set -o pipefail; "$0" "$1" fields | head -1 >&2';
  assert.is(natively("bash", "-c", enough, process.execPath, MAIN).status, 0, "a reader that has enough is no loss");
});

test("events go to stderr and never into the workload's stdout", () => {
  const { stdout, stderr } = vedette("trace", "--json", "--", "echo", "hello");
  assert.is(stdout, "hello\n");
  const events = stderr
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.ok(
    events.some(
      (event) => event["evt.type"] === "write" && event["evt.buffer"] === "hello." && event["evt.rawres"] === 6,
    ),
  );
});

test("--snaplen 0 leaves no payload anywhere", () => {
  const secret = "hunter2-the-payload";
  vedette("trace", "--json", "--snaplen", "0", "-o", file("none"), "--", "sh", "-c", `read x; echo "$x"`); // stdin is empty: nothing to find
  const ended = spawnSync(
    process.execPath,
    [MAIN, "trace", "--json", "--snaplen", "0", "-o", file("none"), "--", "cat"],
    { input: secret, encoding: "utf8" },
  );
  assert.is(ended.stdout, secret);
  const written = readFileSync(file("none"), "utf8");
  assert.match(written, '"evt.type":"read"');
  assert.not.match(written, "hunter2");
});

test("a summary is one object with --json, and goes where events would go", () => {
  vedette("trace", "--json", "--summary", "-o", file("summary"), "--", "true");
  const summary = JSON.parse(readFileSync(file("summary"), "utf8"));
  assert.is(summary.lost, 0);
  assert.is(summary.calls.execve.count, 1);
});

test("when nobody reads the events any more, the workload still finishes", async () => {
  const child = spawn(
    process.execPath,
    [MAIN, "trace", "--json", "--", "sh", "-c", "seq 1 3000 | while read n; do echo $n; done; exit 4"],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  child.stderr.once("data", () => child.stderr.destroy());
  let lines = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    lines += chunk.toString().split("\n").length - 1;
  });
  const [status] = await once(child, "close");
  assert.is(status, 4);
  assert.is(lines, 3000);
});

const READY = "trap 'echo got $1; exit 7' $1; echo ready; while :; do sleep 0.02; done";
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGQUIT"] as const) {
  test(`${signal} sent to us reaches the workload, once, and its status is ours`, async () => {
    const script = READY.replaceAll("$1", signal.slice(3));
    const child = spawn(process.execPath, [MAIN, "trace", "-o", "/dev/null", "--", "sh", "-c", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [output, status] = await whenReady(child, () => child.kill(signal));
    assert.is(output, `ready\ngot ${signal.slice(3)}\n`);
    assert.is(status, 7);
  });
}

test("SIGHUP has tenants.yaml read again, and the workload gets it too; SIGTERM still ends both", async () => {
  const folder = mkdtempSync(join(tmpdir(), "vedette-hangup-"));
  const tenants = join(folder, "tenants.yaml");
  writeFileSync(tenants, "tenants: {}\n");
  const script = "trap 'echo hup' HUP; trap 'exit 7' TERM; echo ready; while :; do sleep 0.02; done";
  const argv = ["run", "--policies-d", folder, "--tenants", tenants, "--alerts", "/dev/null", "--", "sh", "-c", script];
  const child = spawn(process.execPath, [MAIN, ...argv], { stdio: ["ignore", "pipe", "pipe"] });
  let told = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    told += chunk;
    if (told.includes("was read again")) child.kill("SIGTERM");
  });
  const [output, status] = await whenReady(child, () => child.kill("SIGHUP"));
  assert.is(output, "ready\nhup\n");
  assert.is(status, 7, told);
  rmSync(folder, { recursive: true });
});

test("when the agent is killed, the workload goes with it and we say so", async () => {
  const child = spawn(
    process.execPath,
    [MAIN, "trace", "-o", "/dev/null", "--", "sh", "-c", "echo ready; sleep 30 & echo $! >&2; wait"],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk;
  });
  const [, status] = await whenReady(child, () => process.kill(onlyChild(child.pid as number), "SIGKILL"));
  assert.is(status, 122);
  assert.match(stderr, /\[VEDETTE_AGENT_KILLED\]/);
  const sleeper = Number(/^\d+/m.exec(stderr)?.[0]);
  assert.ok(isGone(sleeper), `${sleeper} still runs`);
});

test("vedette run ends in an alert on the file it was given", () => {
  const link = file("harmless");
  const { status, stdout } = vedette(
    "run",
    "--alerts",
    file("alerts"),
    "--",
    "sh",
    "-c",
    `ln -s /etc/shadow "${link}"; cat "${link}" >/dev/null; echo done`,
  );
  assert.is(status, 0);
  assert.is(stdout, "done\n");
  const alerts = readFileSync(file("alerts"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const shadow = alerts.find(({ rule }) => rule === "Sensitive file read");
  assert.is(shadow?.output_fields["fd.realpath"], "/etc/shadow");
  assert.is(shadow?.source, "syscall");
  assert.is(shadow?.output_fields["fd.name"], link);
  assert.equal(Object.keys(shadow), [
    "hostname",
    "output",
    "output_fields",
    "priority",
    "rule",
    "source",
    "tags",
    "time",
  ]);
});

/** What differs from run to run and from machine to machine. */
const VOLATILE =
  /\d{2}:\d{2}:\d{2}\.\d+|\d{4}-\d\d-\d\dT|\b\d{19}\b|pid=\d+|"proc.pid":\d+|"hostname":"[^"]*"|user=\w+|"user.name":"\w+"|container=\w+|"container.id":"\w+"/g;

test("the alert that README shows is the one that its command raises", () => {
  const readme = readFileSync("README.md", "utf8");
  const [, command = "", shown = ""] =
    /^ {4}\$ vedette run -- (.+) >\/dev\/null\n\n```json\n(.+)\n```$/m.exec(readme) ?? [];
  const { stderr } = vedette("run", "--", ...command.split(" "));
  assert.is(stderr.trim().replace(VOLATILE, "~"), shown.replace(VOLATILE, "~"));
});

test("alerts are added to a file that is there already", () => {
  writeFileSync(file("log"), "before\n");
  vedette("run", "--alerts", file("log"), "--", "cat", "/etc/shadow");
  assert.match(readFileSync(file("log"), "utf8"), /^before\n\{"hostname"/);
});

test("N8: doctor says which tiers work, in words and as JSON", () => {
  const { status, stdout } = vedette("doctor");
  assert.is(status, 0);
  assert.match(stdout, /Tiers\n {2}yes {2}trace /);
  for (const line of stdout.split("\n")) assert.ok(line.length <= 80, line);
  const { tiers, findings } = JSON.parse(vedette("doctor", "--json").stdout);
  assert.equal(
    tiers.map((one: { tier: string }) => one.tier),
    ["trace", "inline"],
  );
  assert.is(findings.ptrace.ok, true);
});

/** Does `then` when the child has printed `ready`; gives all it printed and its status. */
async function whenReady(child: ChildProcess, then: () => void): Promise<[output: string, status: number | null]> {
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    const was = output;
    output += chunk;
    if (!was.includes("ready") && output.includes("ready")) then();
  });
  const [status] = (await once(child, "close")) as [number | null];
  return [output, status];
}

/** Or a zombie: in a container, nobody may be there to fetch an orphan's status. */
function isGone(pid: number): boolean {
  try {
    return /^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return true;
  }
}

function onlyChild(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
  assert.is(children.length, 1);
  return Number(children[0]);
}

test.run();
