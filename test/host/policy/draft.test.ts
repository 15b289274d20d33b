// SPDX-License-Identifier: Apache-2.0
//
// A draft's files, as they are read for it: nothing is followed or read that another user may have put in the
// policy's place. And what it is tried with: the values and the policy of the moment.
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openBundle, policyFiles } from "../../../host/policy/bundle.js";
import { PolicyCompiler } from "../../../host/policy/compile.js";
import { draftAt, draftOf } from "../../../host/policy/draft.js";
import { loadPolicy } from "../../../host/policy/load.js";
import { headOf, readPolicyFile } from "../../../host/policy/policy-file.js";
import { PolicyTrials } from "../../../host/policy/trials.js";
import { DEFAULT_LIMITS } from "../../../host/wasm/admission.js";
import { laterFaultOf, writeFiles } from "./shared.js";

const scratch = mkdtempSync(join(tmpdir(), "vedette-draft-"));
test.after(() => rmSync(scratch, { recursive: true }));

const FILES = { "policy.yaml": "name: p\n", "index.ts": "as it is loaded" };

test("a draft has the files that are there, and the text that was given", () => {
  const place = writeFiles(join(scratch, "own"), FILES);
  for (const isOthers of [true, false]) {
    const draft = draftAt(place, "another", isOthers)!;
    assert.equal(draft.names(), ["index.ts", "policy.yaml"]);
    assert.is(Buffer.from(draft.read("index.ts")).toString(), "another");
  }
  rmSync(join(place, "index.ts"));
  for (const isOthers of [true, false]) assert.is(draftAt(place, "another", isOthers), null, "there is none to change");
});

test("a module's file, or a link to one, that others put in the place of a policy is not read", () => {
  const place = join(scratch, "p.wasm");
  writeFileSync(place, "");
  truncateSync(place, 2 ** 40); // to read it fails at once, by another error
  assert.throws(() => draftAt(place, "another", true), /ENOTDIR/);
  renameSync(place, join(scratch, "large"));
  symlinkSync(join(scratch, "large"), place);
  assert.throws(() => draftAt(place, "another", true), /ENOTDIR/);
});

test("a policy's folder with too many entries in all its folders is not walked to its end", () => {
  const place = writeFiles(join(scratch, "crowded"), FILES);
  for (const name of ["a/b/c", "d/e/f"]) mkdirSync(join(place, name), { recursive: true });
  assert.equal(policyFiles(place, false, 8), ["index.ts", "policy.yaml"]);
  assert.throws(() => policyFiles(place, false, 7), /more than 7 entries/);
});

const sourceOf = (kind: "int" | "string"): string => `import { Openat, param, Priority, rule } from "vedette";
const MOST = param.${kind}("most");
@rule({ name: "Opened", priority: Priority.Notice })
export function opened(e: Openat): bool { return e.tid > 0 && MOST == MOST; }
`;
const yamlOf = (type: string, value: string): string =>
  `name: p\nparameters:\n  most: {type: ${type}, default: ${value}}\n`;
const place = writeFiles(join(scratch, "typed"), {
  "policy.yaml": yamlOf("int", "3"),
  "index.ts": sourceOf("int"),
});
const compiler = new PolicyCompiler(join(scratch, "cache"));
test.after(() => compiler.close());
const asked = (text: string) => ({ filesNow: () => draftAt(place, text, false), limits: DEFAULT_LIMITS });

test("a parameter has the value of the loaded version, and its default where it has another type by now", async () => {
  const policy = await loadPolicy(openBundle(place), { compiler, set: { most: 5 } });
  const parametersOf = async (type: "int" | "string", value: string) => {
    writeFileSync(join(place, "policy.yaml"), yamlOf(type, value));
    const bundle = draftAt(place, sourceOf(type), false)!;
    const bytes = await compiler.compile(bundle, headOf(readPolicyFile(bundle).value));
    return draftOf(policy, bundle, bytes, DEFAULT_LIMITS).parameters;
  };
  assert.equal(await parametersOf("int", "4"), { most: 5 });
  assert.equal(await parametersOf("string", "many"), { most: "many" });
  writeFileSync(join(place, "policy.yaml"), yamlOf("int", "3"));
});

test("a policy that is gone when its draft is compiled is none, and the one that is loaded by then is compared", async () => {
  const policy = await loadPolicy(openBundle(place), { compiler });
  const trials = new PolicyTrials();
  const text = sourceOf("int");
  assert.is(await trials.draft(policy, asked(text), () => null), null);
  const later = await loadPolicy(openBundle(place), { compiler, set: { most: 7 } });
  const tried = await trials.draft(policy, asked(text), () => ({ loaded: later, batches: [] }));
  assert.ok(tried !== null && typeof tried !== "string");
  assert.equal([tried.errors, tried.draft?.fault], [[], null]);
  trials.close();
});

test("a draft under way when the host ends has no answer, whether it is being compiled or tried", async () => {
  const policy = await loadPolicy(openBundle(place), { compiler });
  for (const end of ["compiling", "trying"]) {
    const trials = new PolicyTrials();
    const tried = trials.draft(policy, asked(sourceOf("int")), () => {
      if (end === "trying") trials.close();
      return { loaded: policy, batches: [] };
    });
    if (end === "compiling") trials.close();
    assert.is((await laterFaultOf(() => tried)).code, "VEDETTE_POLICY_TRIAL", end);
  }
});

test("of a draft whose files are too large it is told which has no room", async () => {
  writeFileSync(join(place, "a.rec"), Buffer.alloc(9 << 20));
  const policy = await loadPolicy(openBundle(place), { compiler });
  const tried = await new PolicyTrials().draft(policy, asked("another"), () => null);
  assert.ok(tried !== null && typeof tried !== "string");
  assert.match(tried.errors.map(({ message }) => message).join(), /a\.rec: .*at most 8 MiB together/);
});

test.run();
