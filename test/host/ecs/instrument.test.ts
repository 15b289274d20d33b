// SPDX-License-Identifier: Apache-2.0
//
// What `instrument` decides: whom it watches, what it asks for, what it keeps of an earlier run, what it
// refuses and in which words. How it leaves real files alone is in definitions.test.ts.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readImageConfigs } from "../../../host/ecs/image-config.js";
import { instrument } from "../../../host/ecs/instrument.js";
import type { RunOptions } from "../../../host/ecs/options.js";
import { parseDocument, readDocument } from "../../../host/ecs/read.js";
import { undo } from "../../../host/ecs/undo.js";
import { VedetteError } from "../../../host/errors.js";
import { FOLDER, samples } from "./definitions-folder.js";
import { definitionsOf, type Plain, plainOf } from "./plain.js";

const folder = mkdtempSync(join(tmpdir(), "instrument-"));
test.after(() => rmSync(folder, { recursive: true }));

/** What earlier versions wrote. */
const EARLIER = join(FOLDER, "../earlier");
const GIVEN = { image: "registry.example/vedette:1" };
const APP = { name: "app", image: "app:1", entryPoint: ["/app"] };

function run(text: string, options: RunOptions = {}, images: string[] = []): string {
  const name = /^\s*[{[]/.test(text) ? "task.json" : "task.yaml";
  const isFirst = !text.includes("vedette.undo");
  return instrument(parseDocument(name, text), isFirst ? { ...GIVEN, ...options } : options, readImageConfigs(images))
    .text;
}

function task(...containers: object[]): string {
  return JSON.stringify({ family: "f", cpu: "256", memory: "512", containerDefinitions: containers }, null, 2);
}

function container(text: string, name: string): Plain {
  return definitionsOf(plainOf("x.json", text)).definitions[0]!.containerDefinitions.find(
    (one: Plain) => one.name === name,
  );
}

function refusal(attempt: () => unknown): VedetteError {
  try {
    attempt();
  } catch (error) {
    if (error instanceof VedetteError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

function file(name: string, value: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof value === "string" ? value : JSON.stringify(value));
  return path;
}

test("--container watches what is not essential, and nothing else", () => {
  const text = run(task(APP, { ...APP, name: "job", essential: false }), { container: ["job"] });
  assert.equal(container(text, "app"), APP);
  assert.is(container(text, "job").entryPoint[0], "/vedette/vedette-capture");
});

test("a second run keeps the first one's options, and takes new ones over them", () => {
  const first = run(task(APP, { ...APP, name: "b" }), { container: ["b"], image: "mine:1", start: "security" });
  assert.is(run(first), first);
  const second = container(run(first, { image: "mine:2" }), "vedette");
  assert.equal([second.image, second.essential], ["mine:2", true]);
});

test("security makes the sidecar essential and the workload wait; availability neither", () => {
  for (const [start, essential] of [
    ["security", true],
    ["availability", false],
  ] as const) {
    const text = run(task(APP), { start });
    assert.is(container(text, "vedette").essential, essential);
    const words = container(text, "app").entryPoint;
    assert.is(words[words.indexOf("--start") + 1], start);
  }
});

test("the sidecar's logs do not wait for a router that waits for the sidecar", () => {
  const routed = { ...APP, logConfiguration: { logDriver: "awsfirelens" } };
  const router = { ...APP, name: "router", firelensConfiguration: { type: "fluentbit" } };
  assert.is(container(run(task(routed, router)), "vedette").logConfiguration.logDriver, "awsfirelens");
  const both = run(task(routed, router), { container: ["app", "router"] });
  assert.is(container(both, "vedette").logConfiguration, undefined);
});

test("the sidecar reserves memory where the task has none to share", () => {
  const text = JSON.stringify({ family: "f", containerDefinitions: [{ ...APP, memory: 64 }] });
  assert.is(container(run(text), "vedette").memoryReservation, 128);
});

test("the image's entrypoint and command are read from what each tool prints", () => {
  const config = { Entrypoint: ["/tini", "--"], Cmd: ["serve"] };
  const forms = {
    "docker image inspect": [{ RepoTags: ["app:1"], Config: config }],
    "skopeo inspect --config": { architecture: "amd64", config },
    "imagetools inspect": { "linux/amd64": { config } },
  };
  const bare = { name: "app", image: "app:1" };
  for (const [tool, value] of Object.entries(forms)) {
    const { entryPoint, command } = container(run(task(bare), {}, [file("image.json", value)]), "app");
    assert.equal([entryPoint.slice(-3), command], [["--", "/tini", "--"], ["serve"]], tool);
  }
});

test("an image's command gives way to the definition's, and an image without entrypoint runs its command", () => {
  const image = file("cmd.json", { config: { Cmd: ["/bin/app"] } });
  const own = container(run(task({ name: "app", image: "a", command: ["x"] }), {}, [image]), "app");
  assert.equal([own.entryPoint.at(-1), own.command], ["--", ["x"]]);
  assert.equal(container(run(task({ name: "app", image: "a" }), {}, [image]), "app").command, ["/bin/app"]);
});

test("an image is told by container, by name, or by being the only one", () => {
  const bare = (name: string) => ({ name, image: `${name}:1` });
  const image = (name: string) => ({ RepoTags: [`${name}:1`], Config: { Entrypoint: [`/${name}`] } });
  const both = file("both.json", [image("a"), image("b")]);
  const text = run(task(bare("a"), bare("b")), {}, [both]);
  assert.equal([container(text, "a").entryPoint.at(-1), container(text, "b").entryPoint.at(-1)], ["/a", "/b"]);
  const named = run(task(bare("a"), bare("b")), {}, [both, `a=${file("c.json", [image("c")])}`]);
  assert.is(container(named, "a").entryPoint.at(-1), "/c");
});

test("what was edited after instrumenting stays when Vedette is taken out", () => {
  for (const sample of samples()) {
    const text = instrument(sample.document, GIVEN, readImageConfigs(sample.imageConfigs)).text;
    const edit = (content: string) =>
      content.replace(/app:1|:latest/g, "replaced:2").replace("awslogs-group", "other-group");
    const undone = undo(parseDocument(sample.name, edit(text)));
    const edited = edit(sample.document.text);
    assert.is(undone.text, edited, sample.name);
    assert.is(undone.isExact, edited === sample.document.text);
  }
});

test("an element that moved is still found by its name", () => {
  const value = JSON.parse(run(task(APP, { ...APP, name: "b" })));
  value.containerDefinitions.reverse();
  value.containerDefinitions[1].environment.push({ name: "NEW", value: "1" });
  const data = { sourceVolume: "data", containerPath: "/data" };
  value.containerDefinitions[1].mountPoints.push(data);
  const undone = JSON.parse(undo(parseDocument("task.json", JSON.stringify(value, null, 2))).text);
  assert.equal(undone.containerDefinitions[1], APP);
  const environment = [{ name: "NEW", value: "1" }];
  assert.equal(undone.containerDefinitions[0], { ...APP, name: "b", environment, mountPoints: [data] });
});

test("each watched container has a secret of its own, and the template holds none", () => {
  const text = run(task(APP, { ...APP, name: "web" }, { ...APP, name: "job", essential: false }));
  const { command, mountPoints } = container(text, "vedette");
  const pairs = [
    ["app", 1],
    ["web", 2],
  ] as const;
  assert.equal(
    command.slice(command.indexOf("--container-secret")),
    pairs.flatMap(([name, number]) => ["--container-secret", `${name}=/vedette-own/${number}/secret`]),
  );
  assert.not.ok(command.includes("--secret-file"), "who proves no name is not heard");
  const paths = (mounts: Plain[]) => mounts.map(({ containerPath }) => containerPath);
  assert.equal(paths(mountPoints), ["/vedette", "/vedette-own/1", "/vedette-own/2"]);
  for (const [name, number] of pairs) {
    const { entryPoint, mountPoints: own } = container(text, name);
    assert.is(entryPoint[entryPoint.indexOf("--secret-file") + 1], `/vedette-own/${number}/secret`);
    assert.equal(paths(own), ["/vedette", `/vedette-own/${number}`]);
    assert.ok(own.every(({ readOnly }: Plain) => readOnly));
  }
  assert.equal(container(text, "job"), { ...APP, name: "job", essential: false });
});

test("a container that says another name than its own may say both", () => {
  const said = { ...APP, environment: [{ name: "VEDETTE_CONTAINER", value: "front" }] };
  const { command } = container(run(task(said)), "vedette");
  assert.equal(command.slice(-4), [
    "--container-secret",
    "app=/vedette-own/1/secret",
    "--container-secret",
    "front=/vedette-own/1/secret",
  ]);
});

// biome-ignore lint/suspicious/noTemplateCurlyInString: it is CloudFormation's.
const SUB = '{"Fn::Sub": ["${stage}-app", {"stage": {"Ref": "Stage"}}]}';

test("a name that only CloudFormation can read is bound as it stands", () => {
  const text = run(`{"Resources": {"T": {"Type": "AWS::ECS::TaskDefinition", "Properties": {"Memory": "512",
    "ContainerDefinitions": [{"Name": ${SUB}, "Image": "app:1", "EntryPoint": ["/app"]}]}}}}`);
  const [app, sidecar] = plainOf("x.json", text).Resources.T.Properties.ContainerDefinitions;
  assert.equal(sidecar.Command.at(-1), { "Fn::Join": ["", [JSON.parse(SUB), "=/vedette-own/1/secret"]] });
  assert.equal(app.Environment, [{ Name: "VEDETTE_CONTAINER", Value: JSON.parse(SUB) }]);
});

test("what an earlier version made is undone to the byte, and instrumented anew has secrets of its own", () => {
  const old = readDocument(join(EARLIER, "shared-secret.json"));
  const { text: original, isExact } = undo(old);
  assert.ok(isExact);
  const image = { image: "registry.example/vedette:0.1.0" };
  const { text, remarks } = instrument(old, {}, readImageConfigs([]));
  assert.is(text, run(original, image));
  assert.match(text, /"web=\/vedette-own\/1\/secret"/);
  assert.is(undo(parseDocument("task.json", text)).text, original);
  const about = (all: readonly string[]) => all.filter((one) => one.includes("image stays"));
  assert.is(about(remarks).length, 1);
  assert.equal(about(instrument(old, image, readImageConfigs([])).remarks), []);
  assert.equal(about(instrument(parseDocument("task.json", text), {}, readImageConfigs([])).remarks), []);
});

test("who can read another container's secret by the definition's own words is named", () => {
  const remarks = (text: string) => instrument(parseDocument("task.json", text), GIVEN, readImageConfigs([])).remarks;
  const taker = { ...APP, name: "taker", volumesFrom: [{ sourceContainer: "app" }, { sourceContainer: "data" }] };
  const about = remarks(task(APP, taker, { ...APP, name: "data", essential: false })).slice(2);
  assert.equal(about, ["taker can speak in the name of app: it has its volumes (volumesFrom)"]);
  const shared = { pidMode: "task", memory: "512", containerDefinitions: [APP] };
  assert.match(remarks(JSON.stringify(shared)).at(-1)!, /they share \/proc \(pidMode\)$/);
  assert.is(remarks(task(APP)).length, 1);
});

test("what Vedette put behind somebody's own elements is taken out from before them, too", () => {
  const own = { ...APP, mountPoints: [{ sourceVolume: "data", containerPath: "/data" }] };
  const value = JSON.parse(run(task(own)));
  value.containerDefinitions[0].mountPoints.reverse();
  const undone = JSON.parse(undo(parseDocument("task.json", JSON.stringify(value))).text);
  assert.equal(undone.containerDefinitions, [own]);
});

test("undoing what has no Vedette in it changes nothing", () => {
  assert.equal(undo(parseDocument("task.json", task(APP))).text, task(APP));
});

const REFUSALS: [string, string, () => unknown, RegExp][] = [
  [
    "no such file",
    "VEDETTE_DEFINITION_UNREADABLE",
    () => readDocument(join(folder, "none.json")),
    /none\.json cannot be read: no such file/,
  ],
  ["bytes that are not text", "VEDETTE_DEFINITION_UNREADABLE", () => readDocument("/proc/self/exe"), /cannot be read/],
  [
    "JSON cut short",
    "VEDETTE_DEFINITION_INVALID",
    () => run('{\n "a": [1,\n'),
    /task\.json:3: column 1: the document ends too early/,
  ],
  [
    "a comma too many",
    "VEDETTE_DEFINITION_INVALID",
    () => run('{"a": 1,}'),
    /task\.json:1: column 9: this is not JSON/,
  ],
  [
    "a missing colon",
    "VEDETTE_DEFINITION_INVALID",
    () => run('{\n\n  "a" 1}'),
    /task\.json:3: column 7: ":" is missing/,
  ],
  ["a key twice", "VEDETTE_DEFINITION_INVALID", () => run('{"a": 1, "a": 2}'), /the key "a" stands here twice/],
  ["a word that is not JSON", "VEDETTE_DEFINITION_INVALID", () => run('{"a": nul}'), /nul is not JSON/],
  ["text after the end", "VEDETTE_DEFINITION_INVALID", () => run("{} {}"), /something stands after the end/],
  ["YAML that is none", "VEDETTE_DEFINITION_INVALID", () => run("a: [1\nb: 2\n"), /task\.yaml:\d: YAML: /],
  ["two YAML documents", "VEDETTE_DEFINITION_INVALID", () => run("a: 1\n---\nb: 2\n"), /more than one document/],
  [
    "a list of something",
    "VEDETTE_DEFINITION_NONE",
    () => run('[{"a": 1}]'),
    /it is a list, and not one of containers/,
  ],
  [
    "a template without a task",
    "VEDETTE_DEFINITION_NONE",
    () => run("Resources: {A: {Type: AWS::S3::Bucket}}"),
    /no AWS::ECS::TaskDefinition/,
  ],
  ["another JSON file", "VEDETTE_DEFINITION_NONE", () => run('{"name": "package"}'), /no containerDefinitions/],
  [
    "an unknown resource",
    "VEDETTE_DEFINITION_NONE",
    () => run(TEMPLATE("[/a]"), { taskDefinition: ["B"] }),
    /no task definition B, but A/,
  ],
  [
    "only helpers",
    "VEDETTE_DEFINITION_NONE",
    () => run(task({ ...APP, essential: false })),
    /name those to watch with --container/,
  ],
  [
    "an unknown container",
    "VEDETTE_CONTAINER_UNKNOWN",
    () => run(task(APP), { container: ["b"] }),
    /no container b; it has app/,
  ],
  [
    "a taken name",
    "VEDETTE_NAME_TAKEN",
    () => run(task(APP, { ...APP, name: "vedette" })),
    /containerDefinitions\[1\]: the container name vedette/,
  ],
  [
    "a taken volume",
    "VEDETTE_NAME_TAKEN",
    () => run(JSON.stringify({ containerDefinitions: [APP], volumes: [{ name: "vedette-own-3" }] })),
    /volumes: the volume name vedette-own-3 is in use already/,
  ],
  [
    "a parameter for words",
    "VEDETTE_DEFINITION_OPAQUE",
    () => run(TEMPLATE("!Ref Words")),
    /task\.yaml:7: Resources\.A\.Properties\.ContainerDefinitions\[0\]\.EntryPoint is the function Ref/,
  ],
  [
    "a macro for containers",
    "VEDETTE_DEFINITION_OPAQUE",
    () =>
      run("Resources: {A: {Type: AWS::ECS::TaskDefinition, Properties: {ContainerDefinitions: !Transform {Name: M}}}}"),
    /the function Fn::Transform/,
  ],
  [
    "a shared anchor",
    "VEDETTE_DEFINITION_SHARED",
    () => run(`${TEMPLATE("&e [/a]")}          Command: *e\n`),
    /an alias repeats elsewhere/,
  ],
  ["an alias", "VEDETTE_DEFINITION_SHARED", () => run(`x: &e [/a]\n${TEMPLATE("*e")}`), /the YAML alias \*e/],
  [
    "Windows",
    "VEDETTE_DEFINITION_WINDOWS",
    () =>
      run(
        JSON.stringify({
          containerDefinitions: [APP],
          runtimePlatform: { operatingSystemFamily: "WINDOWS_SERVER_2022_CORE" },
        }),
      ),
    /runtimePlatform: this task runs on Windows/,
  ],
  [
    "a container without a name",
    "VEDETTE_DEFINITION_INVALID",
    () => run(task({ image: "a" })),
    /task\.json:6: containerDefinitions\[0\]: a container has no name/,
  ],
  [
    "words left to the image",
    "VEDETTE_IMAGE_CONFIG_NEEDED",
    () => run(task({ name: "app", image: "app:1" })),
    /task\.json:6: the container app leaves the entryPoint to the image, .*: app\./,
  ],
  ["no image file", "VEDETTE_IMAGE_CONFIG_INVALID", () => readImageConfigs([join(folder, "no.json")]), /no such file/],
  [
    "an image file of another kind",
    "VEDETTE_IMAGE_CONFIG_INVALID",
    () => readImageConfigs([file("o.json", { a: 1 })]),
    /no image configuration/,
  ],
  [
    "an image file that is not JSON",
    "VEDETTE_IMAGE_CONFIG_INVALID",
    () => readImageConfigs([file("t.json", "FROM scratch")]),
    /not JSON/,
  ],
  [
    "an image that runs nothing",
    "VEDETTE_IMAGE_CONFIG_INVALID",
    () => run(task({ name: "app", image: "a" }), {}, [file("n.json", { config: {} })]),
    /neither Entrypoint nor Cmd/,
  ],
  [
    "an element taken out by hand",
    "VEDETTE_UNDO_CHANGED",
    () => undo(parseDocument("task.json", run(task(APP)).replace(/"dependsOn"/, '"dependson"'))),
    /containerDefinitions\/app\/dependsOn is no longer/,
  ],
];

function TEMPLATE(entryPoint: string): string {
  return `Resources:\n  A:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n        - Name: app\n          EntryPoint: ${entryPoint}\n`;
}

for (const [title, code, attempt, sentence] of REFUSALS) {
  test(`${title} is refused with its place`, () => {
    const error = refusal(attempt);
    assert.is(error.code, code, error.message);
    assert.match(error.message, sentence);
    assert.ok(error.hint.length > 0);
  });
}

test("the hint for words left to the image is a command that gives them", () => {
  const error = refusal(() => run(task({ name: "app", image: "registry.example/app:1" })));
  assert.match(error.hint, /docker image inspect registry\.example\/app:1 > app\.image\.json/);
  assert.match(error.hint, /--image-config app=app\.image\.json/);
});

test("who had SYS_PTRACE before keeps it, in either branch of a condition; where it is added, it is withheld", () => {
  const whose = (node: Plain): string => node.entryPoint[node.entryPoint.indexOf("--sys-ptrace") + 1];
  const own = { linuxParameters: { capabilities: { add: ["SYS_PTRACE"] } } };
  const bare = { ...APP, name: "bare", linuxParameters: { capabilities: { drop: ["ALL"] } } };
  const text = run(task(APP, { ...APP, ...own, name: "own" }, bare), { container: ["app", "own", "bare"] });
  assert.equal(
    ["app", "own", "bare"].map((name) => whose(container(text, name))),
    ["withhold", "share", "withhold"],
  );
  const twice = run(text);
  assert.is(twice, text);
  const add = (branch: string) => `{"Fn::If": ["Traces", ${branch}, ["NET_BIND_SERVICE"]]}`;
  const template = (branch: string) => `{"Resources": {"T": {"Type": "AWS::ECS::TaskDefinition", "Properties": {
    "Family": "f", "Cpu": "256", "Memory": "512", "ContainerDefinitions": [{"Name": "app", "Image": "app:1",
    "EntryPoint": ["/app"], "LinuxParameters": {"Capabilities": {"Add": ${add(branch)}}}}]}}}}`;
  assert.match(run(template('["SYS_PTRACE"]')), /"--sys-ptrace",\s*"share"/);
  assert.match(run(template('["NET_RAW"]')), /"--sys-ptrace",\s*"withhold"/);
});

test.run();
