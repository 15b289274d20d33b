// SPDX-License-Identifier: Apache-2.0
// Outputs that are asked for anew while they run: what waits goes to the new place, what stays is not
// touched, and where one cannot be opened all is as it was.
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { VedetteError } from "../../../host/errors.js";
import type { Tried } from "../../../host/output/backlog.js";
import { Outputs } from "../../../host/output/outputs.js";
import { type NamedOutput, plannedOutputs } from "../../../host/output/registry.js";
import { tryOne } from "../../../host/output/try-one.js";
import { until } from "../../until.js";
import { makeCertificates } from "./certificates.js";
import { ALERT } from "./shared.js";

const root = mkdtempSync(join(tmpdir(), "vedette-outputs-"));
test.after(() => rmSync(root, { recursive: true }));
const path = (name: string): string => join(root, name);
const linesIn = (name: string): number => readFileSync(path(name), "utf8").split("\n").length - 1;
const MIB = 1 << 20;
const nothing = { targets: [], onFault: () => undefined };
const file = (name: string, to: string, more: object = {}): NamedOutput =>
  ({ name, kind: "file", settings: path(to), ...more }) as NamedOutput;

async function receiver() {
  const got: string[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    got.push(body);
    response.end();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { got, port, close };
}

for (const where of ["memory", "disk"] as const)
  test(`what waits for a receiver that is away, in ${where}, goes to the one that is named now`, async () => {
    const disk = where === "disk" ? { disk: { folder: path("queue"), bytes: 1 << 20 } } : {};
    const siem = (port: number): NamedOutput => ({
      ...{ name: "siem", kind: "http", ...disk },
      settings: { url: `http://127.0.0.1:${port}/`, userAgent: "v", capacity: 100 },
    });
    const gone = await receiver();
    gone.close();
    const outputs = await Outputs.open({ ...nothing, named: [siem(gone.port)] });
    for (let i = 0; i < 20; i++) outputs.write({ ...ALERT, output: `nth ${i}` });
    await until("it is told", () => outputs.stats()[0]?.state === "retrying");
    const there = await receiver();
    await (await outputs.prepare({ ...nothing, named: [siem(there.port)] })).commit();
    outputs.write({ ...ALERT, output: "nth 20" });
    await until("all are there", () => there.got.length === 21);
    assert.equal(
      there.got.map((body) => (JSON.parse(body) as { output: string }).output.split(" ").at(-1)),
      Array.from({ length: 21 }, (_, i) => String(i)),
    );
    await until("and counted", () => outputs.stats()[0]?.sent === 21);
    assert.is(await outputs.close(), 0);
    there.close();
  });

test("a test goes to the output that is meant, and to none where a name is that of several", async () => {
  const there = await receiver();
  const settings = { url: `http://127.0.0.1:${there.port}/`, userAgent: "v", capacity: 100 };
  const http = { name: "same", kind: "http", settings } as NamedOutput;
  const outputs = await Outputs.open({ ...nothing, named: [file("same", "same"), http, file("lone", "lone")] });
  const tried = (name: string, kind?: string) => tryOne(outputs.queues(), { name, kind }, 60_000);
  assert.is(tried("same"), "several");
  assert.is(tried("no-such"), "none");
  assert.is(tried("lone", "http"), "none");
  assert.equal([there.got.length, linesIn("same")], [0, 0]);
  assert.is(((await tried("same", "http")) as Tried).end, "taken");
  assert.equal([there.got.length, linesIn("same")], [1, 0]);
  assert.is(((await tried("lone")) as Tried).end, "taken");
  assert.is(linesIn("lone"), 1);
  const twice = [...outputs.queues(), ...outputs.queues()];
  assert.is(tryOne(twice, { name: "same", kind: "http" }, 1), "several", "the kind does not tell them apart");
  await outputs.close();
  there.close();
});

/** What waits in `queue_mib` of a receiver that is away; and what it gets when it is there. */
async function waiting(folder: string) {
  const there = await receiver();
  there.close();
  const siem = (port: number, mib: number): NamedOutput => ({
    ...{ name: "siem", kind: "http", disk: { folder: path(folder), bytes: mib * MIB } },
    settings: { url: `http://127.0.0.1:${port}/`, userAgent: "v", capacity: 10 },
  });
  const outputs = await Outputs.open({ ...nothing, named: [siem(there.port, 1)] });
  for (let i = 0; i < 50; i++) outputs.write({ ...ALERT, output: `nth ${i}` });
  await until("it is told", () => outputs.stats()[0]?.state === "retrying");
  return { outputs, siem, port: there.port };
}
const nths = (bodies: readonly string[]): number[] =>
  bodies.map((body) => Number((JSON.parse(body) as { output: string }).output.split(" ").at(-1)));
const upTo = (end: number): number[] => Array.from({ length: end }, (_, i) => i);

test("a disk that may be larger or smaller from now on goes on with what waits: each once, and none is lost", async () => {
  const { outputs, siem, port } = await waiting("bound");
  for (const mib of [2, 1, 4]) await (await outputs.prepare({ ...nothing, named: [siem(port, mib)] })).commit();
  await (await outputs.prepare({ ...nothing, named: [siem(port, 8)] })).cancel();
  const long = "x".repeat(1000);
  for (let i = 50; i < 2050; i++) outputs.write({ ...ALERT, rule: long, output: `nth ${i}` });
  assert.is(outputs.stats()[0]?.queued, 2050, "more than 1 MiB");
  while (outputs.stats()[0]?.dropped.full === 0) outputs.write({ ...ALERT, rule: long });
  const most = outputs.stats()[0]?.queuedBytes ?? 0;
  assert.ok(most > 3 * MIB && most <= 4 * MIB, `${most}`);
  const there = await receiver();
  await (await outputs.prepare({ ...nothing, named: [siem(there.port, 1)] })).commit();
  await until("all are sent", () => outputs.stats()[0]?.queued === 0);
  await outputs.close();
  there.close();
  assert.equal(nths(there.got).slice(0, 2050), upTo(2050));
  assert.equal(
    readdirSync(path("bound")).filter((name) => name.endsWith(".seg")),
    [],
  );
});

test("an output of another kind does not get a folder that is open: the next start takes it", async () => {
  const { outputs, siem, port } = await waiting("kind");
  const settings = { url: `http://127.0.0.1:${port}/`, userAgent: "v", capacity: 10, hasIncidents: false };
  const other = { name: "siem", kind: "otlp", settings, disk: { folder: `${path("kind")}/.`, bytes: MIB } } as const;
  for (let i = 0; i < 2; i++) {
    const change = await outputs.prepare({ ...nothing, named: [other, file("more", "beside")] });
    assert.equal(change.held, ["siem"]);
    await change.commit();
  }
  assert.equal(
    outputs.stats().map(({ name, kind }) => `${name} ${kind}`),
    ["siem http", "more file"],
  );
  outputs.write({ ...ALERT, output: "nth 50" });
  const there = await receiver();
  const change = await outputs.prepare({ ...nothing, named: [siem(there.port, 1)] });
  assert.equal(change.held, []);
  await change.commit();
  await until("all are sent", () => outputs.stats()[0]?.sent === 51);
  assert.is(await outputs.close(), 0);
  there.close();
  assert.equal(nths(there.got), upTo(51));
});

test("an output that is held goes on, whether the change is taken or not, and whatever it was before", async () => {
  const there = await receiver();
  const settings = (capacity: number) => ({ url: `http://127.0.0.1:${there.port}/`, userAgent: "v", capacity });
  const disk = { folder: path("held"), bytes: MIB };
  const siem = (capacity: number): NamedOutput => ({ name: "siem", kind: "http", settings: settings(capacity), disk });
  const other = { name: "siem", kind: "otlp", settings: settings(1), disk } as NamedOutput;
  const outputs = await Outputs.open({ ...nothing, named: [siem(100)] });
  const isSent = async (name: string): Promise<void> => {
    outputs.write({ ...ALERT, output: name });
    await until(`${name} is there`, () => there.got.some((body) => body.includes(name)), { ms: 5_000 });
  };
  await (await outputs.prepare({ ...nothing, named: [other] })).cancel();
  await isSent("after a held one was not taken");
  await (await outputs.prepare({ ...nothing, named: [siem(200)] })).commit();
  await (await outputs.prepare({ ...nothing, named: [other] })).cancel();
  await isSent("after a change and a held one that was not taken");
  await (await outputs.prepare({ ...nothing, named: [other] })).commit();
  await isSent("after a held one");
  assert.is(await outputs.close(), 0);
  there.close();
});

test("what stays is not touched, what is new is opened, and what went has what it was given", async () => {
  const outputs = await Outputs.open({ ...nothing, named: [file("stays", "stays"), file("goes", "goes")] });
  outputs.write(ALERT);
  const named = [file("stays", "stays"), file("comes", "comes")];
  const change = await outputs.prepare({ ...nothing, named });
  outputs.write(ALERT);
  await change.commit();
  outputs.write(ALERT);
  assert.equal(
    outputs.stats().map(({ name }) => name),
    ["stays", "comes"],
  );
  await outputs.close();
  assert.equal([linesIn("stays"), linesIn("goes"), linesIn("comes")], [3, 2, 1]);
});

test("an output that changes has what it was given before in its old place, and the rest in the new one", async () => {
  const outputs = await Outputs.open({ ...nothing, named: [file("siem", "old")] });
  outputs.write(ALERT);
  await (await outputs.prepare({ ...nothing, named: [file("siem", "new", { least: "Warning" })] })).commit();
  outputs.write(ALERT); // of Notice, which it does not get any more
  outputs.write({ ...ALERT, priority: "Critical" });
  await until("sent", () => outputs.stats()[0]?.sent === 2);
  await outputs.close();
  assert.equal([linesIn("old"), linesIn("new")], [1, 1]);
});

test("a file that is put away between the opening and the change is opened again by its name", async () => {
  const outputs = await Outputs.open({ ...nothing, named: [file("siem", "before")] });
  const change = await outputs.prepare({ ...nothing, named: [file("siem", "after")] });
  renameSync(path("after"), path("after.1"));
  outputs.reopen(); // SIGHUP, as logrotate sends it
  await change.commit();
  outputs.write(ALERT);
  await outputs.close();
  assert.equal([linesIn("after.1"), linesIn("after")], [0, 1]);
});

test("where the folder of an output is somebody's, its file does not stay open", async () => {
  const used = { disk: { folder: path("used"), bytes: MIB } };
  const outputs = await Outputs.open({ ...nothing, named: [file("siem", "first", used)] });
  await refusesUsed(() => outputs.prepare({ ...nothing, named: [file("siem", "first", used), file("b", "b", used)] }));
  const open = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ""; // of the folder itself, which is closed by now
    }
  });
  assert.equal([open.includes(path("first")), open.includes(path("b"))], [true, false]);
  await outputs.close();
});

