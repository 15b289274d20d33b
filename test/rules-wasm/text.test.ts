// SPDX-License-Identifier: Apache-2.0
// Text, sets, globs and addresses of the SDK, against answers worked out by hand. The policy notes one letter
// a check: what is true. The expectations stand beside the checks, so that a wrong one names itself.
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { cleanUp, loadSource, Running, type ShortEvent } from "./shared.js";

type Check = readonly [expression: string, event: ShortEvent, expected: boolean];
const named = (name: string): ShortEvent => ["openat", { proc: { name }, name: "/x", flags: 0 }];
const opened = (path: string): ShortEvent => ["openat", { name: path, flags: 0 }];
const toAddress = (addr: string): ShortEvent => ["connect", { addr }];

const NAME: readonly (readonly [expression: string, name: string, expected: boolean])[] = [
  ['e.proc.name == "bash"', "bash", true],
  ['e.proc.name == "bash"', "bas", false],
  ['e.proc.name == "bash"', "bashh", false],
  ['"bash" == e.proc.name', "bash", true],
  ['e.proc.name != "bash"', "bash", false],
  ['e.proc.name === "Bash"', "bash", false],
  ['e.proc.name == ""', "", true],
  ['e.proc.name == "größe"', "größe", true],
  ['e.proc.name == "größe"', "grösse", false],
  ['e.proc.name == "größe"', "grxxxxe", false],
  ["e.proc.name == e.proc.exe", "same", true],
  ["e.proc.name == e.proc.parent.name", "init", true],
  ["e.proc.name != e.proc.parent.name", "other", true],
  ['e.proc.name.startsWith("py")', "python3", true],
  ['e.proc.name.startsWith("py")', "p", false],
  ['e.proc.name.startsWith("gr\u00f6")', "größe", true],
  ['e.proc.name.endsWith("3")', "python3", true],
  ['e.proc.name.endsWith("python3")', "ython3", false],
  ['e.proc.name.contains("tho")', "python3", true],
  ['e.proc.name.contains("thx")', "python3", false],
  ['e.proc.name.contains("")', "", true],
  ['e.proc.name.slice(2, 4) == "th"', "python3", true],
  ['e.proc.name.slice(5, 4) == ""', "python3", true],
  ["e.proc.name.at(0) == 0x70", "python3", true],
  ["e.proc.name.at(7) == -1", "python3", true],
  ["e.proc.name.exists", "", true],
  ["e.proc.root.exists", "x", false],
  ['e.proc.root == ""', "x", true],
  ["SHORT.has(e.proc.name)", "b", true],
  ["SHORT.has(e.proc.name)", "x", false],
  ["SHORT.has(e.proc.name)", "abcdefgh", true],
  ["SHORT.has(e.proc.name)", "abcdefghi", false],
  ["SHORT.has(e.proc.name)", "größe", true],
  ["MANY.has(e.proc.name)", "item-7-of-many", true],
  ["MANY.has(e.proc.name)", "item-7-of-meny", false],
  ["MANY.has(e.proc.name)", "item-999-of-many", true],
  ["EMPTY.has(e.proc.name)", "", false],
  ['e.proc.cmdline == "bash"', "bash", true],
  ['e.proc.ancestor(1).name == "init"', "x", true],
  ["e.proc.ancestor(2).exists", "x", false],
  ['e.proc.parent.parent.parent.name == ""', "x", true],
  ["e.proc.hasAncestorNamed(INIT)", "x", true],
  ["e.proc.hasAncestorNamed(SHORT)", "x", false],
  ["e.proc.uid == 0", "x", true],
  ["e.proc.is_exe_upper_layer", "x", false],
];

