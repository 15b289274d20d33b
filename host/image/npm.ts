// SPDX-License-Identifier: Apache-2.0
// A part of `npm run package`: the packages for npm, in build/package/npm or the folder that is given.
//
//   vedette-VERSION.tgz               host, SDK, policies with their modules, docs: the same for every processor
//   vedette-linux-x64-VERSION.tgz     @vedette/linux-x64: agent, jail and addon, so that no machine needs a compiler
//   vedette-linux-arm64-VERSION.tgz   @vedette/linux-arm64: the same for arm64, where a compiler for it is installed
//   vedette-sdk-VERSION.tgz           @vedette/sdk: what policies import, for the editors of their authors
//
// The first names those of the processors as optional dependencies: npm takes the one that fits the machine.
// None runs a script when it is installed. The same files give the same bytes: npm writes one date for all of
// them. A bill of materials lies beside each (sbom.ts).
import { execFileSync } from "node:child_process";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { builtFile, ROOT } from "../paths.js";
import { BillOfMaterials } from "./sbom.js";
import {
  asked,
  compiledFor,
  copy,
  leaveOut,
  manifest,
  NATIVE,
  type Processor,
  processors,
  said,
  stageHost,
  stageManifest,
} from "./staged.js";

const MANUAL = "vedette.1";
/** What policies import, and of it the classes that come from events.yaml. */
const [SDK, GENERATED] = ["rules-wasm", "build/generated/as/generated"] as const;
/** Of the SDK, what no policy imports. */
const COMPILERS = ["transform", "no-rules", "runtime"];
/** What a policy's tsconfig.json extends. */
const EDITOR_CONFIG = {
  extends: "assemblyscript/std/assembly.json",
  compilerOptions: {
    noEmit: true,
    experimentalDecorators: true,
    moduleResolution: "bundler",
    module: "esnext",
    paths: { vedette: ["./index.ts"], "vedette/protocols": ["./protocols.ts"], "vedette/falco": ["./falco.ts"] },
  },
};
const to = resolve(asked.to ?? builtFile("package/npm"));

rmSync(to, { recursive: true, force: true });
pack(stagedHost(join(to, "host")));
pack(stagedSdk(join(to, "sdk")));
new BillOfMaterials().write(join(to, `vedette-sdk-${manifest.version}.spdx.json`));
(await new BillOfMaterials().withModules()).write(join(to, `vedette-${manifest.version}.spdx.json`));
for (const processor of asked.processors) {
  const compiled = compiledFor(processor);
  if (compiled === null) leaveOut(`@vedette/linux-${processor}`, "the compiler for it");
  else packNative(processor, compiled);
}

function stagedHost(folder: string): string {
  stageHost(folder);
  writeFileSync(join(folder, MANUAL), said("man"));
  const { scripts: _, devDependencies: __, ...kept } = manifest;
  stageManifest(folder, {
    ...kept,
    files: [...kept.files, MANUAL],
    man: MANUAL,
    optionalDependencies: Object.fromEntries(processors.map((one) => [`@vedette/linux-${one}`, manifest.version])),
  });
  return folder;
}

/** What policies import, for editors. `vedette` itself compiles with the SDK that it has. */
function stagedSdk(folder: string): string {
  for (const path of sdkSources()) copy(join(SDK, path), join(folder, path));
  for (const name of readdirSync(join(ROOT, GENERATED))) copy(join(GENERATED, name), join(folder, "generated", name));
  copy("LICENSE", join(folder, "LICENSE"));
  const { version, license, dependencies } = manifest;
  const types = (name: string) => ({ types: `./${name}.ts`, default: `./${name}.ts` });
  writeFileSync(join(folder, "tsconfig.json"), `${JSON.stringify(EDITOR_CONFIG, null, 2)}\n`);
  stageManifest(folder, {
    name: "@vedette/sdk",
    version,
    description: "What policies of Vedette import, and their editors' configuration",
    license,
    type: "module",
    types: "./index.ts",
    exports: {
      ".": types("index"),
      "./protocols": types("protocols"),
      "./falco": types("falco"),
      "./tsconfig.json": "./tsconfig.json",
      "./package.json": "./package.json",
    },
    dependencies: { assemblyscript: dependencies.assemblyscript },
    files: ["**/*.ts", "tsconfig.json"],
  });
  return folder;
}

/** Without what only the compiler reads. */
function sdkSources(): string[] {
  const all = readdirSync(join(ROOT, SDK), { recursive: true, encoding: "utf8" }).filter((path) =>
    path.endsWith(".ts"),
  );
  return all.filter((path) => !COMPILERS.some((folder) => path.startsWith(`${folder}/`))).sort();
}

function packNative(processor: Processor, compiled: string): void {
  const platform = `linux-${processor}`;
  const folder = join(to, platform);
  for (const name of NATIVE) copy(join(compiled, name), join(folder, name));
  copy("LICENSE", join(folder, "LICENSE"));
  const { version, license } = manifest;
  stageManifest(folder, {
    name: `@vedette/${platform}`,
    version,
    description: `What Vedette has compiled for ${platform}: the capture agent, the jail and the addon`,
    license,
    os: ["linux"],
    cpu: [processor],
    files: NATIVE,
  });
  pack(folder);
  new BillOfMaterials().withLinked(processor).write(join(to, `vedette-${platform}-${version}.spdx.json`));
}

function pack(folder: string): void {
  execFileSync("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", to], {
    cwd: folder,
    stdio: "pipe",
  });
}
