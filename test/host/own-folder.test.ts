// SPDX-License-Identifier: Apache-2.0
// A folder that one process has at a time: who takes it, and who gets it back.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { lockedFolder, unlockFolder } from "../../host/own-folder.js";

const folder = mkdtempSync(join(tmpdir(), "vedette-own-"));
test.after(() => rmSync(folder, { recursive: true }));

test("a folder stays taken when its use succeeds; when it fails, the folder is free and the error is that of the use", () => {
  const fails = (): never => {
    throw new Error("no use");
  };
  assert.throws(() => lockedFolder(folder, fails), /^no use$/);
  assert.not(existsSync(join(folder, "lock")));
  assert.is(
    lockedFolder(folder, () => 7),
    7,
  );
  assert.throws(() => lockedFolder(`${folder}/.`, fails), /this process uses it already/);
  assert.ok(existsSync(join(folder, "lock")), "whoever did not get it does not free it");
  unlockFolder(folder);
  assert.not(existsSync(join(folder, "lock")));
});

test.run();
