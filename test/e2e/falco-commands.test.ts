// SPDX-License-Identifier: Apache-2.0
// The commands for Falco's rules, as a user gives them.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { FALCO, withFalco } from "../falco-files.js";
import { until } from "../until.js";
import { ROOT, run, scratch, start, VEDETTE } from "./programs.js";

const RULES = join(FALCO, "rules/falco_rules.yaml");
const CAT_WRITE = join(FALCO, "captures/cat_write.scap");
const TAGGED = join(FALCO, "fixtures/SingleRuleWithTags.yaml");
const vedette = (...args: string[]) => run([...VEDETTE, ...args], { env: { FALCO_HOSTNAME: "test-falco-hostname" } });

// What Falco itself prints for this capture and these rules: its first line of a return.
const MEMBERS = {
  hostname: '"hostname":"test-falco-hostname"',
  output: '"output":"16:17:57.881785348: Warning An open was seen (command=cat /dev/null)"',
  fields: '"output_fields":{"evt.time":1470327477881785348,"proc.cmdline":"cat /dev/null"}',
  rest: '"priority":"Warning","rule":"open_from_cat","source":"syscall"',
  tags: '"tags":["filesystem","process","testing"]',
  time: '"time":"2016-08-04T16:17:57.881785348Z"',
};
const line = (...names: (keyof typeof MEMBERS)[]): string => `{${names.map((name) => MEMBERS[name]).join(",")}}`;

for (const [options, expected] of [
  [[], line("hostname", "output", "fields", "rest", "tags", "time")],
  [["json_include_output_property=false"], line("hostname", "fields", "rest", "tags", "time")],
  [["json_include_tags_property=false"], line("hostname", "output", "fields", "rest", "time")],
  [["json_include_output_fields_property=false"], line("hostname", "output", "rest", "tags", "time")],
  [["json_output=false"], "16:17:57.881785348: Warning An open was seen (command=cat /dev/null)"],
  [
    ["json_output=false", "time_format_iso_8601=true"],
    "2016-08-04T16:17:57.881785348+0000: Warning An open was seen (command=cat /dev/null)",
  ],
] as const) {
  withFalco(`replay with ${options.join(" ") || "Falco's defaults"} prints Falco's lines`, async () => {
    const flags = ["append_output.suggested_output=false", ...options].flatMap((option) => ["--option", option]);
    const { stdout, status } = await vedette("replay", CAT_WRITE, "--falco-rules", TAGGED, ...flags);
    const lines = stdout.trimEnd().split("\n");
    assert.is(status, 0);
    assert.is(lines.length, 4);
    assert.is(lines[0], expected);
  });
}

withFalco(
  "extra and static fields stand in output_fields, and a static field in conditions and outputs too",
  async () => {
    const rules = join(scratch(), "rules.yaml");
    const rule = (name: string, condition: string) =>
      `- {rule: ${name}, desc: d, condition: "evt.type=open and proc.name=cat and ${condition}", output: "%static.team %toupper(static.team) %proc.name", priority: INFO}\n`;
    writeFileSync(rules, rule("ours", "static.team=a%b") + rule("others", "static.team!=a%b"));
    const flags = [
      "append_output.suggested_output=false",
      "append_output[]={extra_fields: [proc.args, evt.hostname, {who: \"%proc.name in '%proc.cwd'\"}]}",
      "static_fields.team=a%b",
    ].flatMap((option) => ["--option", option]);
    const execs = (await vedette("replay", CAT_WRITE, "--json", "-f", "evt.type=execve and proc.name=cat")).stdout;
    const folder = (JSON.parse(execs.split("\n")[0]!) as Record<string, unknown>)["evt.arg.cwd"];
    assert.match(String(folder), /^\/.+/);
    const { stdout, status, stderr } = await vedette("replay", CAT_WRITE, "--falco-rules", rules, ...flags);
    assert.is(status, 0, stderr);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((text) => JSON.parse(text) as Record<string, unknown>);
    assert.equal(new Set(lines.map((one) => one.rule)), new Set(["ours"]));
    assert.match(String(lines[0]!.output), /a%b A%B cat$/);
    const { "evt.time": _, ...fields } = lines[0]!.output_fields as Record<string, unknown>;
    assert.equal(fields, {
      "evt.hostname": "test-falco-hostname",
      "proc.args": "/dev/null",
      "proc.name": "cat",
      "static.team": "a%b",
      who: `cat in '${folder}/'`,
    });
  },
);

