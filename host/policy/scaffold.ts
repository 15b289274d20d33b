// SPDX-License-Identifier: Apache-2.0
// The folder of a new policy: what `vedette policy new DIR` writes. It compiles, passes its tests, and is
// short enough to be read before it is changed. What is made of a rule of Falco's has other files in their
// places. tsconfig.json is for editors only: it shows them
// AssemblyScript's types and the SDK's.
import { existsSync, mkdirSync, readdirSync, realpathSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, relative, resolve } from "node:path";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import { GENERATED, SDK } from "./sdk.js";

/** What stands in a policy's folder, by the names of the files. */
export type PolicyFiles = Readonly<Record<"policy.yaml" | "index.ts" | "tests.yaml", string>>;

/** The files of a policy to begin with. */
export function firstPolicy(folder: string): PolicyFiles {
  return { "policy.yaml": policyYaml(policyName(folder)), "index.ts": INDEX, "tests.yaml": TESTS };
}

/** Makes the folder. Throws when something stands there already. Gives the names of the files. */
export function makePolicyFolder(folder: string, contents = firstPolicy(folder)): string[] {
  if (existsSync(folder) && readdirSync(folder).length > 0)
    throw new VedetteError("VEDETTE_POLICY_EXISTS", { path: folder });
  const files: Readonly<Record<string, string>> = { ...contents, "tsconfig.json": "" };
  try {
    mkdirSync(folder, { recursive: true });
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text || editorConfig(folder));
  } catch (error) {
    throw new VedetteError("VEDETTE_POLICY_UNWRITABLE", { path: folder, reason: reasonOf(error) }, { cause: error });
  }
  return Object.keys(files);
}

/** The folder's name, made fit for policy.yaml. */
export function policyName(folder: string): string {
  const name = basename(resolve(folder))
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "");
  return name === "" ? "policy" : name.slice(0, 100);
}

function policyYaml(name: string): string {
  return `# What the policy is called, and what whoever runs it may set.
name: ${name}
version: 0.1.0
description: A download tool is run by a program that is not known to need one.
parameters:
  tools:
    type: strings
    default: [curl, wget]
    description: names of programs (proc.name)
  allow:
    type: strings
    default: [apt-get, dpkg]
    description: names of parents that may run them (proc.pname)
`;
}

const INDEX = `// A rule is a function with @rule before it. The type of its parameter says which events it sees, its answer whether
// there is an alert. e.proc, e.fd and the event's own parameters are named like Falco's fields.
import { AnyExec, param, Priority, rule, StringSet } from "vedette";

// Parameters are read once, here at the top.
const TOOLS = new StringSet(param.strings("tools"));
const ALLOWED = new StringSet(param.strings("allow"));

// @ts-ignore: decorator
@rule({
  name: "Download tool run",
  desc: "A download tool was run by a program that is not known to need one",
  priority: Priority.Notice,
  tags: ["T1105"],
  output: "A download tool was run | command=%proc.cmdline parent=%proc.pname user=%user.name container=%container.id",
})
export function downloadTool(e: AnyExec): bool {
  if (e.failed) return false;
  return TOOLS.has(e.proc.name) && !ALLOWED.has(e.proc.pname);
}
`;

const TESTS = `# Events in, alerts out. What is not written is as for an ordinary program of root.
tests:
  - name: curl from a web server
    events:
      - execve: {proc: {name: curl, args: [-s, "http://203.0.113.9/x"], parent: {name: nginx}}}
    alerts:
      - {rule: Download tool run, fields: {proc.pname: nginx}}

  - name: the package manager may, and other programs are no download tools
    events:
      - execve: {proc: {name: wget, parent: {name: apt-get}}}
      - execve: {proc: {name: ls, parent: {name: nginx}}}
    alerts: []

  - name: a program that could not be run
    events:
      - execve: {res: ENOENT, proc: {name: curl, parent: {name: nginx}}}
    alerts: []
`;

/**
 * Decorators on functions are AssemblyScript's; TypeScript says TS1206, which `// @ts-ignore: decorator` in
 * index.ts keeps from the author. Paths begin in the folder: where the project has Vedette among its npm
 * packages, they hold on a colleague's machine too.
 */
function editorConfig(folder: string): string {
  const from = realpathSync(folder); // TypeScript looks there, whatever links led to it
  const place = (path: string): string => {
    const way = relative(from, path);
    return way.startsWith(".") ? way : `./${way}`;
  };
  const std = dirname(createRequire(import.meta.url).resolve("assemblyscript/package.json"));
  const config = {
    extends: place(join(std, "std/assembly.json")),
    compilerOptions: {
      noEmit: true,
      experimentalDecorators: true,
      moduleResolution: "bundler",
      module: "esnext",
      rootDirs: [place(SDK), place(GENERATED)],
      paths: {
        vedette: [place(join(SDK, "index.ts"))],
        "vedette/protocols": [place(join(SDK, "protocols.ts"))],
        "vedette/falco": [place(join(SDK, "falco.ts"))],
      },
    },
    include: ["*.ts"],
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}
