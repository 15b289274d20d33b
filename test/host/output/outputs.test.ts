// SPDX-License-Identifier: Apache-2.0
// Outputs that are asked for anew while they run: what waits goes to the new place, what stays is not
// touched, and where one cannot be opened all is as it was.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { VedetteError } from "../../../host/errors.js";
import { Outputs } from "../../../host/output/outputs.js";
import type { Tried } from "../../../host/output/queue.js";
import { type NamedOutput, plannedOutputs } from "../../../host/output/registry.js";
import { tryOne } from "../../../host/output/try-one.js";
import { until } from "../../until.js";
import { makeCertificates } from "./certificates.js";
import { ALERT } from "./shared.js";

const root = mkdtempSync(join(tmpdir(), "vedette-outputs-"));
test.after(() => rmSync(root, { recursive: true }));
const path = (name: string): string => join(root, name);
const linesIn = (name: string): number => readFileSync(path(name), "utf8").split("\n").length - 1;
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