for (const option of [
  "append_output[]={extra_fields: [proc.nothing]}",
  "append_output[].extra_output=%static.nothing",
]) {
  withFalco(`--option ${option} is refused`, async () => {
    const { status, stderr } = await vedette("replay", CAT_WRITE, "--falco-rules", TAGGED, "--option", option);
    assert.is(status, 1);
    assert.match(stderr, /LOAD_ERR_COMPILE_OUTPUT.*: invalid formatting token (proc|static)\.nothing/);
  });
}

withFalco("replay without rules prints events, all or those of a condition", async () => {
  const all = (await vedette("replay", CAT_WRITE, "--json")).stdout.trimEnd().split("\n");
  const opens = (await vedette("replay", CAT_WRITE, "--json", "-f", "evt.type=open")).stdout.trimEnd().split("\n");
  assert.ok(all.length > opens.length && opens.length === 4);
  for (const text of opens) assert.is((JSON.parse(text) as Record<string, unknown>)["evt.type"], "open");
});

withFalco("a capture that is none is refused", async () => {
  const { status, stderr } = await vedette("replay", RULES);
  assert.is(status, 2);
  assert.match(stderr, "VEDETTE_SCAP_UNREADABLE");
});

withFalco("check gives Falco's JSON, and exit status 1 for what cannot be loaded", async () => {
  const good = await vedette("policy", "check", "--falco", RULES, "--json");
  assert.is(good.status, 0);
  const [result] = (JSON.parse(good.stdout) as { falco_load_results: Record<string, unknown>[] }).falco_load_results;
  assert.equal(result, { errors: [], name: RULES, successful: true, warnings: [] });
  const bad = await vedette("policy", "check", "--falco", join(FALCO, "fixtures/InvalidRuleOutput.yaml"), "--json");
  assert.is(bad.status, 1);
  assert.match(bad.stdout, '"code":"LOAD_ERR_COMPILE_OUTPUT"');
});

test("vedette falco makes metrics snapshots: alerts, and lines of a file", async () => {
  const folder = scratch();
  const rule = '{rule: Opened, desc: d, condition: evt.type=openat and fd.name=/nonesuch, output: "x", priority: INFO}';
  writeFileSync(join(folder, "rules.yaml"), `- ${rule}\n`);
  const own = [
    "json_output: true",
    "metrics: {enabled: true, interval: 100ms, output_rule: true, output_file: numbers}",
  ];
  writeFileSync(join(folder, "falco.yaml"), `${own.join("\n")}\n`);
  const script = "cat /nonesuch 2>/dev/null; until grep -q 'rules.Opened\":1.*sample' numbers; do sleep 0.1; done";
  const words = ["falco", "-c", "falco.yaml", "-r", "rules.yaml", "--", "sh", "-c", script];
  const { status, stdout, stderr } = await run([...VEDETTE, ...words], { cwd: folder });
  assert.is(status, 0, stderr);
  assert.not.match(stderr, "metrics");
  const alerts = stdout
    .split("\n")
    .filter(Boolean)
    .map((one) => JSON.parse(one));
  const snapshots = alerts.filter(({ rule }) => rule === "Falco internal: metrics snapshot");
  const last = snapshots.at(-1)?.output_fields ?? {};
  assert.equal([last["falco.rules.Opened"], last["falco.rules.matches_total"]], [1, 1]);
  assert.ok(last["falco.num_evts"] > 0);
  assert.ok(readFileSync(join(folder, "numbers"), "utf8").startsWith('{"output_fields":{"evt.hostname":'));
});