async function refusesUsed(work: () => Promise<unknown>): Promise<void> {
  const error = await work().then(
    () => null,
    (one: VedetteError) => one,
  );
  assert.match(String(error?.message), /this process uses it already/);
}

test("of two outputs of one place, both stay, and what waits in them", async () => {
  const gone = await receiver();
  gone.close();
  const settings = { url: `http://127.0.0.1:${gone.port}/`, userAgent: "v", capacity: 10 };
  const named = [0, 1].map((): NamedOutput => ({ name: "siem", kind: "http", settings }));
  const outputs = await Outputs.open({ ...nothing, named });
  const before = outputs.queues();
  const options = { ...nothing, named };
  await (await outputs.prepare(options)).commit();
  assert.equal(
    outputs.queues().map((queue) => before.indexOf(queue)),
    [0, 1],
  );
  await (await outputs.prepare({ ...nothing, named: named.slice(1) })).commit();
  assert.equal(
    outputs.queues().map((queue) => before.indexOf(queue)),
    [0],
  );
  await outputs.close();
});

test("where one cannot be opened, those that run go on as they were", async () => {
  const outputs = await Outputs.open({ ...nothing, named: [file("siem", "kept")] });
  mkdirSync(path("folder"));
  const named = [file("siem", "other"), file("more", "more"), file("bad", "folder")];
  await outputs.prepare({ ...nothing, named }).then(
    () => assert.unreachable(),
    (error: VedetteError) => assert.is(error.code, "VEDETTE_SINK_UNWRITABLE"),
  );
  outputs.write(ALERT);
  assert.equal(
    outputs.stats().map(({ name }) => name),
    ["siem"],
  );
  await outputs.close();
  assert.equal([linesIn("kept"), linesIn("other")], [1, 0]);
});

test("a change that is not made leaves all as it was", async () => {
  const outputs = await Outputs.open({ ...nothing, named: [file("siem", "first")] });
  await (await outputs.prepare({ ...nothing, named: [file("siem", "second"), file("third", "third")] })).cancel();
  outputs.write(ALERT);
  await outputs.close();
  assert.equal([linesIn("first"), linesIn("second"), linesIn("third")], [1, 0, 0]);
});

test("a file of authorities that was written anew opens its output anew", async () => {
  const settings = { url: "https://127.0.0.1:1/", userAgent: "v", capacity: 1, ca: path("ca.pem") };
  makeCertificates(root, []);
  const named: NamedOutput[] = [{ name: "siem", kind: "http", settings }];
  const print = async (): Promise<string> => (await plannedOutputs({ targets: [], named }, nothing))[0]?.print ?? "";
  const before = await print();
  assert.is(await print(), before);
  writeFileSync(path("ca.pem"), `\n${readFileSync(path("ca.pem"), "utf8")}`);
  assert.is.not(await print(), before);
});

test.run();
