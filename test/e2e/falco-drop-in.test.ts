// SPDX-License-Identifier: Apache-2.0
// `vedette falco`: a script that calls `falco` goes on working.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import { withFalco } from "../falco-files.js";
import { ROOT, run, scratch, VEDETTE } from "./programs.js";

const FALCO = join(ROOT, "../shared/falco");
const RULES = join(FALCO, "rules/falco_rules.yaml");
const folder = scratch();
const elsewhere = scratch();
const falco = (...args: string[]) => run([...VEDETTE, "falco", ...args], { cwd: elsewhere });
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const rule = (name: string, condition: string, more = ""): string =>
  `- {rule: ${name}, desc: about ${name}, condition: ${condition}, output: "${name} %proc.cmdline", priority: INFO${more}}\n`;
const CAT = "evt.type=execve and proc.name=cat";
const both = file("both.yaml", rule("first", CAT, ", tags: [a]") + rule("second", CAT, ", tags: [b]"));

test("a command is judged as Falco judges: the first rule alone, in text, on stdout", async () => {
  const { stdout, status } = await falco(
    "-r",
    both,
    "-o",
    "append_output[0].suggested_output=false",
    "--",
    "cat",
    "/dev/null",
  );
  assert.is(status, 0);
  assert.match(stdout, /^\d\d:\d\d:\d\d\.\d{9}: Informational first cat \/dev\/null\n$/);
});

test("a configuration names rules and outputs, config_files add to it, and options change it", async () => {
  mkdirSync(join(folder, "config.d"), { recursive: true });
  file("config.d/more.yaml", `rules_files: [${both}]\njson_output: true\n`);
  file("config.d/own.yaml", `file_output: {enabled: true, filename: ${join(folder, "alerts.txt")}}\n`);
  const config = file(
    "falco.yaml",
    "config_files: [config.d]\nrules_files: [not-there.yaml]\nrule_matching: all\nstdout_output: {enabled: false}\n" +
      "syslog_output: {enabled: false}\nplugins: [{name: json, library_path: libjson.so}]\npriority: debug\n",
  );
  writeFileSync(join(folder, "alerts.txt"), "");
  const args = ["-T", "b", "-pc", "-U", "-v", "--", "cat", "/dev/null"];
  const ran = await run([...VEDETTE, "falco", "-c", config, ...args], { cwd: folder });
  assert.is(ran.status, 0, ran.stderr);
  assert.is(ran.stdout, "");
  const alerts = readFileSync(join(folder, "alerts.txt"), "utf8").trim().split("\n");
  assert.equal(
    alerts.map((line) => JSON.parse(line).rule),
    ["first"],
  );
  assert.match(alerts[0]!, "container_id=host container_name=host");
  // Whoever may write to the current folder would choose the rules, and files to write to.
  writeFileSync(join(folder, "alerts.txt"), "");
  const unnamed = await run([...VEDETTE, "falco", "-r", both, ...args], { cwd: folder });
  assert.match(unnamed.stdout, /first cat/, "a falco.yaml of the current folder is not read");
  assert.is(readFileSync(join(folder, "alerts.txt"), "utf8"), "");
});

test("alerts go nowhere where stdout alone is switched off, and that is said", async () => {
  const off = ["-o", "stdout_output.enabled=false"];
  const { stdout, stderr, status } = await falco("-r", both, ...off, "--", "cat", "/dev/null");
  assert.is(status, 0, stderr);
  assert.is(stdout, "");
  assert.match(stderr, "vedette: alerts go nowhere: stdout_output is off, and no other output is on that is here\n");
});

test("what a configuration cannot be is told with its place", async () => {
  for (const [text, reason] of [
    ["- a list\n", "it is no mapping"],
    ["rules_files: [\n", "Flow sequence"],
    ["rule_matching: some\n", "the value must be one of all, first"],
    ["config_files: [{path: both.yaml, strategy: guess}]\n", "guess"],
  ]) {
    const { stderr, status } = await falco("-c", file("wrong.yaml", text!), "--dry-run");
    assert.is(status, 1, stderr);
    assert.match(stderr, reason!);
  }
  assert.match((await falco("-c", "/not/there.yaml", "--dry-run")).stderr, "/not/there.yaml");
});