test("SIGHUP opens the file of metrics snapshots by its name again, while vedette falco runs", async () => {
  const folder = scratch();
  const rule = '{rule: Opened, desc: d, condition: evt.type=openat and fd.name=/nonesuch, output: "x", priority: INFO}';
  writeFileSync(join(folder, "rules.yaml"), `- ${rule}\n`);
  writeFileSync(
    join(folder, "falco.yaml"),
    "metrics: {enabled: true, interval: 100ms, output_rule: false, output_file: numbers}\n",
  );
  const numbers = join(folder, "numbers");
  const hasLines = (): boolean => existsSync(numbers) && readFileSync(numbers, "utf8") !== "";
  const script = "trap '' HUP; touch ready; until [ -e go ]; do sleep 0.1; done";
  const words = ["falco", "-c", "falco.yaml", "-r", "rules.yaml", "--", "sh", "-c", script];
  const { child, ended, said } = start([...VEDETTE, ...words], { cwd: folder });
  await until("a line, and a workload that is deaf to SIGHUP", () => hasLines() && existsSync(join(folder, "ready")), {
    tell: said,
  });
  renameSync(numbers, `${numbers}.1`);
  child.kill("SIGHUP");
  await until("a line in the new file", hasLines, { tell: said });
  writeFileSync(join(folder, "go"), "");
  const { status, stderr } = await ended;
  assert.is(status, 0, stderr);
});

test("a folder without rules is told of", async () => {
  const { status, stderr } = await vedette("policy", "check", "--falco", scratch());
  assert.is(status, 1);
  assert.match(stderr, "there is no file of rules in it. [VEDETTE_FALCO_RULES]");
});

withFalco("rules that cannot be loaded keep the workload from starting", async () => {
  const rules = join(FALCO, "fixtures/InvalidRuleOutput.yaml");
  const { status, stdout, stderr } = await vedette("run", "--falco-rules", rules, "--", "echo", "started");
  assert.is(status, 1);
  assert.is(stdout, "");
  assert.match(stderr, "VEDETTE_FALCO_RULES");
  assert.match(stderr, "LOAD_ERR_COMPILE_OUTPUT");
});

