// SPDX-License-Identifier: Apache-2.0
//
// A Node that is too old is told of in one sentence, before anything that it may not know is imported; and
// package.json, the doors and the host name the same Node.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NODE_NEEDED } from "../../host/node-version.js";
import { environment, ROOT, run, scratch } from "../e2e/programs.js";

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

// An old `node` stands first in PATH where npm has fetched another one already; else it would be fetched now.
const FETCHED = existsSync(join(ROOT, `.ci/node/${NODE_NEEDED}/node_modules/.vedette-lock`));

test("what the demo and README say to type works in any folder, also beside an old Node", async () => {
  const [folder, PATH] = [scratch(), scratch()];
  writeFileSync(join(PATH, "node"), "#!/bin/sh\n[ $1 = -p ] && echo 20\n", { mode: 0o755 });
  const env = FETCHED ? { PATH: `${PATH}:${environment().PATH}` } : {};
  const typed = await run([join(ROOT, ".ci/vedette"), "trace", "--output", "trace", "--", "pwd"], { cwd: folder, env });
  assert.equal([typed.status, typed.stdout], [0, `${folder}\n`], typed.stderr);
  assert.match(readFileSync(join(folder, "trace"), "utf8"), /pwd .* procexit\(status=0,/);
  // npm starts the script in the project's folder.
  const npm = { ...env, npm_lifecycle_event: "vedette", INIT_CWD: folder };
  const door = await run([join(ROOT, ".ci/vedette"), "trace", "--output", "trace", "--", "pwd"], { env: npm });
  assert.equal([door.status, door.stdout], [0, `${folder}\n`], door.stderr);
  const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { scripts: { vedette: string } };
  assert.is(scripts.vedette, "bash .ci/vedette");
  for (const page of ["README.md", "test/demo/demo.ts"])
    assert.match(readFileSync(join(ROOT, page), "utf8"), "`npm run vedette -- trace -- ls`");
});

test.run();