test("engine.kind=replay judges a capture", async () => {
  const capture = join(FALCO, "captures/cat_write.scap");
  const rules = join(FALCO, "fixtures/SingleRule.yaml");
  const replay = ["-o", "engine.kind=replay", "-o", `engine.replay.capture_file=${capture}`];
  const { stdout, status } = await falco("-r", rules, ...replay);
  assert.is(status, 0);
  assert.match(stdout, /^16:17:57\.881785348: Warning An open was seen/);
  assert.is((await falco("-r", rules, "-o", "engine.kind=replay")).status, 1);
});

withFalco(
  "the configuration that comes with Falco is taken, as a file or as options, and replays a capture",
  async () => {
    const path = join(ROOT, "test/fixtures/falco.yaml");
    const own = parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    const flat = (value: unknown, key: string): string[] => {
      if (typeof value !== "object" || value === null) return [`${key}=${value}`];
      if (Array.isArray(value)) return value.flatMap((one, i) => flat(one, `${key}[${i}]`));
      return Object.entries(value).flatMap(([name, one]) => flat(one, `${key}.${name}`));
    };
    const { config_files: _, engine, ...rest } = own;
    const options = Object.entries(rest).flatMap(([key, value]) => flat(value, key).flatMap((one) => ["-o", one]));
    const replay = [
      "-o",
      "engine.kind=replay",
      "-o",
      `engine.replay.capture_file=${join(FALCO, "captures/cat_write.scap")}`,
    ];
    const rules = ["-r", join(FALCO, "fixtures/SingleRule.yaml")];
    const [asFile, asOptions] = [
      await falco("-c", path, ...rules, ...replay),
      await falco(...rules, ...options, ...replay),
    ];
    for (const { stdout, stderr, status } of [asFile, asOptions]) {
      assert.is(status, 0, stderr);
      assert.not.match(stderr, "Falco has no option");
      assert.is(stdout.split("\n").filter((line) => line.includes("An open was seen")).length, 4, stdout);
    }
    assert.is(asFile.stdout, asOptions.stdout);
  },
);

test("of the configuration that comes with Falco, what is not here is named, and what is missed by it is a warning", async () => {
  const path = join(ROOT, "test/fixtures/falco.yaml");
  const idle = /without meaning here: engine, outputs_queue\.capacity, log_syslog, libs_logger$/m;
  const missed = /^vedette: warning: syslog_output has no meaning here: nobody listens at \/dev\/log, .*--syslog URL$/m;
  // Where somebody listens there, alerts go there.
  const isMissed = (said: string): void => assert.is(missed.test(said), !existsSync("/dev/log"), said);
  const ran = await falco("-c", path, "-r", both, "--", "cat", "/dev/null");
  assert.is(ran.status, 0, ran.stderr);
  assert.match(ran.stdout, "first cat");
  assert.match(ran.stderr, idle);
  isMissed(ran.stderr);
  assert.match(ran.stderr, "without meaning for a command: webserver");
  const dry = await falco("-c", path, "-r", both, "--dry-run");
  assert.is(dry.status, 0, dry.stderr);
  isMissed(dry.stderr);
  // Only warnings: what is missed is said, and what is of no moment is not.
  const quiet = await falco("-c", path, "-r", both, "-o", "log_level=error", "--", "cat", "/dev/null");
  assert.is(quiet.status, 0, quiet.stderr);
  isMissed(quiet.stderr);
  assert.not.match(quiet.stderr, idle);
});

test("the web server's address and port are where health is answered, for the agents that connect", async () => {
  const taken = createServer();
  await new Promise<void>((done) => taken.listen(0, "127.0.0.1", done));
  const { port } = taken.address() as AddressInfo;
  const config = file("web.yaml", `rules_files: [${both}]\nwebserver: {enabled: true, listen_port: ${port}}\n`);
  const { status, stderr } = await falco("-c", config);
  taken.close();
  assert.is.not(status, 0);
  assert.match(stderr, new RegExp(`127\\.0\\.0\\.1:${port}`));
  assert.match(stderr, /VEDETTE_HTTP_REFUSED/);
});