const PATH: readonly (readonly [expression: string, path: string, expected: boolean])[] = [
  ['e.fd.name.basename == "shadow"', "/etc/shadow", true],
  ['e.fd.name.dirname == "/etc"', "/etc/shadow", true],
  ['e.fd.name.dirname == "/"', "/shadow", true],
  ['e.fd.name.glob("/etc/*")', "/etc/ssl/x", true],
  ['e.fd.name.glob("/etc/*")', "/etc", false],
  ['e.fd.name.glob("/home/*/.ssh/id_*")', "/home/a/.ssh/id_rsa", true],
  ['e.fd.name.glob("/home/*/.ssh/id_*")', "/home/a/.ssh/known", false],
  ['e.fd.name.glob("*.p?m")', "/a/b.pem", true],
  ['e.fd.name.glob("*.p?m")', "/a/b.pm", false],
  ['e.fd.name.glob("/[a-c]/[!x]")', "/b/y", true],
  ['e.fd.name.glob("/[a-c]/[!x]")', "/b/x", false],
  ['e.fd.name.glob("/[a-c]/[!x]")', "/d/y", false],
  ['e.fd.name.glob("/[]]")', "/]", true],
  ['e.fd.name.glob("/[a")', "/[a", true],
  ['e.fd.name.glob("/\\\\*")', "/*", true],
  ['e.fd.name.glob("/\\\\*")', "/x", false],
  ['e.fd.name.glob("/gr?\u00dfe")', "/größe", true],
  ['e.fd.name.glob("*a*a*a*a*a*a*b")', `/${"a".repeat(300)}`, false],
  ['e.fd.name.glob("")', "/x", false],
  ["KEYS.has(e.fd.name)", "/etc/ssl", true],
  ["KEYS.has(e.fd.name)", "/etc/ssl/private/x", true],
  ["KEYS.has(e.fd.name)", "/etc/ssl2", false],
  ["KEYS.has(e.fd.name)", "/etc", false],
  ["KEYS.has(e.fd.name)", "/srv/a/keys/b", true],
  ["KEYS.has(e.fd.name)", "/opt/slash", true],
  ["KEYS.has(e.fd.name)", "/opt/slash/below", true],
  ["ROOT.has(e.fd.name)", "/anything", true],
];

const ADDRESS: readonly (readonly [expression: string, address: string, expected: boolean])[] = [
  ["TEN.has(e.addr.ip)", "10.1.2.3:80", true],
  ["TEN.has(e.addr.ip)", "11.1.2.3:80", false],
  ["TEN.has(e.addr.ip)", "[::ffff:10.9.9.9]:80", true],
  ["TEN.has(e.addr.ip)", "[fd00::a]:80", false],
  ["TWELVE.has(e.addr.ip)", "172.31.0.1:80", true],
  ["TWELVE.has(e.addr.ip)", "172.32.0.1:80", false],
  ["ALL.has(e.addr.ip)", "255.1.2.3:80", true],
  ["SIX.has(e.addr.ip)", "[fd00:0:0:7::1]:80", true],
  ["SIX.has(e.addr.ip)", "[fd01::1]:80", false],
  ["SIX.has(e.addr.ip)", "10.0.0.1:80", false],
  ["ONE.has(e.addr.ip)", "[2001:db8::1]:80", true],
  ["ONE.has(e.addr.ip)", "[2001:db8::2]:80", false],
  ['e.addr.ip == "10.0.0.1"', "10.0.0.1:80", true],
  ['e.addr.ip != "10.0.0.1"', "10.0.0.2:80", true],
  ["e.addr.ip.isLoopback", "127.0.0.9:1", true],
  ["e.addr.ip.isLoopback", "[::1]:1", true],
  ["e.addr.ip.isLoopback", "[::2]:1", false],
  ["e.addr.ip.isIpv4", "[::ffff:1.2.3.4]:1", true],
  ["e.addr.ip.isIpv6", "[::1]:1", true],
  ["e.addr.port == 443", "10.0.0.1:443", true],
  ["e.addr.port == 0", "/run/app.sock", true],
  ["e.addr.ip.exists", "/run/app.sock", false],
  ['e.addr.path == "/run/app.sock"', "/run/app.sock", true],
  ["e.fd.sip == e.addr.ip", "10.0.0.1:443", true],
  ["e.fd.isInetSocket && e.fd.connected", "10.0.0.1:443", true],
];

const CHECKS: readonly Check[] = [
  ...NAME.map(([expression, name, expected]): Check => [expression, named(name), expected]),
  ...PATH.map(([expression, path, expected]): Check => [expression, opened(path), expected]),
  ...ADDRESS.map(([expression, address, expected]): Check => [expression, toAddress(address), expected]),
];

function rule(i: number, [expression, [type]]: Check): string {
  const className = type === "openat" ? "Openat" : "Connect";
  return `@rule({ name: "${i}", priority: Priority.Debug })\nexport function check${i}(e: ${className}): bool { return ${expression}; }\n`;
}

const SOURCE = `import { Cidr, Connect, Openat, PathSet, PrefixSet, Priority, rule, StringSet } from "vedette";
const SHORT = new StringSet(["a", "b", "abcdefgh", "größe"]);
const EMPTY = new StringSet([]);
const INIT = new StringSet(["init"]);
const many = new Array<string>();
for (let i = 0; i < 1000; i++) many.push("item-" + i.toString() + "-of-many");
const MANY = new StringSet(many);
const KEYS = new PathSet(["/etc/ssl", "/srv/*/keys/*", "/opt/slash/"]);
const ROOT = new PrefixSet(["/"]);
const TEN = new Cidr("10.0.0.0/8");
const TWELVE = new Cidr("172.16.0.0/12");
const ALL = new Cidr("0.0.0.0/0");
const SIX = new Cidr("fd00::/16");
const ONE = new Cidr("2001:db8::1");
${CHECKS.map((check, i) => rule(i, check)).join("\n")}`;

