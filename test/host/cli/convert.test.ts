// SPDX-License-Identifier: Apache-2.0
// `vedette convert`: of which host and container a capture is, what is told of what was left out, and what
// it never writes over.
import { existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { RecordingWriter } from "../../../host/recording/recording.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import type { ContainerFacts } from "../../../host/wire/container.js";
import { scratch } from "../../e2e/programs.js";
import { recorded, SHELL } from "./recorded.js";
import { typed } from "./typed.js";

const folder = scratch();
const file = (name: string): string => join(folder, name);
const whole = recorded(file("shell.vdt"), SHELL);
const linesOf = (text: string): string[] => text.split("\n").filter(Boolean);
const eventsIn = async (path: string): Promise<Record<string, unknown>[]> =>
  linesOf((await typed("replay", path, "--json")).stdout).map((line) => JSON.parse(line));

const FACTS: ContainerFacts = {
  ...{ id: "", name: null, type: "ecs", image: null, imageId: null, imageRepository: null, imageTag: null, ip: null },
  ...{ imageDigest: null, labels: null, cluster: null, service: null, taskArn: null, taskFamily: null },
  ...{ taskRevision: null, containerArn: null, availabilityZone: null },
};

/** An event each of agents, by the name of its program. */
function ofAgents(
  path: string,
  agents: readonly (readonly [host: string, id: string, name: string, program: string])[],
) {
  const writer = new RecordingWriter(path);
  for (const [stream, [host, id, name, program]] of agents.entries()) {
    writer.host(stream, host);
    writer.container(stream, { ...FACTS, id, name });
    const builder = new BatchBuilder({ source: Buffer.alloc(16, stream + 1) });
    builder.record("close", { process: builder.process({ pid: 7 + stream, name: program, exe: program }), fd: 3 });
    writer.batch(stream, builder.bytes(), 1);
  }
  writer.close();
}

test("a capture, gzipped or not, has the events of the recording", async () => {
  for (const name of ["shell.scap", "shell.scap.gz"]) {
    const { status, stdout, stderr } = await typed("convert", whole, file(name));
    assert.equal([status, stdout], [0, ""], stderr);
    assert.match(stderr, /3 events written to .*shell\.scap/);
    const found = (await eventsIn(file(name))).map((one) => [
      one["evt.type"],
      one["proc.name"],
      one["fd.name"] ?? null,
    ]);
    assert.equal(found[1], ["openat", "cat", "/etc/hostname"]);
    assert.is(found.length, 3);
  }
  assert.equal([...readFileSync(file("shell.scap.gz")).subarray(0, 2)], [0x1f, 0x8b]);
});

test("it writes over neither the recording nor, unasked, another file", async () => {
  writeFileSync(file("taken.scap"), "mine");
  const taken = await typed("convert", whole, file("taken.scap"));
  assert.is(taken.status, 2);
  assert.match(taken.stderr, /taken\.scap.*VEDETTE_SCAP_UNWRITABLE/);
  assert.is(readFileSync(file("taken.scap"), "utf8"), "mine");
  assert.is((await typed("convert", "--force", whole, file("taken.scap"))).status, 0);
  const itself = await typed("convert", "--force", whole, whole);
  assert.is(itself.status, 2);
  assert.match(itself.stderr, /Give two files/);
});

test("of several hosts, and of several containers, one is asked for by what there is", async () => {
  ofAgents(file("many.vdt"), [
    ["one", "a1", "web", "nginx"],
    ["one", "b2", "db", "postgres"],
    ["two", "c3", "web", "envoy"],
  ]);
  const out = file("many.scap");
  const refusal = async (...words: string[]): Promise<string> => {
    const { status, stderr } = await typed("convert", ...words, file("many.vdt"), out);
    assert.is(status, 2);
    assert.not.ok(existsSync(out));
    return stderr;
  };
  assert.match(await refusal(), /of one host\. Give --host and one of these: one, two\./);
  assert.match(await refusal("--host", "three"), /of one host\. Give --host and one of these: one, two\./);
  assert.match(await refusal("--host", "one"), /of one container\. Give --container and one of these: db, web\./);
  assert.match(await refusal("--host", "one", "--container", "mail"), /one of these: db, web\./);
  assert.is((await typed("convert", "--host", "one", "--container", "db", file("many.vdt"), out)).status, 0);
  const [event, ...others] = await eventsIn(out);
  assert.equal([event!["proc.name"], others.length], ["postgres", 0]);
});

test("containers of one name are told apart by their ids", async () => {
  ofAgents(file("twins.vdt"), [
    ["one", "a1", "web", "nginx"],
    ["one", "b2", "web", "envoy"],
  ]);
  const { stderr } = await typed("convert", "--container", "web", file("twins.vdt"), file("twins.scap"));
  assert.match(stderr, /Give --container and one of these: a1 \(web\), b2 \(web\)\./);
  assert.is((await typed("convert", "--container", "b2", file("twins.vdt"), file("twins.scap"))).status, 0);
  assert.is((await eventsIn(file("twins.scap")))[0]!["proc.name"], "envoy");
});

test("of a damaged recording what is whole is converted, and then the damage is told", async () => {
  const damaged = recorded(file("damaged.vdt"), SHELL);
  truncateSync(damaged, readFileSync(damaged).length - 8);
  const { status, stderr } = await typed("convert", damaged, file("damaged.scap"));
  assert.is(status, 1);
  assert.match(stderr, /3 events written to .*damaged\.scap\n(.*\n)*.*VEDETTE_RECORDING_CORRUPT/);
  assert.is((await eventsIn(file("damaged.scap"))).length, 3);
});

test("what is no recording leaves no file", async () => {
  const { status, stderr } = await typed("convert", file("nowhere.vdt"), file("none.scap"));
  assert.not.equal(status, 0);
  assert.match(stderr, /nowhere\.vdt/);
  assert.not.ok(existsSync(file("none.scap")));
  const placeless = await typed("convert", whole, file("no/such/folder.scap"));
  assert.is(placeless.status, 2);
  assert.match(placeless.stderr, /VEDETTE_SCAP_UNWRITABLE/);
});

test.run();
