// SPDX-License-Identifier: Apache-2.0
//
// The packages for npm: what is in them, that a machine without a compiler can run what npm installs of them,
// and that an author's editor can read the SDK's. Nothing is fetched: the modules that the packages depend on
// are copied from node_modules.
// Time limit: 600 s.
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { builtFile } from "../../host/paths.js";
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
const ALL = ["", `-${platform}`, "-sdk"].map((name) => join(packed, `vedette${name}-${version}.tgz`));
const [HOST, NATIVE, SDK] = ALL as [string, string, string];

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

test("the packages hold what is needed, and nothing else", () => {
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
  assert.equal(listed(NATIVE).sort(), ["LICENSE", "capture.node", "package.json", "vedette-capture", "vedette-jail"]);
  for (const path of listed(SDK))
    assert.match(path, /^(package\.json|tsconfig\.json|LICENSE|(?!transform|no-rules|runtime)[\w/-]+\.ts)$/);
  assert.ok(statSync(HOST).size + statSync(NATIVE).size < PACKED_BYTES_MAX);
});

test("installing them runs no script, and the host asks for the processor's package", () => {
  const [host, ...others] = ["host", platform, "sdk"].map((name) => manifestOf(join(packed, name))) as [
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
  assert.equal(host.optionalDependencies, { [`@vedette/${platform}`]: version });
});

test("the same files are packed to the same bytes", () => {
  const again = scratch();
  makePackages(again);
  for (const path of ALL.flatMap((one) => [one, one.replace(/tgz$/, "spdx.json")]))
    assert.ok(readFileSync(path).equals(readFileSync(path.replace(packed, again))), path);
});

/** What AssemblyScript takes and TypeScript does not, as docs/write-a-policy.md says. */
const ASSEMBLYSCRIPTS = /error TS(1206|2367|2739):/;

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

test("installed where there is no compiler, vedette runs a program and raises an alert", () => {
  const folder = scratch();
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
  const installed = spawnSync("npm", [...npm, HOST, NATIVE], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder }, // nobody's settings, nor those of `npm test`
    encoding: "utf8",
    timeout: LIMIT_MS,
  });
  assert.is(installed.status, 0, installed.stderr);
  const bin = join(folder, "bin");
  mkdirSync(bin);
  symlinkSync(process.execPath, join(bin, "node"));
  for (const name of ["cat", "sh"]) symlinkSync(whereIs(name), join(bin, name));
  const command = "cat /etc/hostname; cat /etc/shadow > /dev/null";
  const { status, stdout, stderr } = spawnSync(
    join(folder, "node_modules/.bin/vedette"),
    ["run", "--alerts", "stdout", "--", "sh", "-c", command],
    { cwd: folder, env: { PATH: bin, HOME: folder }, encoding: "utf8", timeout: LIMIT_MS },
  );
  assert.is(status, 0, stderr);
  assert.ok(stdout.includes(readFileSync("/etc/hostname", "utf8")), stdout);
  assert.match(stdout, /Sensitive file read/, stdout);
  assert.not.ok(existsSync(join(folder, "node_modules/vedette/build/vedette-capture")));
});

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

function whereIs(name: string): string {
  const folder = (process.env.PATH ?? "").split(":").find((one) => existsSync(join(one, name)));
  assert.ok(folder !== undefined, name);
  return join(folder, name);
}

test.run();
