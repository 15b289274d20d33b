// SPDX-License-Identifier: Apache-2.0
// `npm run package`: makes build/package out of what `npm run build` made.
//
//   rootfs/                     the sidecar's root, from nothing: node and its libraries, the host, policies compiled
//     bin/vedette  bin/node     the command, and what it runs on
//     app/                      host (its modules in it), addon, policies
//     vedette/vedette-capture   the agent; the image declares /vedette a volume, so ECS copies it there
//   vedette-VERSION-image.tar   the same as an OCI image
//   vedette-VERSION.tar.gz      host, agent and policies for a machine that has Node
//
// Beside both lies a bill of materials (sbom.ts). Prints what came out and how large it is.
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { HOST_COMMAND, VOLUME_PATH } from "../ecs/layout.js";
import { whileShowing } from "../output/progress.js";
import { builtFile, METERS, PACK, ROOT } from "../paths.js";
import { openBundle } from "../policy/bundle.js";
import { PolicyCompiler, PREPARED } from "../policy/compile.js";
import { findPolicies } from "../policy/discover.js";
import { loadPolicy, MODULE_FILE } from "../policy/load.js";
import { headOf, POLICY_FILE, readPolicyFile } from "../policy/policy-file.js";
import { plainJson } from "../policy/yaml.js";
import { commit } from "../version.js";
import { withoutHead } from "../wasm/head.js";
import { bundleHost, keepCompiled } from "./bundle.js";
import { writeImage } from "./layers.js";
import { BillOfMaterials } from "./sbom.js";
import { ARCHITECTURE, manifest, stageManifest } from "./staged.js";

const OUT = builtFile("package");
/** Needed to compile policies from source alone; in the image they are compiled. */
const COMPILER = ["assemblyscript", "binaryen", "long"];
const MIB = 1 << 20;

async function main(): Promise<void> {
  const rootfs = join(OUT, "rootfs");
  rmSync(OUT, { recursive: true, force: true });
  mkdirSync(join(rootfs, "bin"), { recursive: true });
  copyNode(rootfs);
  await copyApp(join(rootfs, "app"));
  copyAgent(rootfs);
  writeCommand(rootfs);
  for (const folder of ["etc", "tmp", "proc", "sys", "dev"]) mkdirSync(join(rootfs, folder), { recursive: true });
  writeFileSync(join(rootfs, "etc/passwd"), "root:x:0:0:root:/:/bin/vedette\n");
  const archive = join(OUT, `vedette-${manifest.version}-image.tar`);
  const layer = writeImage(rootfs, join(OUT, "image"), archive, {
    name: `vedette:${manifest.version}`,
    architecture: ARCHITECTURE,
    entryPoint: [HOST_COMMAND],
    command: ["serve"],
    volumes: [VOLUME_PATH],
    labels: {
      "org.opencontainers.image.title": "vedette",
      "org.opencontainers.image.version": manifest.version,
      "org.opencontainers.image.revision": commit() ?? "",
    },
  });
  const tarball = join(OUT, `vedette-${manifest.version}.tar.gz`);
  execFileSync("tar", ["--sort=name", "--owner=0", "--group=0", "-czf", tarball, "-C", rootfs, "app", "vedette"]);
  await writeBills(archive, tarball);
  for (const [what, bytes] of sizes(rootfs, archive, tarball, layer))
    console.log(`${(bytes / MIB).toFixed(1).padStart(7)} MiB  ${what}`);
}

async function writeBills(archive: string, tarball: string): Promise<void> {
  const bill = (await new BillOfMaterials().withModules(COMPILER)).withLinked();
  bill.write(`${tarball}.spdx.json`);
  bill.withNode().write(`${archive}.spdx.json`);
}

function sizes(rootfs: string, archive: string, tarball: string, layer: number): [string, number][] {
  return [
    ["agent", statSync(join(rootfs, "vedette/vedette-capture")).size],
    ["node", statSync(join(rootfs, "bin/node")).size],
    ["host, addon and policies", bytesIn(join(rootfs, "app"))],
    ["the sidecar's root", bytesIn(rootfs)],
    ["the image's layer, compressed", layer],
    [archive.slice(ROOT.length + 1), statSync(archive).size],
    [tarball.slice(ROOT.length + 1), statSync(tarball).size],
  ];
}

/** The node that runs this, and the libraries that its loader names. */
function copyNode(rootfs: string): void {
  cpSync(realpathSync(process.execPath), join(rootfs, "bin/node"));
  const listed = [process.execPath, builtFile("capture.node")].map((file) =>
    execFileSync("ldd", [file], { encoding: "utf8" }),
  );
  for (const path of new Set(listed.join("").match(/\/\S+(?= \(0x)/g))) {
    mkdirSync(join(rootfs, dirname(path)), { recursive: true });
    cpSync(realpathSync(path), join(rootfs, path));
  }
}

async function copyApp(app: string): Promise<void> {
  stageManifest(app);
  for (const path of ["LICENSE", "build/capture.node", "build/vedette-jail"]) cpSync(join(ROOT, path), join(app, path));
  cpSync(builtFile("web"), join(app, "build/web"), { recursive: true });
  await bundleHost(join(app, "build/js/host"), COMPILER);
  await copyPolicies(app);
  keepCompiled(join(app, "build/js/host"), "serve");
}

/**
 * policy.yaml, as JSON, which is read sooner, and the compiled module; sources and tests stay here. And the
 * module of those without code.
 */
async function copyPolicies(app: string): Promise<void> {
  const compiler = new PolicyCompiler();
  try {
    const prepared = join(app, PREPARED.slice(ROOT.length + 1));
    mkdirSync(dirname(prepared), { recursive: true });
    writeFileSync(
      prepared,
      withoutHead(await compiler.compileNone({ name: "none", version: "", parameters: [] }), prepared),
    );
    for (const folder of [...findPolicies(PACK), ...findPolicies(METERS)]) {
      const bundle = openBundle(folder);
      await loadPolicy(bundle, { compiler }); // judges it as `serve` will
      const file = readPolicyFile(bundle).value;
      const target = join(app, folder.slice(ROOT.length + 1));
      mkdirSync(target, { recursive: true });
      const text = readFileSync(join(folder, POLICY_FILE), "utf8");
      writeFileSync(join(target, POLICY_FILE), plainJson(parse(text)));
      writeFileSync(join(target, MODULE_FILE), await compiler.compile(bundle, headOf(file)));
    }
  } finally {
    compiler.close();
  }
}

function copyAgent(rootfs: string): void {
  mkdirSync(join(rootfs, VOLUME_PATH), { recursive: true });
  cpSync(builtFile("vedette-capture"), join(rootfs, VOLUME_PATH, "vedette-capture"));
}

/**
 * There is no shell and no env(1) in the image: the kernel itself reads the first line. Flags of V8's are
 * none (start.ts says why). Node starts four threads for what V8 does beside ours, compiling mostly, and each
 * keeps 2 MiB; one is enough for a sidecar.
 */
function writeCommand(rootfs: string): void {
  const path = join(rootfs, HOST_COMMAND);
  writeFileSync(path, '#!/bin/node --v8-pool-size=1\nrequire("/app/build/js/host/start.cjs");\n');
  chmodSync(path, 0o755);
}

function bytesIn(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

await whileShowing("packaging", main);
