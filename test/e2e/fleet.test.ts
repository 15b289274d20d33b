// SPDX-License-Identifier: Apache-2.0
// `npm run fleet`: both break-ins end in PostgreSQL, and nothing of the fleet is left when it has ended.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ROOT, run } from "./programs.js";

const LIMIT_MS = 300_000;

test("a whole fleet on one machine finds a break-in, and another one after its judge was killed", async () => {
  const { status, stdout, stderr } = await run(["bash", `${ROOT}/.ci/fleet`], { cwd: ROOT, limitMs: LIMIT_MS });
  assert.is(status, 0, stdout + stderr);
  for (const rule of ["Sensitive file read", "Shell on a socket"])
    for (const times of [1, 2]) assert.match(stdout, new RegExp(`^ +${times} ${rule}$`, "m"));
  assert.match(stdout, /all 4 partitions now/);
  assert.match(stdout, /^ +shop +\S+ +live /m);
});

test.run();
