// SPDX-License-Identifier: Apache-2.0
// A part of `npm run package`: what a machine without Node installs, in build/package/system or the folder
// that is given.
//
//   vedette_VERSION_amd64.deb           for Debian and Ubuntu
//   vedette-VERSION-linux-x64.tar.gz    unpacked anywhere with glibc: vedette/bin/vedette
//
// Both hold Node, the host with its modules, agent, jail, addon, the SDK and the pack. The Debian package has
// the manual page and the shells' completions, too. No script runs when it is installed. The same files give
// the same bytes.
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { builtFile, ROOT } from "../paths.js";
import { BillOfMaterials } from "./sbom.js";
import {
  ARCHITECTURE,
  asked,
  copy,
  manifest,
  NATIVE,
  neededModules,
  OWN,
  PLATFORM,
  said,
  stageHost,
  stageManifest,
} from "./staged.js";

/** Below the folder that is installed. */
const HOME = "usr/lib/vedette";
/** `vedette/bin/vedette` may be called by a link from anywhere. */
const COMMAND = `#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
exec "$here/node" "$here/../app/build/js/host/main.js" "$@"
`;
/** Where each shell looks for completions of packages. */
const COMPLETIONS = {
  bash: "usr/share/bash-completion/completions/vedette",
  zsh: "usr/share/zsh/vendor-completions/_vedette",
  fish: "usr/share/fish/vendor_completions.d/vedette.fish",
};
/** Binaryen's own commands, which nothing here runs: 80 MiB. */
const LEFT_OUT = "node_modules/binaryen/bin";
/** Seconds since the epoch, of every file. */
const DATE = "315532800";

const to = resolve(asked.to ?? builtFile("package/system"));
const { version } = manifest;
const root = join(to, "root");

if (!asked.processors.includes(OWN)) {
  console.log(`without a .deb and a tarball with Node: they are made for this machine's processor`);
  process.exit(0);
}
rmSync(to, { recursive: true, force: true });
stageHome(join(root, HOME));
const bill = (await new BillOfMaterials().withModules()).withLinked().withNode();
bill.write(join(root, HOME, "vedette.spdx.json"));
for (const name of [`vedette_${version}_${ARCHITECTURE}.deb`, `vedette-${version}-${PLATFORM}.tar.gz`])
  bill.write(join(to, `${name}.spdx.json`));
plainModes();
packTar();
stageSystem();
plainModes();
packDebian();

function stageHome(home: string): void {
  const app = join(home, "app");
  stageHost(app);
  stageManifest(app);
  for (const name of NATIVE) copy(`build/${name}`, join(app, "build", name));
  for (const folder of neededModules())
    cpSync(join(ROOT, folder), join(app, folder), { recursive: true, filter: isNeeded });
  mkdirSync(join(home, "bin"));
  cpSync(realpathSync(process.execPath), join(home, "bin/node"));
  writeFileSync(join(home, "bin/vedette"), COMMAND);
  chmodSync(join(home, "bin/vedette"), 0o755);
}

/** Whatever the clone's own are. */
function plainModes(): void {
  execFileSync("chmod", ["-R", "u=rwX,go=rX", root]);
}

/** A module's own modules are listed by themselves. */
function isNeeded(path: string): boolean {
  return !path.endsWith(LEFT_OUT) && basename(path) !== "node_modules";
}

function stageSystem(): void {
  mkdirSync(join(root, "usr/bin"));
  symlinkSync("../lib/vedette/bin/vedette", join(root, "usr/bin/vedette"));
  write("usr/share/man/man1/vedette.1.gz", gzipSync(said("man"), { level: 9 }));
  for (const [shell, path] of Object.entries(COMPLETIONS)) write(path, said("completion", shell));
  const doc = "usr/share/doc/vedette";
  write(`${doc}/copyright`, readFileSync(join(ROOT, "LICENSE")));
  write(`${doc}/changelog.gz`, gzipSync(readFileSync(join(ROOT, "CHANGELOG.md")), { level: 9 }));
}

function packDebian(): void {
  const control = {
    Package: "vedette",
    Version: version,
    Architecture: ARCHITECTURE,
    Maintainer: "The Vedette project <noreply@localhost>",
    "Installed-Size": String(kibibytes()),
    Depends: `libc6 (>= ${glibcNeeded()}), libstdc++6, libgcc-s1`,
    Section: "admin",
    Priority: "optional",
    Description: `${manifest.description.split(":")[0]}\n ${manifest.description}.`,
  };
  write(
    "DEBIAN/control",
    Object.entries(control)
      .map(([key, value]) => `${key}: ${value}\n`)
      .join(""),
  );
  const deb = join(to, `vedette_${version}_${ARCHITECTURE}.deb`);
  execFileSync("dpkg-deb", ["--root-owner-group", "-Zzstd", "-z6", "--build", root, deb], {
    env: { ...process.env, SOURCE_DATE_EPOCH: DATE },
    stdio: "pipe",
  });
}

function packTar(): void {
  const how = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", `--mtime=@${DATE}`, "-I", "gzip -n -6"];
  const tarball = join(to, `vedette-${version}-${PLATFORM}.tar.gz`);
  execFileSync("tar", [...how, "-cf", tarball, "-C", join(root, dirname(HOME)), "vedette"]);
}

/** The newest glibc that a file asks for which is not static: those are Node and the addon. */
function glibcNeeded(): string {
  const asked = [process.execPath, builtFile("capture.node")].flatMap((file) => [
    ...readFileSync(file, "latin1").matchAll(/GLIBC_2\.(\d+)\0/g),
  ]);
  return `2.${Math.max(...asked.map(([, minor]) => Number(minor)))}`;
}

function kibibytes(): number {
  const [size = "0"] = execFileSync("du", ["-sk", "--apparent-size", root], { encoding: "utf8" }).split("\t");
  return Number(size);
}

function write(path: string, content: string | Buffer): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}