withFalco("0.1's -o still means Falco's option, in the order of typing, and its new name is said", async () => {
  const words = ["--option", "json_output=false", "-o", "json_output=true"];
  const { status, stdout, stderr } = await vedette("replay", CAT_WRITE, "--falco-rules", TAGGED, ...words);
  assert.is(status, 0);
  assert.match(stdout, /^\{"hostname"/);
  assert.match(stderr, "write --option KEY=VALUE instead of -o KEY=VALUE");
  const now = await vedette("replay", CAT_WRITE, "--falco-rules", TAGGED, "--option", "json_output=true");
  assert.is(now.stdout, stdout);
  assert.not.match(now.stderr, "instead of -o");
});

withFalco("a capture is printed as a recording is, and judged by the pack where no rules are given", async () => {
  assert.match((await vedette("replay", CAT_WRITE, "--print")).stdout, /^\d+ +[\d:.]+ +\S+ +\w+\(/);
  const judged = await vedette("replay", CAT_WRITE);
  assert.is(judged.status, 0);
  assert.not.match(judged.stdout, /^\d+ +[\d:.]+ /m);
});

withFalco("an unknown value of rule_matching is refused with exit status 1", async () => {
  const { status, stderr } = await vedette(
    "run",
    "--falco-rules",
    RULES,
    "--option",
    "rule_matching=some",
    "--",
    "true",
  );
  assert.is(status, 1);
  assert.match(stderr, "VEDETTE_FALCO_OPTION");
});

// The rule asks for a working directory that starts with "/dev/shm/", the slash included.
withFalco("what is started from /dev/shm by a relative path is told of", async () => {
  const name = `./${basename(scratch())}`;
  const script = `cd /dev/shm && cp /bin/true ${name} && ${name}; rm -f ${name}`;
  const { stderr } = await vedette("run", "--falco-rules", RULES, "--", "sh", "-c", script);
  assert.match(stderr, /"rule":"Execution from \/dev\/shm"/);
  assert.match(stderr, '"proc.cwd":"/dev/shm/"');
});

withFalco("imported rules run without their files, and can be changed in policy.yaml", async () => {
  const folder = join(scratch(), "imported");
  const imported = await vedette("policy", "import-falco", RULES, "--out", folder);
  assert.is(imported.status, 0);
  assert.ok(existsSync(join(folder, "policy.wasm")));
  const judged = await vedette("run", "--policy", folder, "--", "cat", "/etc/shadow");
  assert.match(judged.stderr, '"rule":"Read sensitive file untrusted"');
  const change = "rules: {Read sensitive file untrusted: {enabled: false}}\n";
  writeFileSync(join(folder, "policy.yaml"), `${readFileSync(join(folder, "policy.yaml"), "utf8")}${change}`);
  const silent = await vedette("run", "--policy", folder, "--", "cat", "/etc/shadow");
  assert.not.match(silent.stderr, "Read sensitive file");
});

withFalco("of the official rules, four match nothing: those that docs/falco.md gives the reason of", async () => {
  const files = ["falco_rules", "falco-incubating_rules", "falco-sandbox_rules"];
  const rules = files.map((name) => join(FALCO, `rules/${name}.yaml`));
  const out = join(scratch(), "all");
  const imported = await vedette("policy", "import-falco", ...rules, "--option", "rules[].enable.rule=*", "--out", out);
  assert.match(imported.stdout, ": 89 rules");
  const names = Array.from(imported.stderr.matchAll(/the rule "(.*)" can never fire here: /g), ([, name]) => name!);
  assert.is(names.length, 4);
  const docs = readFileSync(join(ROOT, "docs/falco.md"), "utf8");
  for (const name of names) assert.match(docs, `  | ${name} | `);
});

withFalco(
  "check, run, replay and import-falco say the same of rules that cannot fire, and --strict refuses them",
  async () => {
    const rules = join(scratch(), "rules.yaml");
    const rule = (name: string, condition: string) =>
      `- {rule: ${name}, desc: d, condition: "${condition}", output: "%proc.name", priority: INFO}\n`;
    const dead = [
      rule("never recorded", "evt.type in (getcwd, futex)"),
      rule("never there", "evt.type=connect and fd.sip.name=evil.example"),
      rule("no such argument", "evt.type=open and evt.arg.dqb_curspace exists"),
      rule("contradiction", "evt.type=open and evt.type=close"),
    ];
    const capturing = rule("captured", "evt.type=open").replace("}", ", capture: true}");
    writeFileSync(rules, dead.join("") + rule("alive", "evt.type=open") + capturing);
    const sentences = [
      'the rule "never recorded" can never fire here: no event of the type getcwd or futex is recorded',
      'the rule "never there" can never fire here: no event has fd.sip.name',
      'the rule "no such argument" can never fire here: no event has evt.arg.dqb_curspace',
      'the rule "contradiction" can never fire here: its condition leaves no type of event',
      'the rule "captured" asks for a capture of the events around it, and none is written: --evidence DIR',
    ];
    const commands = (file: string) => [
      ["policy", "check", "--falco", file],
      ["run", "--falco-rules", file, "--", "true"],
      ["replay", CAT_WRITE, "--falco-rules", file],
      ["policy", "import-falco", file, "--out", join(scratch(), "imported")],
    ];
    for (const [name, ...rest] of commands(rules)) {
      const judged = await vedette(name!, ...rest);
      assert.is(judged.status, 0, name);
      for (const sentence of sentences) assert.ok(judged.stderr.includes(sentence), `${name}: ${judged.stderr}`);
      const strict = await vedette(...(name === "run" ? [name, "--strict", ...rest] : [name!, ...rest, "--strict"]));
      assert.is(strict.status, 1, name);
      assert.match(strict.stderr, "[VEDETTE_FALCO_DEAD_RULES]");
    }
    const json = JSON.parse((await vedette("policy", "check", "--json", "--falco", rules)).stdout);
    assert.is(json.vedette_dead_rules.length, 4);
    assert.ok(json.falco_load_results[0].successful);
  },
);

withFalco(
  "what cannot be run is told by check, run, replay and import-falco with the same code and status",
  async () => {
    const file = (text: string) => {
      const path = join(scratch(), "rules.yaml");
      writeFileSync(path, text);
      return path;
    };
    const wrong = file(
      '- {rule: r, desc: d, condition: "evt.type=open and nosuch.field=1", output: o, priority: INFO}',
    );
    const empty = scratch();
    for (const [path, status, word] of [
      [wrong, 1, "LOAD_ERR_COMPILE_CONDITION"],
      [empty, 1, "VEDETTE_FALCO_RULES"],
      [join(empty, "missing.yaml"), 1, "LOAD_ERR_FILE_READ"],
    ] as const) {
      for (const command of [
        ["policy", "check", "--falco", path],
        ["run", "--falco-rules", path, "--", "true"],
        ["replay", CAT_WRITE, "--falco-rules", path],
        ["policy", "import-falco", path, "--out", join(scratch(), "imported")],
      ]) {
        const ended = await vedette(...command);
        assert.is(ended.status, status, command.join(" "));
        assert.match(ended.stdout + ended.stderr, word, command.join(" "));
      }
    }
  },
);

withFalco("import-falco leaves a folder alone in which there is something else", async () => {
  const { status, stderr } = await vedette("policy", "import-falco", RULES, "--out", FALCO);
  assert.is(status, 2);
  assert.match(stderr, "VEDETTE_POLICY_EXISTS");
});

test("trace -f shows what a condition matches, and tells where one is wrong", async () => {
  const good = await vedette(
    "trace",
    "--json",
    "-f",
    "evt.type=openat and fd.name=/etc/hostname",
    "--",
    "cat",
    "/etc/hostname",
  );
  const lines = good.stderr.trimEnd().split("\n");
  assert.is(lines.length, 1);
  assert.match(lines[0]!, '"fd.name":"/etc/hostname"');
  const bad = await vedette("trace", "-f", "evt.type=openat and fd.nam=x", "--", "cat", "/etc/hostname");
  assert.is(bad.status, 2);
  assert.match(
    bad.stderr,
    "wrong at column 21: filter_check called with nonexistent field fd.nam. [VEDETTE_FALCO_CONDITION]",
  );
});

withFalco("alerts go to an HTTP receiver while the workload runs", async () => {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (part: string) => {
      body += part;
    });
    request.on("end", () => {
      bodies.push(body);
      response.end();
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const options = ["http_output.enabled=true", `http_output.url=${url}`].flatMap((option) => ["--option", option]);
  const { stderr } = await vedette("run", "--falco-rules", RULES, ...options, "--", "cat", "/etc/shadow");
  server.closeAllConnections();
  server.close();
  const alerts = stderr.split("\n").filter((line) => line.startsWith("{"));
  assert.ok(alerts.length > 0);
  assert.equal(bodies, alerts);
});

test("fields lists what conditions can ask for", async () => {
  const { stdout, status } = await vedette("fields", "--json");
  assert.is(status, 0);
  const fields = JSON.parse(stdout) as { name: string; answered: boolean; doc?: string }[];
  for (const name of ["evt.type", "proc.aname", "fd.sip", "user.name", "container.id"])
    assert.ok(fields.find((field) => field.name === name)?.answered, name);
});

test.run();