test("text, sets, globs and addresses answer as worked out by hand", async () => {
  const running = new Running(await loadSource(SOURCE));
  const wrong: string[] = [];
  CHECKS.forEach(([expression, event, expected], i) => {
    const outputs = running.judge(event);
    assert.equal(running.faults, [], expression);
    if (outputs.includes(String(i)) !== expected)
      wrong.push(`${expression} of ${JSON.stringify(event[1])} is not ${expected}`);
  });
  assert.equal(wrong, []);
});

test("lists and masks answer as worked out by hand", async () => {
  const running = new Running(
    await loadSource(`import { bit, Execve, has, hasAny, holds, isOpenRead, isOpenWrite, note, Openat, OpenFlag, Priority, rule, StringSet } from "vedette";
const WANTED = new StringSet(["-i", "--interactive"]);
@rule({ name: "list", priority: Priority.Debug })
export function list(e: Execve): bool {
  const args = e.proc.args;
  note(\`\${args.length} \${args.at(1).toString()} \${args.at(9).isEmpty} \${args.has("-i")} \${args.has("-")} \${args.hasAny(WANTED)} \${args.contains("-x -i")} \${args.joined.toString()} \${e.proc.cmdline.toString()}\`);
  return true;
}
@rule({ name: "mask", priority: Priority.Debug })
export function mask(e: Openat): bool {
  note(\`\${has(e.flags, OpenFlag.O_CREAT)} \${has(e.flags, OpenFlag.O_RDONLY)} \${holds(e.flags, OpenFlag.O_WRONLY, OpenFlag.O_WRONLY_MASK)} \${hasAny(e.flags, OpenFlag.O_TRUNC | OpenFlag.O_CREAT)} \${has(e.proc.cap_effective, bit(40))} \${has(e.proc.cap_effective, bit(39))} \${isOpenRead(e.flags)} \${isOpenWrite(e.flags)} \${has(e.proc.cap_permitted, bit(63))}\`);
  return true;
}`),
  );
  const listed = running.judge(["execve", { proc: { name: "sh", args: ["-x", "-i", ""] } }]);
  assert.equal(running.faults, []);
  assert.equal(listed, ["list 3 -i true true false true true -x -i  sh -x -i "]);
  assert.equal(running.judge(["execve", { proc: { name: "sh", args: [] } }]), [
    "list 0  true false false false false  sh",
  ]);
  assert.equal(running.judge(["openat", { proc: { cap_effective: 2 ** 40 }, name: "/x", flags: "O_WRONLY|O_CREAT" }]), [
    "mask true false true true true false false true false",
  ]);
});

test("sets of names and of paths hold what a plain list does, whatever stands in them", async () => {
  const policy = await loadSource(
    `import { note, Openat, param, PrefixSet, Priority, rule, StringSet } from "vedette";
const NAMES = new StringSet(param.strings("texts"));
const PATHS = new PrefixSet(param.strings("texts"));
@rule({ name: "sets", priority: Priority.Debug })
export function sets(e: Openat): bool {
  note(\`\${NAMES.has(e.fd.nameraw)} \${PATHS.has(e.fd.nameraw)}\`);
  return true;
}`,
    "parameters: {texts: {type: strings, default: []}}\n",
  );
  const text = fc.oneof(
    fc
      .array(fc.constantFrom("a", "b", "etc", "shadow", "ssl2", "größe"), { maxLength: 4 })
      .map((parts) => `/${parts.join("/")}`),
    fc.string({ maxLength: 12, unit: fc.constantFrom("a", "b", "/") }),
  );
  fc.assert(
    fc.property(fc.array(text, { maxLength: 12 }), fc.array(text, { minLength: 1, maxLength: 12 }), (texts, asked) => {
      const running = new Running({ ...policy, parameters: { texts } });
      const events = asked.map((name): ShortEvent => ["openat", { name, flags: 0 }]);
      assert.equal(
        running.judge(...events),
        asked.map((one) => `sets ${texts.includes(one)} ${texts.some((prefix) => isBelow(one, prefix))}`),
      );
    }),
    { numRuns: 200 },
  );
});

function isBelow(path: string, prefix: string): boolean {
  const bare = prefix.length > 1 ? prefix.replace(/(?!^)\/+$/, "") : prefix;
  if (bare === "") return false;
  return path === bare || path.startsWith(bare === "/" ? "/" : `${bare}/`);
}

test.after(cleanUp);
test.run();
