// SPDX-License-Identifier: Apache-2.0
// `npm run package`: makes build/package, or the folder that is given, out of what `npm run build` made.
//
//   rootfs/                     the sidecar's root, from nothing: node and its libraries, the host, policies compiled
//     bin/vedette  bin/node     the command, and what it runs on
//     app/                      host (its modules in it), addon, policies
//     vedette/vedette-capture   the agent; the image declares /vedette a volume, so ECS copies it there
//   rootfs-arm64/               the same for arm64, where its compiler and its Node can be had; `--arch` names which are made
//   vedette-VERSION-image.tar   both as one OCI image
//   vedette-VERSION.tar.gz      host, agent and policies for a machine of this processor that has Node
//
// Beside both lie bills of materials (sbom.ts). Prints what came out and how large it is. Another processor's
// host comes without its code compiled (code-cache.ts): that takes a Node that runs there.
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
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
import { type Platform, writeImage } from "./layers.js";
import { librariesOf, nodeFor, type PackagedNode } from "./node.js";
import { BillOfMaterials } from "./sbom.js";
import {
  architectureOf,
  asked,
  compiledFor,
  leaveOut,
  manifest,
  OWN,
  type Processor,
  stageManifest,
} from "./staged.js";

const OUT = resolve(asked.to ?? builtFile("package"));
/** Needed to compile policies from source alone; in the image they are compiled. */
const COMPILER = ["assemblyscript", "binaryen", "long"];
const MIB = 1 << 20;

interface Made extends Platform {
  readonly processor: Processor;
  readonly node: PackagedNode;
}

async function main(): Promise<void> {
  rmSync(OUT, { recursive: true, force: true });
  const app = join(OUT, "app");
  await copyApp(app);
  const made = asked.processors.flatMap((processor) => makeRoot(processor, app) ?? []);
  rmSync(app, { recursive: true });
  const archive = join(OUT, `vedette-${manifest.version}-image.tar`);
  const layers = writeImage(made, join(OUT, "image"), archive, {
    name: `vedette:${manifest.version}`,
    entryPoint: [HOST_COMMAND],
    command: ["serve"],
    volumes: [VOLUME_PATH],
    labels: {
      "org.opencontainers.image.title": "vedette",
      "org.opencontainers.image.version": manifest.version,
      "org.opencontainers.image.revision": commit() ?? "",
    },
  });
  for (const { processor, architecture, node } of made)
    (await billFor(processor)).withNode(node.version).write(`${archive}.${architecture}.spdx.json`);
  const own = made.find(({ processor }) => processor === OWN);
  const files = [archive, ...(own === undefined ? [] : [await packTarball(own.rootfs)])];
  for (const [what, bytes] of [...made.flatMap((one, i) => sizes(one, layers[i]!)), ...files.map(sizeOf)])
    console.log(`${(bytes / MIB).toFixed(1).padStart(7)} MiB  ${what}`);
}

/** The sidecar's root for a processor; null: something that it takes is not here, which was said. */
function makeRoot(processor: Processor, app: string): Made | null {
  const architecture = architectureOf(processor);
  const compiled = compiledFor(processor);
  if (compiled === null) return leaveOut(`the image for ${architecture}`, "the compiler for it");
  const node = nodeFor(processor);
  if (node === null) return leaveOut(`the image for ${architecture}`, "its Node, which npm brings,");
  const rootfs = join(OUT, processor === OWN ? "rootfs" : `rootfs-${processor}`);
  const native = (name: string): string => join(ROOT, compiled, name);
  mkdirSync(join(rootfs, "bin"), { recursive: true });
  cpSync(node.path, join(rootfs, "bin/node"));
  for (const [inside, outside] of librariesOf(processor, [node.path, native("capture.node")]))
    cpSync(outside, join(rootfs, inside));
  cpSync(app, join(rootfs, "app"), { recursive: true });
  for (const name of ["capture.node", "vedette-jail"]) cpSync(native(name), join(rootfs, "app/build", name));
  if (processor === OWN) keepCompiled(join(rootfs, "app/build/js/host"), "serve");
  cpSync(native("vedette-capture"), join(rootfs, VOLUME_PATH, "vedette-capture"));
  writeCommand(rootfs);
  for (const folder of ["etc", "tmp", "proc", "sys", "dev"]) mkdirSync(join(rootfs, folder), { recursive: true });
  writeFileSync(join(rootfs, "etc/passwd"), "root:x:0:0:root:/:/bin/vedette\n");
  return { processor, architecture, rootfs, node };
}

async function packTarball(rootfs: string): Promise<string> {
  const tarball = join(OUT, `vedette-${manifest.version}.tar.gz`);
  execFileSync("tar", ["--sort=name", "--owner=0", "--group=0", "-czf", tarball, "-C", rootfs, "app", "vedette"]);
  (await billFor(OWN)).write(`${tarball}.spdx.json`);
  return tarball;
}

async function billFor(processor: Processor): Promise<BillOfMaterials> {
  return (await new BillOfMaterials().withModules(COMPILER)).withLinked(processor);
}

function sizes({ architecture, rootfs }: Made, layer: number): [string, number][] {
  return [
    [`${architecture}: agent`, statSync(join(rootfs, "vedette/vedette-capture")).size],
    [`${architecture}: node`, statSync(join(rootfs, "bin/node")).size],
    [`${architecture}: host, addon and policies`, bytesIn(join(rootfs, "app"))],
    [`${architecture}: the sidecar's root`, bytesIn(rootfs)],
    [`${architecture}: the image's layer, compressed`, layer],
  ];
}

function sizeOf(path: string): [string, number] {
  return [relative(ROOT, path), statSync(path).size];
}

/** What is the same for every processor. */
async function copyApp(app: string): Promise<void> {
  stageManifest(app);
  cpSync(join(ROOT, "LICENSE"), join(app, "LICENSE"));
  cpSync(builtFile("web"), join(app, "build/web"), { recursive: true });
  await bundleHost(join(app, "build/js/host"), COMPILER);
  await copyPolicies(app);
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
