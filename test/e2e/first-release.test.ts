// SPDX-License-Identifier: Apache-2.0
// Time limit: 900 s.
//
// Version 0.1 can be built from this repository's history. It is built here, beside other tests, and kept:
// who upgrades from it (fargate-upgrade) runs alone, and all would wait for minutes of a compiler.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { firstRelease, missingFirstRelease } from "../lab/first-release.js";

const PATHS = ["vedette/vedette-capture", "app/build/js/host/main.js", "app/build/capture.node"];

test("version 0.1 is built from the history, with its agent and its host", () => {
  const missing = missingFirstRelease();
  if (missing !== null) return console.log(`skip: version 0.1: ${missing} is missing`);
  const root = firstRelease();
  for (const path of PATHS) assert.ok(existsSync(join(root, path)), `${path} is not there`);
});

test.run();
