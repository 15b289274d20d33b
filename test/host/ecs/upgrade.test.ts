// SPDX-License-Identifier: Apache-2.0
//
// `instrument` on a file in which somebody edited what an earlier run put in: edits stay, however the file is
// laid out; where this run would write the same place differently, it says so and refuses. What was made by
// version 0.1 is upgraded alike.
import { join } from "node:path";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { stringify } from "yaml";
import { readImageConfigs } from "../../../host/ecs/image-config.js";
import { instrument } from "../../../host/ecs/instrument.js";
import type { RunOptions } from "../../../host/ecs/options.js";
import { parseDocument, readDocument } from "../../../host/ecs/read.js";
import { undo } from "../../../host/ecs/undo.js";
import { VedetteError } from "../../../host/errors.js";
import { FOLDER } from "./definitions-folder.js";
import { agentOf, EDITS, type Edit, named, pair, sidecarOf, web } from "./edits.js";
import { type Any, definitionsOf, type Plain, plainOf } from "./plain.js";

const NONE = readImageConfigs([]);
const FIRST = { image: "registry.example/vedette:1" };
const NEXT = { image: "registry.example/vedette:2" };
const TASK = {
  family: "shop",
  cpu: "512",
  memory: "1024",
  containerDefinitions: [
    {
      name: "web",
      image: "web:1",
      entryPoint: ["/web"],
      logConfiguration: { logDriver: "awslogs", options: { "awslogs-group": "shop" } },
    },
    { name: "queue", image: "queue:1", entryPoint: ["/queue"], environment: [{ name: "A", value: "1" }] },
  ],
};

/** How a file may be laid out. */
const FORMS: Record<
  string,
  { readonly name: string; readonly write: (value: Plain) => string; readonly read: (text: string) => Plain }
> = {
  json: { name: "task.json", write: (value) => JSON.stringify(value, null, 2), read: JSON.parse },
  minified: { name: "task.json", write: (value) => JSON.stringify(value), read: JSON.parse },
  yaml: {
    name: "task.yaml",
    write: (value) => stringify(value, { lineWidth: 0 }),
    read: (text) => plainOf("task.yaml", text),
  },
};

function run(name: string, text: string, options: RunOptions): { text: string; remarks: readonly string[] } {
  return instrument(parseDocument(name, text), options, NONE);
}

/** Instruments, edits as a person would (through another parser), upgrades. */
function upgraded(form: keyof typeof FORMS, edits: readonly Edit[], next: RunOptions = NEXT) {
  const { name, write, read } = FORMS[form]!;
  const original = write(TASK);
  const edited = read(run(name, original, FIRST).text);
  for (const { apply } of edits) apply(sidecarOf(edited), edited);
  const { text, remarks } = run(name, write(edited), next);
  return { name, original, text, remarks, definition: read(text) };
}

test("P1: there are twenty kinds of edits and more", () => {
  assert.ok(EDITS.length >= 20);
});

for (const edit of EDITS) {
  test(`P1: an upgrade keeps ${edit.title}, and says so`, () => {
    for (const form of Object.keys(FORMS)) {
      const { definition, remarks } = upgraded(form, [edit]);
      assert.ok(edit.holds(sidecarOf(definition), definition), `${form}: ${JSON.stringify(sidecarOf(definition))}`);
      assert.is(sidecarOf(definition).image, NEXT.image);
      const isOursToTell = !/a volume of one's own/.test(edit.title) || remarks.length > 1;
      assert.ok(isOursToTell && remarks.some((one) => one.startsWith("kept as edited")), remarks.join("\n"));
    }
  });
}

test("any edits together survive, undo is exact, and twice is once", () => {
  const some = fc.uniqueArray(fc.constantFrom(...EDITS), {
    minLength: 1,
    maxLength: 8,
    // Two of these change one thing in two ways.
    selector: ({ title }) =>
      /health check/.test(title) ? "health" : /log /.test(title) ? "log" : /memory/.test(title) ? "memory" : title,
  });
  fc.assert(
    fc.property(some, fc.constantFrom(...Object.keys(FORMS)), (edits, form) => {
      const { name, original, text, definition } = upgraded(form, edits);
      for (const edit of edits) assert.ok(edit.holds(sidecarOf(definition), definition), edit.title);
      const undone = undo(parseDocument(name, text));
      // A volume that was added besides stays.
      if (!edits.some(({ title }) => title.startsWith("a volume"))) {
        assert.equal(FORMS[form]!.read(undone.text), TASK);
        if (form !== "yaml") assert.is(undone.text, original);
      }
      assert.is(run(name, text, {}).text, text, "twice is once");
      assert.is(run(name, text, NEXT).text, text);
    }),
    { numRuns: 40 },
  );
});

