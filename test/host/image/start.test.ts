// SPDX-License-Identifier: Apache-2.0
//
// The packaged host: its code comes compiled, V8 takes it as it is, and policies stand there in the form that
// is read at once.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readHost } from "../../../host/image/start.js";
import { POLICY_FILE } from "../../../host/policy/policy-file.js";
import { plainJson } from "../../../host/policy/yaml.js";
import { packaged } from "../../lab/sidecar.js";

const HOST = join(packaged(), "app/build/js/host");

test("V8 takes the code that the package's making has compiled", () => {
  assert.is(readHost(HOST).cachedDataRejected, false);
});

test("the host starts by the name it has outside packages too", () => {
  const { version, gitHead } = JSON.parse(readFileSync(join(packaged(), "app/package.json"), "utf8")) as {
    version: string;
    gitHead: string;
  };
  assert.match(gitHead, /^[0-9a-f]{40}/);
  const said = execFileSync(process.execPath, [join(HOST, "main.js"), "--version"], { encoding: "utf8" });
  assert.match(said, `${version}, commit ${gitHead.slice(0, 12)}`);
});

test("the package's policies need no YAML parser", () => {
  const files = readdirSync(join(HOST, "../../../policies"), { recursive: true, encoding: "utf8" });
  const texts = files
    .filter((path) => path.endsWith(POLICY_FILE))
    .map((path) => readFileSync(join(HOST, "../../../policies", path), "utf8"));
  assert.ok(texts.length >= 20);
  for (const text of texts) assert.is(plainJson(JSON.parse(text)), text);
});

test.run();