test("-V says what falco -V says, as text or as JSON", async () => {
  const good = await falco("-V", RULES, "-V", both);
  assert.is(good.status, 0);
  assert.match(good.stdout, `${both}: Ok`);
  const wrong = file("wrong-rule.yaml", rule("x", "nothing.there=1"));
  const bad = await falco("-V", wrong, "-o", "json_output=true");
  assert.is(bad.status, 1);
  assert.is(JSON.parse(bad.stdout).falco_load_results[0].errors[0].code, "LOAD_ERR_COMPILE_CONDITION");
});

test("-L and -l print rules, as text or as JSON", async () => {
  const { stdout } = await falco("-r", both, "-L");
  assert.match(stdout, /^Rule {47}Description\n---- {47}-{11}\nfirst {46}about first\n\nsecond/);
  const one = await falco("-r", both, "-l", "second");
  assert.match(one.stdout, "about second");
  assert.not.match(one.stdout, "about first");
  const json = JSON.parse((await falco("-r", both, "-L", "-o", "json_output=true")).stdout);
  assert.equal(
    json.rules.map(({ info }: { info: { name: string; tags: string[] } }) => [info.name, info.tags]),
    [
      ["first", ["a"]],
      ["second", ["b"]],
    ],
  );
});

test("--list, --list-events, -i, --support, schemas, --page-size and --version answer", async () => {
  const says = async (...args: string[]): Promise<string> => {
    const { stdout, status, stderr } = await falco(...args);
    assert.is(status, 0, `${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  assert.match(await says("--list"), /Field Class: +proc\n/);
  assert.match(await says("--list", "syscall", "-N"), /^proc\.name$/m);
  assert.match(await says("--list", "--markdown"), "`proc.name` | CHARBUF | ");
  assert.match(await says("--list-events"), /^< openat\(/m);
  assert.match(await says("-i"), /^- nanosleep$/m);
  assert.match(await says("--list-plugins"), "0 Plugins Loaded");
  const support = JSON.parse(await says("--support", "-r", both));
  assert.is(support.rules_files[0].variants[0].content, readFileSync(both, "utf8"));
  assert.ok(JSON.parse(await says("--config-schema")).properties.rule_matching);
  assert.ok(JSON.parse(await says("--rule-schema")).items.properties.condition);
  assert.match(await says("--page-size"), `page size is: ${(await run(["getconf", "PAGESIZE"])).stdout.trim()}`);
  assert.match(await says("--version"), "Engine:          0.");
});

test("-M ends it, and -P writes the pid meanwhile", async () => {
  const pidfile = join(folder, "pid");
  const shown = ["sh", "-c", `cat ${pidfile}; exec sleep 300`];
  const before = Date.now();
  const { stdout } = await falco("-r", both, "-M", "20", "-P", pidfile, "-o", "json_output=true", "--", ...shown);
  assert.ok(Date.now() - before < 120_000, "it went on");
  assert.match(stdout, /^\d+/);
  assert.not(existsSync(pidfile));
});

test("what cannot be is refused", async () => {
  for (const args of [["--enable-source", "k8s_audit"], ["--disable-source", "syscall"], ["-M", "soon"], []]) {
    const { status, stderr } = await falco(
      "-r",
      both,
      ...(args.length > 0 ? args : ["-r", "/not/there.yaml"]),
      "--",
      "true",
    );
    assert.is.not(status, 0, args.join(" "));
    assert.match(stderr, "VEDETTE_");
  }
  // Falco's status of all that it refuses is 1, whatever Vedette's other commands end with.
  for (const args of [
    ["--dry-run"],
    ["--list=k8s_audit"],
    ["-r", both, "-l", "third"],
    ["-r", both, "--nothing-of-falcos"],
    ["-r", both, "-o", "engine.kind=replay", "-o", "engine.replay.capture_file=/not/there.scap"],
  ]) {
    const { status, stderr } = await falco(...args);
    assert.is(status, 1, args.join(" "));
    assert.match(stderr, "VEDETTE_");
  }
});

test.run();