test("what was edited is still known as an edit after several upgrades, and ours is renewed", () => {
  const { name, text } = upgraded("json", [EDITS[0]!]);
  const third = run(name, text, { image: "registry.example/vedette:3", set: ["drain=5"] });
  const { command, image } = sidecarOf(JSON.parse(third.text));
  assert.ok(pair(command, "--workers", "2") && pair(command, "--drain", "5"));
  assert.is(image, "registry.example/vedette:3");
  assert.equal(
    third.remarks.filter((one) => one.startsWith("kept")),
    ["kept as edited: vedette/command/--workers"],
  );
});

function conflict(attempt: () => unknown): VedetteError {
  try {
    attempt();
  } catch (error) {
    if (error instanceof VedetteError && error.code === "VEDETTE_EDIT_CONFLICT") return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

test("a conflict is shown as a diff and refused; --conflicts keeps one side or the other", () => {
  const edit: Edit = { title: "", apply: (one) => one.command.push("--drain", "9"), holds: () => true };
  const next = { ...NEXT, set: ["drain=5"] };
  const error = conflict(() => upgraded("json", [edit], next));
  assert.match(error.message, /task\.json:1: 1 of the things/);
  assert.match(error.hint, /@@ vedette\/command\/--drain @@\n {2}-\["--drain","9"\]\n {2}\+\["--drain","5"\]/);
  const words = (conflicts: "keep" | "replace") =>
    sidecarOf(upgraded("json", [edit], { ...next, conflicts }).definition).command as string[];
  assert.ok(pair(words("keep"), "--drain", "9") && !words("keep").includes("5"));
  assert.ok(pair(words("replace"), "--drain", "5") && !words("replace").includes("9"));
});

test("an image that was edited by hand stays, until one is given", () => {
  const edit: Edit = { title: "", apply: (one) => (one.image = "mine:7"), holds: () => true };
  assert.is(sidecarOf(upgraded("json", [edit], {}).definition).image, "mine:7");
  const { definition, remarks } = upgraded("json", [edit]);
  assert.is(sidecarOf(definition).image, NEXT.image);
  assert.ok(remarks.some((one) => /vedette\/image was edited to "mine:7"/.test(one)));
});

test("both forms of 0.1 are upgraded: edits stay, what 0.1 wrote is renewed", () => {
  for (const file of ["shared-secret.json", "own-secrets.json"]) {
    const old = readDocument(join(FOLDER, "../earlier", file));
    const { text: original, isExact } = undo(old);
    assert.ok(isExact, file);
    const definition = JSON.parse(old.text);
    const sidecar = sidecarOf(definition);
    sidecar.command.push("--workers", "2");
    sidecar.memory = 300;
    sidecar.healthCheck.interval = 30;
    web(definition).entryPoint.splice(1, 0, "--snaplen", "200");
    const edited = JSON.stringify(definition, null, 2);
    const { text, remarks } = run("task.json", edited, NEXT);
    const now = JSON.parse(text);
    const { command, memory, healthCheck, image, restartPolicy } = sidecarOf(now);
    assert.equal([memory, healthCheck.interval, image, restartPolicy.enabled], [300, 30, NEXT.image, true]);
    assert.ok(pair(command, "--workers", "2") && pair(command, "--container-secret", "web=/vedette-own/1/secret"));
    assert.not.ok(command.includes("--secret-file"), "0.1's shared secret is renewed");
    assert.ok(pair(agentOf(now), "--snaplen", "200") && pair(agentOf(now), "--secret-file", "/vedette-own/1/secret"));
    assert.equal(
      remarks.filter((one) => one.startsWith("kept")).map((one) => one.replace("kept as edited: ", "")),
      ["web/agent/--snaplen", "vedette/command/--workers", "vedette/healthCheck/interval", "vedette/memory"],
    );
    assert.equal(JSON.parse(undo(parseDocument("task.json", text)).text), JSON.parse(original));
    assert.is(run("task.json", text, {}).text, text);
    assert.equal(
      run("task.json", old.text, NEXT).remarks.filter((one) => one.startsWith("kept")),
      [],
      `${file} as it was made has no edits`,
    );
  }
});

test("a container that is added, taken away or moved takes no edit along", () => {
  const first = JSON.parse(run("task.json", JSON.stringify(TASK), FIRST).text);
  sidecarOf(first).command.push("--workers", "2");
  first.containerDefinitions.unshift({ name: "new", image: "new:1", entryPoint: ["/new"] });
  first.containerDefinitions = first.containerDefinitions.filter((one: Any) => one.name !== "queue");
  const now = JSON.parse(run("task.json", JSON.stringify(first), NEXT).text);
  const { command, mountPoints } = sidecarOf(now);
  assert.ok(pair(command, "--container-secret", "new=/vedette-own/1/secret"));
  assert.ok(pair(command, "--container-secret", "web=/vedette-own/2/secret") && pair(command, "--workers", "2"));
  assert.not.match(command.join(" "), /queue/);
  assert.equal(
    mountPoints.map((one: Plain) => one.sourceVolume),
    ["vedette", "vedette-own-1", "vedette-own-2"],
  );
});

test("a container that got another name is refused: an agent's words are still in it", () => {
  const { text } = run("task.json", JSON.stringify(TASK), FIRST);
  const renamed = text.replace('"name":"queue"', '"name":"line"');
  assert.not.equal(renamed, text);
  assert.throws(
    () => run("task.json", renamed, NEXT),
    (error: VedetteError) => error.code === "VEDETTE_UNDO_CHANGED",
  );
});

test("two task definitions with containers of one name keep their own words", () => {
  const resource = (image: string) => ({
    Type: "AWS::ECS::TaskDefinition",
    Properties: { ContainerDefinitions: [{ Name: "app", Image: image }] },
  });
  const text = JSON.stringify({ Resources: { A: resource("a:1"), B: resource("b:1") } });
  const images = readImageConfigs([join(FOLDER, "../earlier/two-images.json")]);
  const once = instrument(parseDocument("t.json", text), FIRST, images).text;
  const words = definitionsOf(JSON.parse(once)).definitions.map((one) => one.ContainerDefinitions[0].EntryPoint.at(-1));
  assert.equal(words, ["/a", "/b"]);
  assert.is(run("t.json", once, {}).text, once);
});

test("a comment inside the sidecar is told before it goes", () => {
  const { name, write } = FORMS.yaml!;
  const { text } = run(name, write(TASK), FIRST);
  const edited = text.replace("stopTimeout: 30", "stopTimeout: 30 # as agreed");
  assert.not.equal(edited, text);
  assert.ok(
    run(name, edited, NEXT).remarks.some((one) => /a comment in the sidecar is not kept: .*# as agreed/.test(one)),
  );
});

test("a file of a newer version, whose journal has another form, is refused and told", () => {
  const { text } = run("task.json", JSON.stringify(TASK), FIRST);
  const newer = text.replace('"vedette.undo":"1 ', '"vedette.undo":"2 ');
  assert.not.equal(newer, text);
  for (const attempt of [() => run("task.json", newer, NEXT), () => undo(parseDocument("task.json", newer))])
    assert.throws(attempt, (error: VedetteError) => /a newer version of Vedette .* form 2/.test(error.message));
});

test("P12: the sidecar has the name that it is given, edits survive a change of it, and undo is exact", () => {
  const taken = { name: "vedette", image: "own:1", entryPoint: ["/own"], essential: false };
  const dependsOn = [{ containerName: "vedette", condition: "START" }];
  const [first, ...others] = TASK.containerDefinitions;
  const definition = { ...TASK, containerDefinitions: [{ ...first, dependsOn }, ...others, taken] };
  for (const form of Object.keys(FORMS)) {
    const { name, write, read } = FORMS[form]!;
    const original = write(definition);
    const once = run(name, original, { ...FIRST, set: ["container.name=guard"] });
    const task = read(once.text);
    assert.equal(named(task.containerDefinitions, "vedette"), taken, form);
    assert.equal(
      web(task).dependsOn.map((one: Plain) => one.containerName),
      ["vedette", "guard"],
    );
    assert.is(named(task.containerDefinitions, "guard").image, FIRST.image);
    assert.is(undo(parseDocument(name, once.text)).text, original);
    assert.is(run(name, once.text, {}).text, once.text, "twice is once");
    named(task.containerDefinitions, "guard").memory = 300;
    web(task).dependsOn.push({ containerName: "queue", condition: "START" });
    const next = run(name, write(task), { ...NEXT, set: ["container.name=watch-2"] });
    const now = read(next.text);
    const sidecar = named(now.containerDefinitions, "watch-2");
    assert.equal([sidecar.memory, sidecar.image], [300, NEXT.image]);
    assert.equal(
      web(now)
        .dependsOn.map((one: Plain) => one.containerName)
        .toSorted(),
      ["queue", "vedette", "watch-2"],
    );
    assert.equal(
      undone(name, next.text).dependsOn.map((one: Plain) => one.containerName),
      ["vedette", "queue"],
    );
  }
  const refused = (set: string) => {
    try {
      run("t.json", JSON.stringify(TASK), { ...FIRST, set: [set] });
    } catch (error) {
      return (error as VedetteError).code;
    }
    return null;
  };
  assert.is(refused("container.name=web"), "VEDETTE_NAME_TAKEN");
  assert.is(refused("container.name=a b"), "VEDETTE_SETTING_INVALID");

  function undone(name: string, text: string): Plain {
    return web(plainOf(name, undo(parseDocument(name, text)).text));
  }
});

test("the labels hold no value of the definition", () => {
  const secret = "{{resolve:secretsmanager:token}}";
  const logs = { logDriver: "splunk", options: { "splunk-token": secret } };
  const task = { ...TASK, containerDefinitions: [{ ...TASK.containerDefinitions[0], logConfiguration: logs }] };
  const { dockerLabels } = sidecarOf(JSON.parse(run("task.json", JSON.stringify(task), FIRST).text));
  assert.not.match(JSON.stringify(dockerLabels), /resolve/);
});

test.run();
