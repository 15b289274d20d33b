// SPDX-License-Identifier: Apache-2.0
//
// The packages for machines without Node: that Debian's package installs and leaves nothing behind, that both
// run where there is neither Node nor a compiler, and that the bill of materials names what is in them.
// Time limit: 900 s.
import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { builtFile } from "../../host/paths.js";
import { ROOT, scratch } from "./programs.js";

const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
const PLATFORM = `linux-${process.arch}`;
const PACKAGES = [`vedette_${version}_amd64.deb`, `vedette-${version}-${PLATFORM}.tar.gz`] as const;
const LIMIT_MS = 120_000;
const KINDS = 3; // of relationships that a bill of materials may have besides DESCRIBES

const make = (folder: string): void =>
  void execFileSync(process.execPath, [builtFile("js/host/image/system.js"), folder], { stdio: "pipe" });
const packed = scratch();
const [DEB, TARBALL] = PACKAGES.map((name) => join(packed, name)) as [string, string];
test.before(() => make(packed));

const needs = (...commands: string[]): boolean =>
  commands.every((name) => {
    const isThere = spawnSync("sh", ["-c", `command -v ${name}`]).status === 0;
    if (!isThere) console.log(`skip: the packages on a bare machine: ${name} is missing`);
    return isThere;
  });

/** All that lies in a folder, but folders; links too. */
const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();

test("Debian's package installs, and is removed without a trace", () => {
  const root = scratch();
  for (const folder of ["info", "updates", "triggers"])
    mkdirSync(join(root, "var/lib/dpkg", folder), { recursive: true });
  for (const file of ["status", "available"]) writeFileSync(join(root, "var/lib/dpkg", file), "");
  const dpkg = (...words: string[]) =>
    spawnSync("dpkg", ["--root", root, "--force-depends", ...words], { encoding: "utf8", timeout: LIMIT_MS });
  const before = filesIn(root).filter((path) => !path.startsWith("var/"));
  const installed = dpkg("--install", DEB);
  assert.is(installed.status, 0, installed.stderr);
  const files = filesIn(root).filter((path) => !path.startsWith("var/"));
  const outside = files.filter((path) => !path.startsWith("usr/lib/vedette/"));
  assert.equal(outside, [
    "usr/bin/vedette",
    "usr/share/bash-completion/completions/vedette",
    "usr/share/doc/vedette/changelog.gz",
    "usr/share/doc/vedette/copyright",
    "usr/share/fish/vendor_completions.d/vedette.fish",
    "usr/share/man/man1/vedette.1.gz",
    "usr/share/zsh/vendor-completions/_vedette",
  ]);
  assert.equal(
    files.filter((path) => statSync(join(root, path)).mode & 0o022),
    [],
    "nobody but root may write",
  );
  const scripts = readdirSync(join(root, "var/lib/dpkg/info")).filter((name) =>
    /(inst|rm|config|triggers)$/.test(name),
  );
  assert.equal(scripts, [], "no script runs");
  assert.is(dpkg("--purge", "vedette").status, 0);
  assert.equal(
    filesIn(root).filter((path) => !path.startsWith("var/")),
    before,
  );
});

/**
 * Runs a command where only this is: the libraries of the C and C++ compilers, a shell, three commands, and
 * what is given.
 */
