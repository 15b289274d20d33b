// SPDX-License-Identifier: Apache-2.0
//
// A Node that is too old is told of in one sentence, before anything that it may not know is imported; and package.json, the doors and the
// host name the same Node.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NODE_NEEDED } from "../../host/node-version.js";
import { ROOT, run } from "../e2e/programs.js";

const pretending = (version: string): string[] => [
  process.execPath,
  "--import",
  `data:text/javascript,Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${version}" } })`,
  join(ROOT, "build/js/host/main.js"),
  "--version",
];

test("an old Node is refused [VEDETTE_NODE_TOO_OLD], the first one that is new enough is not", async () => {
  const old = await run(pretending(`${NODE_NEEDED - 1}.99.0`));
  assert.is(old.status, 2, old.stderr);
  assert.match(
    old.stderr,
    /^vedette: Vedette needs Node 24 or later, and this is Node 23\.99\.0\. \[VEDETTE_NODE_TOO_OLD\]\n {2}Install/,
  );
  assert.is(old.stdout, "");
  const new_ = await run(pretending(`${NODE_NEEDED}.0.0`));
  assert.is(new_.status, 0, new_.stderr);
});

test("package.json and the doors ask for the same Node", () => {
  const { engines } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { engines: { node: string } };
  assert.is(engines.node, `>=${NODE_NEEDED}`);
  assert.match(readFileSync(join(ROOT, ".ci/node/use"), "utf8"), new RegExp(`^NODE_NEEDED=${NODE_NEEDED}$`, "m"));
});

test.run();
