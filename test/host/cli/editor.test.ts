// SPDX-License-Identifier: Apache-2.0
// What an author's editor shows in a new policy's folder, asked of TypeScript's own language server.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run, scratch, VEDETTE } from "../../e2e/programs.js";
import { LanguageServer } from "./language-server.js";

const folder = join(scratch(), "my-policy");
const file = join(folder, "index.ts");
const server = new LanguageServer();
let version = 1;
let text = "";

/**
 * What is offered after `typed` on a line of its own, at the top of a rule whose parameter is of type
 * `event`.
 */
async function offered(typed: string, event = "AnyExec"): Promise<string[]> {
  const given = text.replaceAll("AnyExec", event).replace(/bool \{\n/, `bool {\n  ${typed}\n`);
  server.change(file, ++version, given);
  return server.completions(file, given.split("\n").indexOf(`  ${typed}`), typed.length + 2);
}

const errors = async () => (await server.diagnostics(file)).filter(({ severity }) => severity < 4);

test.before(async () => {
  const { status, stderr } = await run([...VEDETTE, "policy", "new", folder]);
  assert.is(status, 0, stderr);
  text = readFileSync(file, "utf8");
  await server.open(folder, file, text);
});
test.after(() => server.close());

test("nothing is wrong with a new folder; what only the decorator uses is grey, as docs/write-a-policy.md says", async () => {
  assert.equal(await errors(), []);
  const hints = (await server.diagnostics(file)).map(({ message }) => /^'(\w+)'/.exec(message)?.[1]);
  assert.equal(hints.sort(), ["Priority", "rule"]);
});

test("after `e.` all of an event is offered, and nothing else", async () => {
  const names = await offered("e.");
  for (const name of ["evt_type", "time", "res", "failed", "proc", "fd", "argv"]) assert.ok(names.includes(name), name);
  assert.not.ok(names.includes("constructor"), names.join(" "));
});

test("what is offered is the type's own: an event's parameters, a process's and a descriptor's fields", async () => {
  const openat = await offered("e.", "Openat");
  for (const name of ["name", "flags", "mode", "dirfd"])
    assert.ok(openat.includes(name), `${name}: ${openat.join(" ")}`);
  const proc = await offered("e.proc.");
  for (const name of ["name", "pname", "exepath", "cmdline", "ancestor", "user"]) assert.ok(proc.includes(name), name);
  const descriptor = await offered("e.fd.");
  for (const name of ["name", "realpath", "sip", "sport"]) assert.ok(descriptor.includes(name), name);
  const name = await offered("e.proc.name.");
  for (const method of ["startsWith", "endsWith", "contains", "glob", "basename"])
    assert.ok(name.includes(method), method);
});

test("the SDK's names and AssemblyScript's are offered, and no browser's", async () => {
  assert.ok((await offered("Priority.")).includes("Notice"));
  const globals = await offered("x");
  for (const name of ["TOOLS", "StringSet", "u64"]) assert.ok(globals.includes(name), name);
  for (const name of ["document", "Promise"]) assert.not.ok(globals.includes(name), name);
});

test("a mistake is marked, and the right name told", async () => {
  server.change(file, ++version, text.replace("e.proc.pname)", "e.proc.pnam)"));
  const [only, ...more] = await errors();
  assert.match(only?.message ?? "", /Did you mean 'pname'\?/);
  assert.equal(more, []);
});

test("the compiler's own program finds the same", async () => {
  const tsc = [process.execPath, "node_modules/typescript/bin/tsc", "-p", folder];
  const own = async () => (await run(tsc)).stdout.split("\n").filter((line) => /my-policy\/index\.ts\(/.test(line));
  assert.equal(await own(), []);
  writeFileSync(file, text.replace("e.proc.pname)", "e.proc.pnam)"));
  assert.match((await own()).join("\n"), /Did you mean 'pname'\?/);
});

test.run();