function onBareMachine(home: string, command: readonly string[]) {
  const etc = scratch();
  writeFileSync(join(etc, "shadow"), "root:*:1::::::\n");
  writeFileSync(join(etc, "passwd"), "root:x:0:0::/root:/bin/sh\n");
  const libraries = "/usr/lib/x86_64-linux-gnu";
  const commands = ["sh", "cat", "dirname", "readlink"].flatMap((name) => [
    "--ro-bind",
    realpathSync(`/usr/bin/${name}`),
    `/usr/bin/${name}`,
  ]);
  const place = [
    ...["--unshare-pid", "--die-with-parent", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--dir", "/root"],
    ...["--ro-bind", etc, "/etc", "--ro-bind", libraries, libraries, "--symlink", "usr/lib", "/lib"],
    ...["--ro-bind", "/usr/lib64", "/lib64", "--ro-bind", home, "/usr/lib/vedette", ...commands],
    ...["--symlink", "../lib/vedette/bin/vedette", "/usr/bin/vedette", "--symlink", "usr/bin", "/bin"],
    ...["--clearenv", "--setenv", "PATH", "/usr/bin", "--setenv", "HOME", "/root"],
  ];
  return spawnSync("bwrap", [...place, ...command], { encoding: "utf8", timeout: LIMIT_MS });
}

for (const [name, unpack] of [
  ["Debian's package", (to: string) => execFileSync("dpkg-deb", ["-x", DEB, to])],
  [
    "the tarball",
    (to: string) => {
      mkdirSync(join(to, "usr/lib"), { recursive: true });
      execFileSync("tar", ["-xzf", TARBALL, "-C", join(to, "usr/lib")]);
    },
  ],
] as const)
  test(`${name} runs a program and raises an alert where there is neither Node nor a compiler`, () => {
    if (!needs("bwrap", "dpkg-deb")) return;
    const to = scratch();
    unpack(to);
    const home = join(to, "usr/lib/vedette");
    assert.match(onBareMachine(home, ["/bin/sh", "-c", "node --version"]).stderr, "not found", "the control");
    const { status, stdout, stderr } = onBareMachine(home, [
      ...["/usr/bin/vedette", "run", "--alerts", "stdout", "--", "cat", "/etc/shadow"],
    ]);
    assert.is(status, 0, stderr);
    assert.match(stdout, "root:*:1::::::\n");
    assert.match(stdout, /"rule":"Sensitive file read"/, stderr);
  });

test("the tarball's command runs by a link from anywhere", () => {
  const to = scratch();
  execFileSync("tar", ["-xzf", TARBALL, "-C", to]);
  symlinkSync(join(to, "vedette/bin/vedette"), join(to, "link"));
  assert.match(execFileSync(join(to, "link"), ["--version"], { encoding: "utf8", cwd: "/" }), version);
});

interface Bill {
  readonly packages: readonly { readonly SPDXID: string; readonly name: string; readonly versionInfo: string }[];
  readonly relationships: readonly {
    readonly spdxElementId: string;
    readonly relatedSpdxElement: string;
    readonly relationshipType: string;
  }[];
}

/** What the sources of the console import, and what that imports: all of it is in one script. */
function bundledInConsole(): string[] {
  const sources = readdirSync(join(ROOT, "web"), { recursive: true })
    .map(String)
    .filter((path) => /\.tsx?$/.test(path) && !path.startsWith("site/"));
  const text = sources.map((path) => readFileSync(join(ROOT, "web", path), "utf8")).join("\n");
  const names = new Set([...text.matchAll(/from "(@[^/"]+\/[^/"]+|[^."@/][^/"]*)/g)].map(([, name = ""]) => name));
  const manifestOf = (name: string) =>
    JSON.parse(readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8")) as {
      version: string;
      dependencies?: Readonly<Record<string, string>>;
    };
  for (const name of names) for (const more of Object.keys(manifestOf(name).dependencies ?? {})) names.add(more);
  return [...names].map((name) => `${name} ${manifestOf(name).version}`);
}

test("the bill of materials names each module, library and Node, once, and nothing else", () => {
  const bill = JSON.parse(readFileSync(`${DEB}.spdx.json`, "utf8")) as Bill;
  const modules = join(packed, "root/usr/lib/vedette/app/node_modules");
  const installed = readdirSync(modules, { recursive: true })
    .map(String)
    .filter((path) => /^(@[^/]+\/)?[^/]+(\/node_modules\/(@[^/]+\/)?[^/]+)*\/package\.json$/.test(path))
    .map((path) => JSON.parse(readFileSync(join(modules, path), "utf8")) as { name: string; version: string })
    .map(({ name, version: of }) => `${name} ${of}`);
  const shown = bundledInConsole();
  assert.ok(shown.length > 1, shown.join());
  const linked = ["capstone", "glibc", "gcc-14", "node-addon-api", "node"];
  const named = bill.packages.map(({ name, versionInfo }) => `${name} ${versionInfo}`);
  assert.equal(
    named.filter((one) => !linked.includes(one.split(" ")[0]!)).sort(),
    [...new Set([...installed, ...shown, `vedette ${version}`])].sort(),
  );
  for (const name of linked) {
    const [one, ...more] = bill.packages.filter((each) => each.name === name);
    assert.equal(more, []);
    assert.match(one?.versionInfo ?? "", /^\d/, name);
  }
  const ids = new Set(["SPDXRef-DOCUMENT", ...bill.packages.map(({ SPDXID }) => SPDXID)]);
  assert.is(ids.size, bill.packages.length + 1, "no id is there twice");
  for (const { spdxElementId, relatedSpdxElement } of bill.relationships)
    assert.ok(ids.has(spdxElementId) && ids.has(relatedSpdxElement), `${spdxElementId} ${relatedSpdxElement}`);
  const kinds = new Set(bill.relationships.map(({ relationshipType }) => relationshipType));
  assert.is(kinds.size, KINDS + 1, [...kinds].join());
});

test("the same files are packed to the same bytes", () => {
  const again = scratch();
  make(again);
  for (const name of PACKAGES.flatMap((one) => [one, `${one}.spdx.json`]))
    assert.ok(readFileSync(join(packed, name)).equals(readFileSync(join(again, name))), name);
});

test("what is in the package is what is needed", () => {
  const home = join(packed, "root/usr/lib/vedette");
  assert.equal(readdirSync(home).sort(), ["app", "bin", "vedette.spdx.json"]);
  assert.ok(!existsSync(join(home, "app/node_modules/typescript")), "nothing of development");
  assert.ok(statSync(DEB).size < 60 << 20, `${statSync(DEB).size} bytes`);
});

test.run();
