// SPDX-License-Identifier: Apache-2.0
// Rules that are compiled together judge as each of them does by itself: what is shared between rules, types
// of events and files changes no verdict. The plain interpreter is the judge, of random rules over several
// types of event that have the same parameters in other places, and of Falco's own files, alone, in pairs and
// all together.
//
// VEDETTE_FALCO_PAIRS=1000000 asks for so many (rule, event) pairs of random rules; VEDETTE_SEED=N for
// another beginning.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { LoadedRule, RuleFile } from "../../../host/falco/load.js";
import { loadRules } from "../../../host/falco/load.js";
import { type Batch, openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { fieldValue } from "../../../host/wire/fields.js";
import { indicators } from "./indicators.js";
import { interpret } from "./interpreter.js";
import { Judge, numberedRules } from "./judge.js";
import { Random } from "./random.js";
import { randomBatch, wantedBy } from "./random-batch.js";
import { randomCondition } from "./random-condition.js";
import { DEPRECATED, OFFICIAL, ruleFile, withFalco } from "./shared.js";

const SEED = Number(process.env.VEDETTE_SEED ?? 20261126);
const PAIRS = Number(process.env.VEDETTE_FALCO_PAIRS ?? 15_000);
const RECORDS = 40;

// Calls that do alike, with their parameters in different slots.
const ALIKE = [
  "open openat openat2 creat open_by_handle_at",
  "rename renameat renameat2 link linkat symlink symlinkat",
  "unlink unlinkat rmdir mkdir mkdirat mknod mknodat",
  "chmod fchmod fchmodat fchmodat2 chown lchown fchown fchownat",
  "read pread readv preadv preadv2 write pwrite writev pwritev pwritev2",
  "connect accept accept4 bind listen sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg",
  "execve execveat clone clone3 fork vfork procexit",
  "dup dup2 dup3 fcntl pipe pipe2 close close_range socketpair",
  "setuid setgid setreuid setresuid setfsuid setgroups capset",
  "stat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat",
  "mount umount2 open_tree move_mount fsopen fsmount fspick mount_setattr",
  "setxattr lsetxattr fsetxattr removexattr fremovexattr truncate ftruncate fallocate",
].map((names) => names.split(" "));
// What is answered from another slot in each of them.
const FLAGGED = [
  "evt.is_open_read=true",
  "evt.is_open_write=true",
  "evt.is_open_create=true",
  "evt.is_open_exec=true",
  "evt.count.error.file=1",
  "evt.count.error.net=0",
  "evt.rawarg.flags=2",
  "evt.arg.flags contains O_TRUNC",
  "evt.arg.mode contains S_ISUID",
  "evt.arg[1]=/etc/shadow",
  "evt.arg.path startswith /etc",
  "evt.arg.name endswith shadow",
  "evt.args contains shadow",
  "fs.path.name startswith /etc",
  "fs.path.target=/etc/shadow",
  "evt.abspath startswith /etc",
  "evt.buflen>0",
  "fd.num>=3",
  "proc.pname=val(fd.name)",
  "proc.pexepath startswith val(evt.arg.name)",
];

test("rules on open, openat and openat2 read each call's own flags", async () => {
  const types = ["open", "openat", "openat2", "creat"];
  const conditions = ["read", "write", "create"].map(
    (how) => `evt.type in (${types.join(", ")}) and evt.is_open_${how}=true`,
  );
  const b = new BatchBuilder();
  const [reads, writes] = [0, 0x241];
  for (const flags of [reads, writes])
    for (const type of types.slice(0, 3)) b.record(type, { result: 3, params: { name: "/x", flags, mode: 0o644 } });
  b.record("creat", { result: 3, params: { name: "/x", mode: 0o644 } });
  b.record("openat", { result: -13, params: { name: "/x", flags: writes, mode: 0o644 } });
  const told = (await Judge.of(numberedRules(conditions))).judge(openBatch(b.bytes()));
  const [asReading, asWriting] = [["0"], ["1", "2"]];
  assert.equal(told, [
    ...[asReading, asReading, asReading, asWriting, asWriting, asWriting, asWriting],
    ["1"], // it failed, so it created nothing
  ]);
});

test(`${PAIRS} pairs of random rules, compiled together, agree with the interpreter`, async () => {
  let pairs = 0;
  let matched = 0;
  for (let seed = SEED; pairs < PAIRS; seed++) {
    const r = new Random(seed);
    // Few sets of types: two types have to be asked the very same questions to share a function.
    const typeSets = Array.from({ length: 1 + r.below(3) }, () => {
      const family = r.of(ALIKE);
      return [...new Set([...r.some(family, 6), ...(r.chance(0.2) ? r.some(r.of(ALIKE), 2) : [])])];
    });
    const conditions = Array.from({ length: 2 + r.below(r.chance(0.6) ? 4 : 59) }, () => {
      const asked = `(${r.of(FLAGGED)} ${r.of(["and", "or"])} ${randomCondition(r, 1)})`;
      const condition = r.chance(0.5) ? asked : r.chance(0.3) ? r.of(FLAGGED) : randomCondition(r, 2);
      if (r.chance(0.01)) return condition;
      const types = r.of(typeSets);
      const named = r.some(types, 3).map((type) => `evt.type.is[${type}]=1`);
      const guard = r.chance(0.1) ? `(${named.join(" or ")}) and ` : "";
      return `evt.type in (${types.join(", ")}) and ${guard}${condition}`;
    });
    const rules = numberedRules(conditions);
    const judge = await Judge.of(rules);
    const types = typeSets.flat();
    const batch = openBatch(randomBatch(r, RECORDS, { types }));
    const found = compare(rules, judge, batch, seed, (rule) => conditions[Number(rule.name)]!);
    pairs += rules.length * RECORDS;
    matched += found.length;
  }
  assert.ok(matched > pairs / 100, `${matched} of ${pairs} match: the cases prove little`);
});

const FILES = [...OFFICIAL, ...DEPRECATED];
const subsets = Array.from({ length: 2 ** FILES.length - 1 }, (_, i) => FILES.filter((_, bit) => (i + 1) & (1 << bit)));

withFalco(`Falco's ${FILES.length} files judge alike in each of ${subsets.length} combinations`, async () => {
  const met = new Set<string>();
  for (const [i, files] of subsets.entries()) {
    const { ok, rules } = loadRules(files.map(ruleFile));
    assert.ok(ok);
    const enabled = rules.map((rule) => ({ ...rule, enabled: true }));
    if (enabled.length === 0) continue;
    const judge = await Judge.of(enabled);
    const wanted = wantedBy(enabled);
    const r = new Random(SEED + i);
    for (const name of compare(enabled, judge, openBatch(randomBatch(r, RECORDS, wanted)), SEED + i)) met.add(name);
  }
  assert.ok(met.size > 10, `${met.size} rules match anything: the cases prove little`);
});

const FIELD = fileURLToPath(new URL("../../fixtures/falco-field/", import.meta.url));
const names = readdirSync(FIELD).sort();
const field: RuleFile[] = [
  ...names.map((name) => ({ name, content: readFileSync(FIELD + name, "utf8") })),
  { name: "indicators.yaml", content: indicators },
];
const alone = field.map((file) => [file]);
const pairs = field.flatMap((one, i) => field.slice(i + 1).map((other) => [one, other]));

test(`${field.length} files in the style of others' judge alike alone, in pairs and all together`, async () => {
  const met = new Set<string>();
  for (const [i, files] of [...alone, ...pairs, field].entries()) {
    const { ok, rules, results, contents } = loadRules(files);
    assert.ok(ok, results.map((one) => one.text(contents)).join("\n"));
    assert.equal(
      results.flatMap(({ warnings }) => warnings),
      [],
      files.map(({ name }) => name).join(" "),
    );
    const judge = await Judge.of(rules);
    const batch = openBatch(randomBatch(new Random(SEED + i), RECORDS, wantedBy(rules)));
    for (const name of compare(rules, judge, batch, SEED + i)) met.add(name);
  }
  assert.ok(met.size > field.length, `only ${[...met].join(", ")} match anything`);
});

// The names of the rules that matched, once for each match.
function compare(
  rules: readonly LoadedRule[],
  judge: Judge,
  batch: Batch,
  seed: number,
  told = (rule: LoadedRule) => rule.name,
): string[] {
  const found = judge.judge(batch).map((names) => new Set(names));
  return [...batch.offsets].flatMap((at, i) =>
    rules.flatMap((rule) => {
      const want =
        rule.events.includes(fieldValue("evt.type")!(batch, at) as string) && interpret(rule.expr, { batch, at });
      if (want !== found[i]!.has(rule.name)) assert.unreachable(explain(told(rule), batch, at, want, seed));
      return want ? [rule.name] : [];
    }),
  );
}

function explain(rule: string, batch: Batch, at: number, want: boolean, seed: number): string {
  const type = fieldValue("evt.type")!(batch, at);
  const args = fieldValue("evt.args")!(batch, at);
  return `${rule}\nshould be ${want} for this ${type} (${args})\nagain: VEDETTE_SEED=${seed}`;
}

test.run();
