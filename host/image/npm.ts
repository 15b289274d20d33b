// SPDX-License-Identifier: Apache-2.0
// A part of `npm run package`: two packages for npm, in build/package/npm or the folder that is given.
//
//   vedette-VERSION.tgz             host, SDK, policies with their modules, docs: the same for every processor
//   vedette-linux-x64-VERSION.tgz   @vedette/linux-x64: agent, jail and addon, so that no machine needs a compiler
//
// The first names the second as an optional dependency: npm takes the one that fits the machine. Neither runs
// a script when it is installed. The same files give the same bytes: npm writes one date for all of them. A
// bill of materials lies beside each (sbom.ts).
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { builtFile } from "../paths.js";
import { BillOfMaterials } from "./sbom.js";
import { copy, manifest, NATIVE, PLATFORM, said, stageHost } from "./staged.js";

const MANUAL = "vedette.1";
const to = resolve(process.argv[2] ?? builtFile("package/npm"));

rmSync(to, { recursive: true, force: true });
pack(stagedHost(join(to, "host")));
pack(stagedNative(join(to, PLATFORM)));
(await new BillOfMaterials().withModules()).write(join(to, `vedette-${manifest.version}.spdx.json`));
new BillOfMaterials().withLinked().write(join(to, `vedette-${PLATFORM}-${manifest.version}.spdx.json`));

function stagedHost(folder: string): string {
  stageHost(folder);
  writeFileSync(join(folder, MANUAL), said("man"));
  const { scripts: _, devDependencies: __, ...kept } = manifest;
  writeManifest(folder, {
    ...kept,
    files: [...kept.files, MANUAL],
    man: MANUAL,
    optionalDependencies: { [`@vedette/${PLATFORM}`]: manifest.version },
  });
  return folder;
}

function stagedNative(folder: string): string {
  for (const name of NATIVE) copy(`build/${name}`, join(folder, name));
  copy("LICENSE", join(folder, "LICENSE"));
  const { version, license } = manifest;
  writeManifest(folder, {
    name: `@vedette/${PLATFORM}`,
    version,
    description: `What Vedette has compiled for ${PLATFORM}: the capture agent, the jail and the addon`,
    license,
    os: ["linux"],
    cpu: [process.arch],
    files: NATIVE,
  });
  return folder;
}

function writeManifest(folder: string, content: object): void {
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(content, null, 2)}\n`);
}

function pack(folder: string): void {
  execFileSync("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", to], {
    cwd: folder,
    stdio: "pipe",
  });
}
