// SPDX-License-Identifier: Apache-2.0
//
// A draft's files, as they are read for it: nothing is followed or read that another user may have put in the
// policy's place.
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { policyFiles } from "../../../host/policy/bundle.js";
import { draftAt } from "../../../host/policy/draft.js";
import { writeFiles } from "./shared.js";

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

test.run();
