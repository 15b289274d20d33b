// SPDX-License-Identifier: Apache-2.0
// Falco's configuration and rules from files that are none, and entries of config_files that name none: each
// is refused with its reason, and nothing is waited for.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { VedetteError } from "../../../host/errors.js";
import { readConfigFile } from "../../../host/falco/config-file.js";
import { readRuleFiles } from "../../../host/falco/rule-files.js";
import { pemOf } from "../../../host/output/pem.js";

const root = mkdtempSync(join(tmpdir(), "vedette-config-file-"));
test.after(() => rmSync(root, { recursive: true }));
const pipe = join(root, "pipe.yaml");
execFileSync("mkfifo", [pipe]);

function refusal(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof VedetteError) return error.message;
    throw error;
  }
  return "";
}

function refusedText(text: string): string {
  const path = join(root, "falco.yaml");
  writeFileSync(path, text);
  return refusal(() => readConfigFile(path));
}

test("H39: a pipe in the place of a configuration, of rules or of a certificate holds nobody up", () => {
  assert.match(
    refusal(() => readConfigFile(pipe)),
    /pipe\.yaml is wrong: it is not a plain file/,
  );
  assert.match(refusedText(`config_files: [${pipe}]`), /pipe\.yaml is wrong: it is not a plain file/);
  for (const named of [pipe, root])
    assert.is(readRuleFiles([named]).find(({ name }) => name === pipe)?.complaint, "it is not a plain file");
  assert.match(
    refusal(() => pemOf("certificate", pipe)),
    "it is not a plain file",
  );
});

test("what a shell hands over is read: /dev/null, and the descriptor of a command's output", () => {
  assert.is(
    refusal(() => readConfigFile("/dev/null")),
    "",
  );
  const script = `import { readRuleFiles } from ${JSON.stringify(import.meta.resolve("../../../host/falco/rule-files.ts"))};
    console.log(readRuleFiles([process.argv[1]])[0].content);`;
  const node = `${process.execPath} --import ${import.meta.resolve("tsx")} --input-type=module -e "$0"`;
  const said = execFileSync("bash", ["-c", `${node} <(echo "- list: a")`, script], { encoding: "utf8" });
  assert.match(said, "- list: a");
});

test("an entry of config_files that names no path, or no strategy, is refused", () => {
  const entries = ["~", "[a]", "{}", "{path: ~}", "{path: [a]}", "{path: {a: b}}", "{strategy: append}"];
  const strategies = ["constructor", "no", "[append]", "{a: b}"].map((one) => `{path: a, strategy: ${one}}`);
  for (const entry of [...entries, ...strategies])
    assert.match(refusedText(`config_files: [${entry}]`), "an entry names no path, or the strategy", entry);
  assert.match(refusedText(`config_files: [${"a".repeat(300)}]`), "name too long");
  assert.match(refusedText('config_files: ["a\\0b"]'), "null bytes");
  for (const strategy of ["", ", strategy: ~", ", strategy: append", ", strategy: override", ", strategy: add-only"])
    assert.is(refusedText(`config_files: [{path: nonesuch${strategy}}]`), "", strategy);
});

test.run();
