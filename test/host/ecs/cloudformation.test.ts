// SPDX-License-Identifier: Apache-2.0
//
// What `instrument` makes of a template is right for CloudFormation too: AWS's own validator, with the
// schemas of all resources and the rules of cfn-lint, finds nothing in the result that it does not find in
// the file that was given. cfn-lint itself is asked, of every file, where it is installed: it comes by pip
// alone.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RegoEngine, type StandardDiagnostic, TemplateFile } from "@aws/cloudformation-validate";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readImageConfigs } from "../../../host/ecs/image-config.js";
import { instrument } from "../../../host/ecs/instrument.js";
import { parseDocument } from "../../../host/ecs/read.js";
import { samples } from "./definitions-folder.js";
import { generated } from "./kinds.js";
import { plainOf } from "./plain.js";

const GIVEN = { image: "registry.example/vedette:1", logGroup: "/vedette", logRegion: "eu-west-1" };
const folder = mkdtempSync(join(tmpdir(), "instrument-cloudformation-"));
const engine = new RegoEngine({});
test.after(() => {
  engine.free();
  rmSync(folder, { recursive: true });
});

/** Without what is said of how the file is laid out: one line for each finding. */
function findingsIn(name: string, text: string): string[] {
  const path = join(folder, name);
  // A file that begins with a brace is JSON to the validator, whatever it is called.
  writeFileSync(path, name.endsWith(".json") ? text : `# YAML\n${text}`);
  const { status, diagnostics } = engine.validateStandard(new TemplateFile(path), { severityLevel: "WARN" });
  assert.is(status, "OK", name);
  return diagnostics.map(line);
}

function line({ severity, ruleId, entity, propertyPath, message }: StandardDiagnostic): string {
  return `${severity} ${ruleId} ${entity?.logicalId ?? ""} ${propertyPath ?? ""}: ${message}`;
}

const isTemplate = (name: string, text: string) => "Resources" in plainOf(name, text);

function check(name: string, text: string, imageConfigs: readonly string[]): void {
  const made = instrument(parseDocument(name, text), GIVEN, readImageConfigs(imageConfigs)).text;
  const before = findingsIn(name, text);
  assert.equal(
    findingsIn(name, made).filter((one) => !before.includes(one)),
    [],
  );
}

test("the validator finds an unknown member and a wrong kind", () => {
  const container = { Name: "a", Image: "i", Essential: "maybe", StopTimeot: 3 };
  const resource = { Type: "AWS::ECS::TaskDefinition", Properties: { ContainerDefinitions: [container] } };
  const found = findingsIn("bad.json", JSON.stringify({ Resources: { Task: resource } })).join("\n");
  for (const word of ["Essential", "StopTimeot"]) assert.match(found, word);
});

for (const { name, document, imageConfigs } of samples())
  if (isTemplate(name, document.text))
    test(`${name}: CloudFormation's validator finds nothing new`, () => check(name, document.text, imageConfigs));

/** Each thing in one kind of file, and each kind of file with the first. */
const chosen = generated().filter(
  ({ name, title, text }) => isTemplate(name, text) && /^CloudFormation, YAML, with|, with nothing more$/.test(title),
);
for (const { name, title, text } of chosen)
  test(`${title}: CloudFormation's validator finds nothing new`, () => check(name, text, []));

/** What cfn-lint says of a folder's files, without the line and the column. */
function linted(at: string): string[] {
  const words = ["--format", "parseable", "--regions", "eu-west-1", "--", `${at}/*`];
  const { stdout, error } = spawnSync("cfn-lint", words, { encoding: "utf8", maxBuffer: 64 << 20 });
  assert.is(error, undefined);
  return stdout.split("\n").map((one) => one.slice(at.length).replace(/(:\d+){4}:/, ":"));
}

if (spawnSync("cfn-lint", ["--version"]).status === 0)
  test("every template: cfn-lint itself finds nothing new", () => {
    const [before, after] = ["before", "after"].map((name) => join(folder, name));
    for (const at of [before!, after!]) mkdirSync(at);
    const given = [
      ...samples().map(({ name, document, imageConfigs }) => ({ name, text: document.text, imageConfigs })),
      ...generated().map(({ name, text }) => ({ name, text, imageConfigs: [] as string[] })),
    ];
    const templates = given.filter(({ name, text }) => isTemplate(name, text));
    assert.ok(templates.length > 150, String(templates.length));
    for (const [index, { name, text, imageConfigs }] of templates.entries()) {
      writeFileSync(join(before!, `${index}-${name}`), text);
      const made = instrument(parseDocument(name, text), GIVEN, readImageConfigs(imageConfigs)).text;
      writeFileSync(join(after!, `${index}-${name}`), made);
    }
    const known = linted(before!);
    assert.ok(known.length > 1, "it finds something in files that are as people write them");
    assert.equal(
      linted(after!).filter((one) => !known.includes(one)),
      [],
    );
  });
else console.log("skip: cfn-lint itself: the command cfn-lint is missing");

test.run();
