// SPDX-License-Identifier: Apache-2.0
// What an orchestrator says of a container is there for conditions as it is for outputs, and changes from
// batch to batch.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { writeFacts } from "../../../host/wasm/facts.js";
import { type Batch, openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import type { ContainerFacts } from "../../../host/wire/container.js";
import { fieldValue } from "../../../host/wire/fields.js";
import { cleanUp, loadSource, Running } from "../../rules-wasm/shared.js";
import { Judge, rulesOf } from "./judge.js";
import { factsOf } from "./shared.js";

const FACTS = factsOf({
  id: "f00d",
  name: "web",
  type: "ecs",
  image: "shop/web:7",
  imageRepository: "shop/web",
  imageTag: "7",
});

function batch(container: ContainerFacts | null, id: string | null = null): Batch {
  const build = new BatchBuilder();
  const process = build.process({ pid: 7, name: "cat", container_id: id });
  build.record("openat", { process, fd: 3, result: 3, params: { name: "/x" } });
  const opened = openBatch(build.bytes());
  opened.container = container;
  return opened;
}

const BATCHES: [name: string, batch: Batch][] = [
  ["outside a container", batch(null)],
  ["in one of which nobody says anything", batch(null, "abcdefabcdef")],
  ["in one of a task", batch(FACTS, "abcdefabcdef")],
  ["in another of which less is said", batch({ ...FACTS, name: null, imageTag: null })],
  [
    "in one with labels",
    batch({
      ...FACTS,
      labels: { a: "1", "annotation.x": "y", "b.c": "", "io.kubernetes.z": "0", team: "p=q" },
      ip: "10.0.0.61",
    }),
  ],
  ["in one with labels of the engine only", batch({ ...FACTS, labels: { "annotation.x": "y" } })],
  ["in one with too many labels", batch({ ...FACTS, labels: { long: "l".repeat(5000) } })],
  ["in one with a name that is too long", batch({ ...FACTS, name: "n".repeat(5000) })],
];
const NAMES =
  "id name type image image.id image.repository image.tag ip labels label[a] label[b.c] label[team] label[x]";
const FIELDS = NAMES.split(" ").map((name) => `container.${name}`);
const VALUES = [
  "10.0.0.61",
  "a:1, b.c, team:p=q",
  "1",
  "p=q",
  "",
  "host",
  "abcdefabcdef",
  "f00d",
  "web",
  "ecs",
  "shop/web:7",
  "shop/web",
  "7",
];

test("conditions see the same facts as outputs, batch after batch", async () => {
  const conditions = FIELDS.flatMap((field) => [
    `evt.type=openat and ${field} exists`,
    ...VALUES.map((value) => `evt.type=openat and ${field}="${value}"`),
  ]);
  const judge = await Judge.of(rulesOf(conditions));
  for (const [name, one] of [...BATCHES, ...BATCHES].slice(0, -1)) {
    const isTooLong = (text: unknown): boolean => typeof text === "string" && text.length > 4000;
    const expected = FIELDS.flatMap((field) => {
      const value = fieldValue(field)!(one, 0);
      return value === null || isTooLong(value)
        ? []
        : [`evt.type=openat and ${field} exists`, `evt.type=openat and ${field}="${value}"`];
    });
    assert.equal(judge.judge(one)[0]!.sort(), expected.sort(), name);
  }
});

test("A14: code of a policy sees each label of the container as outputs do, batch after batch", async () => {
  const names = ["a", "b.c", "team", "x", "annotation.x", "", "tea", "team=p", "long"];
  const policy = await loadSource(`
import { AnyOpen, note, Priority, rule } from "vedette";
import { containerLabel, containerName } from "vedette/falco";
const NAMES: string[] = ${JSON.stringify(names)};
@rule({ name: "r", desc: "d", priority: Priority.Debug, output: "of" })
export function r(e: AnyOpen): bool {
  const first = containerLabel("a"), name = containerName(e.proc);
  let said = "";
  for (let i = 0; i < NAMES.length; i++) {
    const value = containerLabel(NAMES[i]);
    said += NAMES[i] + ":" + (value.exists ? "<" + value.toString() + ">" : "-") + " ";
  }
  note(said + (first == containerLabel("a") && name == containerName(e.proc)).toString());
  return true;
}
`);
  const running = new Running(policy);
  for (const [name, one] of [...BATCHES, ...BATCHES]) {
    const values = names.map((label) => {
      const value = one.container?.labels?.[label];
      return `${label}:${value === undefined || value.length > 4000 ? "-" : `<${value}>`}`;
    });
    assert.equal(running.judgeBatch(one), [`of ${values.join(" ")} true`], name);
  }
});

test("rules that look at images can match", async () => {
  const judge = await Judge.of(
    rulesOf(["evt.type=openat and container.id != host and not container.image.repository in (shop/web, shop/db)"]),
  );
  const matches = BATCHES.map(([, one]) => judge.judge(one)[0]!.length);
  assert.equal(matches, [0, 1, 0, 0, 0, 0, 0, 0]);
});

test("facts stand in memory as the ABI says", () => {
  const memory = new ArrayBuffer(8192);
  writeFacts(memory, 64, { ...FACTS, labels: { a: "1", b: "" }, ip: "10.0.0.61" });
  const view = new DataView(memory, 64);
  assert.is(view.getUint32(0, true), 1);
  assert.is(view.getUint32(4, true), 10);
  const text = (i: number): string | null => {
    const at = view.getUint32(8 + 8 * i, true);
    return at === 0xffffffff ? null : Buffer.from(memory, 64 + at, view.getUint32(12 + 8 * i, true)).toString();
  };
  const told = ["f00d", "web", "ecs", "shop/web:7", null, "shop/web", "7", null, "a=1\0b=\0", "10.0.0.61"];
  assert.equal(
    told.map((_, i) => text(i)),
    told,
  );
  writeFacts(memory, 64, null);
  assert.is(view.getUint32(0, true), 0);
  assert.is(text(0), null);
});

test.after(cleanUp);
test.run();
