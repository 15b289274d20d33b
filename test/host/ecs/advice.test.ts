// SPDX-License-Identifier: Apache-2.0
//
// What `instrument` asks for, says and refuses beyond the edits themselves: the image, where alerts go, the
// room that a task has, settings, companions, all missing images at once. Titles begin with the line of
// users.md that they close.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readConfiguration } from "../../../host/config/config.js";
import { readImageConfigs } from "../../../host/ecs/image-config.js";
import { type Instrumented, instrument } from "../../../host/ecs/instrument.js";
import type { RunOptions } from "../../../host/ecs/options.js";
import { parseDocument } from "../../../host/ecs/read.js";
import { VedetteError } from "../../../host/errors.js";
import { faultsOf } from "./ecs-model.js";
import { type Plain, plainOf } from "./plain.js";

const folder = mkdtempSync(join(tmpdir(), "instrument-advice-"));
test.after(() => rmSync(folder, { recursive: true }));

const FIRST = { image: "registry.example/vedette:1" };
const LOGS = {
  logConfiguration: { logDriver: "awslogs", options: { "awslogs-group": "g", "awslogs-region": "eu-west-1" } },
};
const APP = { name: "app", image: "app:1", entryPoint: ["/app"], ...LOGS };
const BARE = { name: "app", image: "app:1", entryPoint: ["/app"] };

function given(text: string, options: RunOptions = FIRST, images: string[] = []): Instrumented {
  const name = /^\s*[{[]/.test(text) ? "task.json" : "task.yaml";
  return instrument(parseDocument(name, text), options, readImageConfigs(images));
}

function run(
  definition: Plain,
  options: RunOptions = {},
  images: string[] = [],
): Instrumented & { sidecar: Plain; plain: Plain } {
  const done = given(
    JSON.stringify({ family: "f", cpu: "1024", memory: "2048", ...definition }),
    { ...FIRST, ...options },
    images,
  );
  const plain = JSON.parse(done.text);
  assert.equal(faultsOf(plain, false), [], "AWS's model takes it");
  return { ...done, plain, sidecar: plain.containerDefinitions.find((one: Plain) => one.name === "vedette") };
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

const watchedLine = ({ remarks }: Instrumented) => remarks.filter((one) => /^(not )?watched/.test(one)).join("; ");

test("P2: a sidecar without a log is told of with its remedy, which works", () => {
  const { advice, sidecar } = run({ containerDefinitions: [BARE] });
  assert.is(sidecar.logConfiguration, undefined);
  assert.match(advice.join("\n"), /alerts go nowhere: .*--log-group NAME, or --alerts-to URL/);
  const own = run({ containerDefinitions: [BARE] }, { logGroup: "/vedette", logRegion: "eu-west-1" });
  assert.equal(own.advice, []);
  assert.equal(own.sidecar.logConfiguration, {
    logDriver: "awslogs",
    options: { "awslogs-group": "/vedette", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "vedette" },
  });
  const sent = run({ containerDefinitions: [BARE] }, { alertsTo: ["https://siem.example/in"] });
  assert.equal(sent.advice, []);
  assert.match(
    sent.sidecar.command.join(" "),
    /--option http_output.enabled=true --option http_output.url=https:\/\/siem\.example\/in$/,
  );
});

test("P2: alerts go to a receiver of each kind, and to no two of one", () => {
  const alertsTo = ["https://siem.example/in", "tls://log.example", "/alerts/file"];
  const words = run({ containerDefinitions: [APP] }, { alertsTo }).sidecar.command.join(" ");
  assert.match(
    words,
    /--option http_output\.url=https:\/\/siem\.example\/in --syslog tls:\/\/log\.example --alerts \/alerts\/file/,
  );
  const error = refusal(() => run({ containerDefinitions: [APP] }, { alertsTo: ["https://a", "https://b"] }));
  assert.match(error.message, /--alerts-to https:\/\/b is wrong: .* https:\/\/a is given too/);
});

test("P2: alerts that FireLens would send as the application's are told of", () => {
  const routed = { ...BARE, logConfiguration: { logDriver: "awsfirelens" } };
  const router = { name: "router", image: "amazon/aws-for-fluent-bit", firelensConfiguration: { type: "fluentbit" } };
  const { advice } = run({ containerDefinitions: [routed, router] });
  assert.match(advice.join("\n"), /through FireLens as if they were the application's/);
  assert.equal(run({ containerDefinitions: [routed, router] }, { logGroup: "v", logRegion: "r" }).advice, []);
});

test("P2: the group's region is CloudFormation's, the others' or the registry's, and else asked for", () => {
  const template = `Resources: {T: {Type: AWS::ECS::TaskDefinition, Properties: {ContainerDefinitions: [{Name: a, Image: a, EntryPoint: [/a]}]}}}`;
  const { text } = given(template, { ...FIRST, logGroup: "v" });
  const logs = plainOf("t.yaml", text).Resources.T.Properties.ContainerDefinitions[1].LogConfiguration;
  assert.equal(logs.Options["awslogs-region"], { Ref: "AWS::Region" });
  const region = (one: Instrumented & { sidecar: Plain }) => one.sidecar.logConfiguration.options["awslogs-region"];
  assert.is(region(run({ containerDefinitions: [APP] }, { logGroup: "v" })), "eu-west-1");
  const image = "123456789012.dkr.ecr.us-east-2.amazonaws.com/vedette:1";
  assert.is(region(run({ containerDefinitions: [BARE] }, { image, logGroup: "v" })), "us-east-2");
  const { AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  delete process.env.AWS_REGION;
  delete process.env.AWS_DEFAULT_REGION;
  assert.is(refusal(() => run({ containerDefinitions: [BARE] }, { logGroup: "v" })).code, "VEDETTE_LOG_REGION_NEEDED");
  Object.assign(process.env, AWS_REGION && { AWS_REGION }, AWS_DEFAULT_REGION && { AWS_DEFAULT_REGION });
});

test("P3: ECS starts a sidecar again that has ended; on EC2 it is said which agent can", () => {
  const { sidecar, advice } = run({ requiresCompatibilities: ["FARGATE"], containerDefinitions: [APP] });
  assert.equal(sidecar.restartPolicy, { enabled: true, restartAttemptPeriod: 60 });
  assert.equal(advice, []);
  const onEc2 = run({ requiresCompatibilities: ["EC2"], containerDefinitions: [APP] });
  assert.match(onEc2.advice.join("\n"), /ECS agent is of version 1\.86 or later/);
});

test("P4, P5: all images that are missing are named at once, and what is printed can be given", () => {
  const template = `Parameters: {Url: {Type: String, Default: "repo/web:7"}, Other: {Type: String}}
Resources:
  A:
    Type: AWS::ECS::TaskDefinition
    Properties:
      ContainerDefinitions:
        - {Name: !Sub "\${Service}-agent", Image: !Ref Other}
        - {Name: web, Image: !Ref Url}
        - {Name: own, Image: "own:1", EntryPoint: [/own]}
  B:
    Type: AWS::ECS::TaskDefinition
    Properties:
      ContainerDefinitions:
        - {Name: web, Image: "b/web:1"}
`;
  const error = refusal(() => given(template));
  assert.is(error.code, "VEDETTE_IMAGE_CONFIG_NEEDED");
  assert.match(error.message, /3 containers leave .*: \$\{Service\}-agent, A\/web, B\/web\./);
  assert.match(
    error.hint,
    /IMAGE=\.\.\. {3}# the image that !Ref Other becomes\n {4}docker image inspect "\$IMAGE" > /,
  );
  assert.match(error.hint, /docker image inspect repo\/web:7 > /, "a parameter's default");
  const options = [...error.hint.matchAll(/--image-config (?:'([^']+)'|(\S+))/g)].map(
    ([, quoted, bare]) => quoted ?? bare!,
  );
  assert.is(options.length, 3);
  const names = new Map<string, string>();
  for (const option of options) {
    const [name, file] = [option.slice(0, option.indexOf("=")), option.slice(option.indexOf("=") + 1)];
    names.set(option, `${name}=${join(folder, file)}`);
    writeFileSync(join(folder, file), JSON.stringify([{ Config: { Entrypoint: [`/of-${file}`] } }]));
  }
  assert.is(new Set(options.map((one) => one.split("=")[1])).size, 3, "a file for each image");
  const { text } = given(template, FIRST, [...names.values()]);
  const words = (id: string) =>
    plainOf("t.yaml", text)
      .Resources[id].Properties.ContainerDefinitions.filter((one: Plain) => one.Name !== "vedette")
      .map((one: Plain) => one.EntryPoint.at(-1));
  assert.equal(
    [...words("A"), ...words("B")],
    [...options.slice(0, 2).map((one) => `/of-${one.split("=")[1]}`), "/own", `/of-${options[2]!.split("=")[1]}`],
  );
});

test("P6: the image is asked for, and must be one", () => {
  for (const image of [undefined, "", "no image", "-x", "a:b:c"]) {
    const error = refusal(() =>
      given(JSON.stringify({ containerDefinitions: [APP] }), image === undefined ? {} : { image }),
    );
    assert.is(error.code, "VEDETTE_IMAGE_NEEDED", String(image));
    assert.match(error.hint, /--image REGISTRY\/vedette/);
  }
  for (const image of [
    "v",
    "localhost:5000/a/b:1",
    "r/v@sha256:".concat("0".repeat(64)),
    "r/v:1@sha256:".concat("0".repeat(64)),
  ])
    assert.is(run({ containerDefinitions: [APP] }, { image }).sidecar.image, image);
});

test("P7: limits of ECS: containers, a mount point where ours goes, a command as text", () => {
  const many = Array.from({ length: 10 }, (_, index) => ({ ...APP, name: `c${index}` }));
  const tooMany = refusal(() => run({ containerDefinitions: many }));
  assert.is(tooMany.code, "VEDETTE_DEFINITION_LIMIT");
  assert.match(tooMany.message, /it has 10 containers, and ECS takes at most 10/);
  run({ containerDefinitions: many.slice(1) });
  const mounted = (containerPath: string) => ({ ...APP, mountPoints: [{ sourceVolume: "x", containerPath }] });
  for (const path of ["/vedette", "/vedette/", "/vedette-own/1"]) {
    const error = refusal(() => run({ containerDefinitions: [mounted(path)] }));
    assert.is(error.code, "VEDETTE_NAME_TAKEN");
  }
  run({ containerDefinitions: [mounted("/vedette-data")] });
  const asText = refusal(() => given(JSON.stringify({ containerDefinitions: [{ ...APP, command: "npm start" }] })));
  assert.match(asText.message, /containerDefinitions\[0\]\.command: it is one text, and ECS takes a list of words/);
});

test("P7: memory is reserved where the task has it, and what does not fit is said", () => {
  const reserved = (memory: number, task = "512") => {
    const { sidecar, advice } = run({ memory: task, containerDefinitions: [{ ...APP, memory }] });
    return [sidecar.memoryReservation ?? null, advice.join("\n").replace(/ and the sidecar needs.*/, "")];
  };
  assert.equal(reserved(384), [128, ""]);
  assert.equal(reserved(400), [112, "the containers ask for 400 of the task's 512 MiB,"]);
  assert.equal(reserved(512), [null, "the containers ask for 512 of the task's 512 MiB,"]);
  assert.equal(reserved(512, "1 GB"), [128, ""]);
});

test("P7: a sidecar that keeps evidence or a store gets more, and what is set for it must fit the task", () => {
  const made = (...set: string[]) => {
    const { sidecar, advice } = run({ memory: "512", containerDefinitions: [{ ...APP, memory: 256 }] }, { set });
    return [sidecar.memory ?? null, sidecar.memoryReservation ?? null, advice.join("\n")];
  };
  for (const keeping of ["evidence=/kept", "evidence-capture=/kept", "store=/kept"])
    assert.equal(made(keeping), [null, 176, ""]);
  assert.equal(made("evidence=/kept", "container.memoryReservation=200"), [null, 200, ""]);
  assert.equal(made("container.memory=256"), [256, null, ""]);
  assert.equal(made("container.memory=201", "container.memoryReservation=200"), [201, 200, ""]);
  for (const [set, why] of [
    [["container.memory=257"], /container\.memory=257.*: the containers ask for 256 of the task's 512 MiB/],
    [["container.memoryReservation=257"], /container\.memoryReservation=257.*: the containers ask for 256/],
    [
      ["container.memory=200", "container.memoryReservation=200"],
      /container\.memory=200.*: ECS takes only more than its memoryReservation, which is 200/,
    ],
  ] as const) {
    const error = refusal(() => made(...set));
    assert.is(error.code, "VEDETTE_SETTING_INVALID");
    assert.match(error.message, why);
  }
});

test("P7: a task whose CPU is given away is told, and can be given some; ARM64 is told", () => {
  const cpu = (options: RunOptions = {}) =>
    run({ cpu: "256", containerDefinitions: [{ ...APP, cpu: 256 }] }, options).advice.join("\n");
  assert.match(cpu(), /ask for 256 of the task's 256 CPU units.*--set container\.cpu=64/);
  const tooMuch = refusal(() => cpu({ set: ["container.cpu=64"] }));
  assert.is(tooMuch.code, "VEDETTE_SETTING_INVALID");
  assert.match(tooMuch.message, /container\.cpu=64.*: the containers ask for 256 of the task's 256 CPU units/);
  assert.equal(run({ containerDefinitions: [{ ...APP, cpu: 256 }] }, { set: ["container.cpu=64"] }).advice, []);
  const arm = run({ runtimePlatform: { cpuArchitecture: "ARM64" }, containerDefinitions: [APP] });
  assert.match(arm.advice.join("\n"), /ARM64: give an image that has arm64/);
});

test("P8: what is refused is explained by what it is", () => {
  const windows = {
    runtimePlatform: { operatingSystemFamily: "WINDOWS_SERVER_2022_CORE" },
    containerDefinitions: [APP],
  };
  assert.match(
    refusal(() => run(windows)).hint,
    /Vedette supports Linux tasks only\. Skip this one with `--task-definition`/,
  );
  const twice = refusal(() => given('{"family": "a", "family": "b", "containerDefinitions": []}'));
  assert.not.match(`${twice.message} ${twice.hint}`, /ECS would/);
  const anchor =
    "x: &e [/a]\nResources: {A: {Type: AWS::ECS::TaskDefinition, Properties: {ContainerDefinitions: [{Name: a, EntryPoint: *e}]}}}";
  assert.not.match(refusal(() => given(anchor)).message, /only CloudFormation/);
});

const COMPANIONS = [
  ["public.ecr.aws/appmesh/aws-appmesh-envoy:v1.29.6.1-prod", "an Envoy proxy"],
  ["envoyproxy/envoy:v1.30", "an Envoy proxy"],
  ["public.ecr.aws/xray/aws-xray-daemon:latest", "the X-Ray daemon"],
  ["amazon/aws-xray-daemon", "the X-Ray daemon"],
  ["public.ecr.aws/cloudwatch-agent/cloudwatch-agent:latest", "the CloudWatch agent"],
  ["amazon/cloudwatch-agent@sha256:".concat("0".repeat(64)), "the CloudWatch agent"],
  ["public.ecr.aws/datadog/agent:7", "the Datadog agent"],
  ["datadog/agent", "the Datadog agent"],
  ["public.ecr.aws/aws-observability/aws-for-fluent-bit:stable", "Fluent Bit"],
  ["fluent/fluent-bit:3", "Fluent Bit"],
  ["public.ecr.aws/aws-observability/aws-otel-collector:v0.40", "an OpenTelemetry collector"],
  ["otel/opentelemetry-collector-contrib:0.100", "an OpenTelemetry collector"],
  ["123456789012.dkr.ecr.eu-west-1.amazonaws.com/ecs-service-connect-agent:interface-v1", "ECS Service Connect"],
  ["593207742271.dkr.ecr.us-east-1.amazonaws.com/aws-guardduty-agent-fargate:v1.7", "the GuardDuty agent"],
] as const;

test("P11: known companions are not watched unless they are named, and stderr says why", () => {
  for (const [image, what] of COMPANIONS) {
    const containerDefinitions = [APP, { ...APP, name: "side", image }];
    const { plain, remarks } = run({ containerDefinitions });
    assert.equal(plain.containerDefinitions[1], containerDefinitions[1], image);
    assert.is(remarks.join("; "), `watched: app; not watched: side (${what}); --container NAME adds one`);
    assert.is(watchedLine(run({ containerDefinitions }, { container: ["app", "side"] })), "watched: app, side");
  }
  for (const image of ["team/envoy-control:1", "team/agent:1", "my-xray:1", "fluent-bit-tests:1"])
    assert.is(
      watchedLine(run({ containerDefinitions: [APP, { ...APP, name: "side", image }] })),
      "watched: app, side",
      image,
    );
});

test("P11: a companion is the workload where it is all there is, and one that was watched stays watched", () => {
  const envoy = { ...APP, name: "gateway", image: "envoyproxy/envoy:v1" };
  const { text, remarks } = run({ containerDefinitions: [envoy] });
  assert.is(remarks[0], "watched: gateway");
  const both = text.replace(
    '"containerDefinitions":[',
    `"containerDefinitions":[${JSON.stringify({ ...APP, name: "late" })},`,
  );
  assert.is(watchedLine(given(both, {})), "watched: late, gateway");
});

test("P12: every option of the sidecar can be given, is kept, changed and taken back", () => {
  const config = join(folder, "vedette.yaml");
  writeFileSync(
    config,
    "workers: 3\ndrain: 7\nfalco-rules: [/rules/a.yaml, '/rules/b,c.yaml']\nstrict: true\ncontainer:\n  memory: 256\n  environment: {TZ: UTC}\nagent: {snaplen: 256}\n",
  );
  const { text, sidecar, plain } = run(
    { containerDefinitions: [APP] },
    { config, set: ["workers=2"], policies: "/policies", tenants: "/t.yaml" },
  );
  const line = sidecar.command.join(" ");
  for (const words of [
    "--workers 2",
    "--drain 7",
    "--falco-rules /rules/a.yaml",
    "--falco-rules /rules/b,c.yaml",
    "--strict",
    "--policies-d /policies",
    "--tenants /t.yaml",
  ])
    assert.ok(`${line} `.includes(`${words} `), `${words} in ${line}`);
  assert.equal([sidecar.memory, sidecar.environment], [256, [{ name: "TZ", value: "UTC" }]]);
  assert.match(plain.containerDefinitions[0].entryPoint.join(" "), /--snaplen 256 -- \/app$/);
  assert.is(given(text, {}).text, text, "kept by the journal");
  const next = JSON.parse(
    given(text, { set: ["workers=4", "drain=", "falco-rules=/rules/z.yaml"] }).text,
  ).containerDefinitions.at(-1);
  assert.match(next.command.join(" "), /--workers 4/);
  assert.not.match(next.command.join(" "), /--drain|a\.yaml/);
  assert.is(next.memory, 256);
});

test("P12: the sidecar gets volumes of the task and waits for who fills them, as it is told, beside its own", () => {
  const set = ["container.mountPoints.rules=/rules", "container.dependsOn.fetch=SUCCESS"];
  const fetch = { ...BARE, name: "fetch", essential: false };
  const definition = { containerDefinitions: [APP, fetch], volumes: [{ name: "rules" }] };
  const { text, sidecar } = run(definition, { set });
  assert.equal(sidecar.mountPoints.at(-1), { sourceVolume: "rules", containerPath: "/rules", readOnly: true });
  assert.is(sidecar.mountPoints.length, 3);
  assert.equal(sidecar.dependsOn, [{ containerName: "fetch", condition: "SUCCESS" }]);
  assert.is(given(text, {}).text, text, "kept by the journal");
  const gone = JSON.parse(given(text, { set: ["container.dependsOn.fetch="] }).text).containerDefinitions.at(-1);
  assert.is(gone.dependsOn, undefined);
  for (const wrong of [
    "container.mountPoints.rules=rules",
    "container.mountPoints.rules=/vedette/x",
    "container.dependsOn.a=DONE",
    "container.stopTimeout=121",
    "container.memory=5",
    "container.memoryReservation=122881",
    "container.cpu=16385",
  ])
    assert.is(refusal(() => run({ containerDefinitions: [APP] }, { set: [wrong] })).code, "VEDETTE_SETTING_INVALID");
});

test("P12: the sidecar can write to a volume in which it is to make something, and to no other", () => {
  const volume = (path: string) => `container.mountPoints.kept=${path}`;
  const isReadOnly = (options: RunOptions): unknown =>
    run({ containerDefinitions: [APP], volumes: [{ name: "kept" }] }, options).sidecar.mountPoints.at(-1).readOnly;
  const written = ["evidence=/kept/evidence", "store=/kept", "alerts=/kept/alerts.json", "serials=/kept/serials"];
  const outputs = ["FILE_PATH=/kept/a", "SIEM_QUEUE_DIR=/kept/queues"].map(
    (one) => `container.environment.VEDETTE_OUTPUTS_${one}`,
  );
  for (const one of [...written, ...outputs, "http=unix:/kept/h.sock"])
    for (const path of ["/kept", "/kept/"]) assert.is(isReadOnly({ set: [volume(path), one] }), false, one);
  assert.is(isReadOnly({ set: [volume("/kept")], alertsTo: ["/kept/alerts"] }), false);
  assert.is(isReadOnly({ set: [volume("/kept"), "policies-d=/kept/policies"] }), true);
  assert.is(isReadOnly({ set: [volume("/kept"), "policies-d=/kept/policies", "releases=true"] }), false);
  for (const one of ["evidence=/keptness", "falco-rules=/kept/rules.yaml", "store=postgres://a@b/kept"])
    assert.is(isReadOnly({ set: [volume("/kept"), one] }), true, one);
});

test("P12: a volume or a container that the task does not have, and containers that wait in a circle, are refused", () => {
  const cron = (dependsOn: object[]) => ({ ...BARE, name: "cron", essential: false, dependsOn });
  const reason = (definition: Plain, set: string): string => refusal(() => run(definition, { set: [set] })).message;
  const volumes = [{ name: "data" }];
  const both = { containerDefinitions: [APP, cron([{ containerName: "app", condition: "START" }])], volumes };
  assert.match(reason(both, "container.mountPoints.rules=/rules"), /no volume of this name; it has data\.$/);
  assert.match(
    reason({ ...both, volumes: [] }, "container.mountPoints.data=/d"),
    /no volume of this name; it has none\.$/,
  );
  assert.match(reason(both, "container.dependsOn.fetch=SUCCESS"), /no container of this name; it has app, cron\.$/);
  for (const name of ["app", "cron"])
    assert.match(
      reason(both, `container.dependsOn.${name}=START`),
      /app is watched, so it waits for the sidecar itself\.$/,
    );
  const free = { containerDefinitions: [APP, cron([])], volumes };
  run(free, { set: ["container.dependsOn.cron=SUCCESS", "container.mountPoints.data=/d"] });
  const unknown = `Resources: {T: {Type: AWS::ECS::TaskDefinition, Properties: {Volumes: [{Name: !Ref Volume}],
    ContainerDefinitions: [{Name: !Sub "x", Image: a, EntryPoint: [/a]}]}}}`;
  given(unknown, { ...FIRST, set: ["container.mountPoints.any=/d", "container.dependsOn.any=START"] });
});

test("P12: another address of the sidecar's HTTP is known to the health check", () => {
  const { sidecar } = run({ containerDefinitions: [APP] }, { set: ["http=127.0.0.1:9999"] });
  assert.equal(sidecar.healthCheck.command.slice(-2), ["--http", "127.0.0.1:9999"]);
});

test("P12: where rows of respond ask the agents for something, they get --respond; nobody else does", () => {
  const config = join(folder, "respond.yaml");
  const made = (text: string, rows: string, ...set: string[]) => {
    writeFileSync(config, rows);
    const done = text === "" ? run({ containerDefinitions: [APP] }, { config, set }) : given(text, { config, set });
    const { containerDefinitions: all } = JSON.parse(done.text);
    const [agent, sidecar] = [all[0].entryPoint, all.at(-1)];
    const rowsRead = Object.fromEntries((sidecar.environment ?? []).map((one: Plain) => [one.name, one.value]));
    const asks = agent.filter((word: string) => word === "--respond").length;
    return { text: done.text, variables: rowsRead, asks, serve: sidecar.command.join(" ") };
  };
  const KILL = "respond:\n  - {rules: [Reverse shell, 'kill, or not'], action: kill-tree, mode: enforce}\n";
  const first = made("", KILL);
  assert.is(first.asks, 1);
  const asRead = (path: string | null, from: NodeJS.ProcessEnv) => readConfiguration(path, from).options.get("respond");
  assert.equal(asRead(null, first.variables), asRead(config, {}));
  assert.is(made(first.text, KILL).text, first.text, "twice is once");
  assert.is(given(first.text, {}).text, first.text, "kept by the journal");
  // The host keeps evidence by itself; and nobody asks for anything any more.
  assert.is(made("", `respond: [{rules: ['"action":"kill"'], action: capture}]\n`).asks, 0);
  assert.is(made("", "respond: [{rules: [R], action: stop-task}, {rules: [R], action: capture}]\n").asks, 0);
  const none = made(first.text, "respond: []\n");
  assert.equal([none.asks, none.variables.VEDETTE_RESPOND], [0, undefined]);
  // Rows that are set by hand, as text or as a secret.
  const rows = (action: string): string =>
    `container.environment.VEDETTE_RESPOND=[ {"rules": ["a"], "action": "${action}"} ]`;
  assert.is(made("", "{}\n", rows("kill")).asks, 1);
  assert.is(made("", "{}\n", rows("capture")).asks, 0);
  assert.is(made("", "{}\n", "container.secrets.VEDETTE_RESPOND=arn:aws:ssm:eu-west-1:1:parameter/rows").asks, 1);
  // Rows that are in the sidecar alone: who asks cannot be known here, and may be said.
  const file = made("", "respond: /rules/respond.yaml\n");
  assert.is(file.asks, 1);
  assert.match(file.serve, "--respond /rules/respond.yaml");
  assert.is(made(file.text, "{}\n", "agent.respond=false").asks, 0);
  assert.is(made(file.text, "{}\n", "respond=", "agent.respond=true").asks, 1);
  assert.is(made(file.text, "{}\n", "respond=").asks, 0);
  assert.match(refusal(() => made("", "respond: {rules: [a]}\n")).message, /there is no respond\.rules/);
  // Somebody had written it by hand, as the page said.
  const byHand = given(JSON.stringify({ family: "f", cpu: "1024", memory: "2048", containerDefinitions: [APP] })).text;
  const edited = byHand.replace('"withhold",', '"withhold", "--respond",');
  assert.not.equal(edited, byHand);
  assert.is(made(edited, KILL).asks, 1);
  assert.match(given(edited, {}).text, /"withhold", ?"--respond", ?"--"/);
});

test("P9: on a shared network the sidecar answers at a socket of the task, and its health check asks there", () => {
  const { sidecar } = run({ networkMode: "host", requiresCompatibilities: ["EC2"], containerDefinitions: [APP] });
  for (const words of [sidecar.command, sidecar.healthCheck.command])
    assert.equal(words.slice(-2), ["--http", "unix:/vedette/http.sock"]);
  const given = run({ networkMode: "host", containerDefinitions: [APP] }, { set: ["http=127.0.0.1:9"] }).sidecar;
  assert.equal(given.command.filter((word: string) => word === "--http").length, 1);
});

test("P12: a setting that is none is refused with those that there are", () => {
  for (const [set, reason] of [
    ["worker=2", /there is no worker; there are workers, /],
    ["workers", /it is not KEY=VALUE/],
    ["workers=many", /its value must be a number/],
    ["strict=perhaps", /true or false/],
  ] as const) {
    const error = refusal(() => run({ containerDefinitions: [APP] }, { set: [set] }));
    assert.is(error.code, "VEDETTE_SETTING_INVALID");
    assert.match(error.message, reason);
  }
});

test("what each setting becomes, `vedette serve` and the agent know", async () => {
  const { spawnSync } = await import("node:child_process");
  const help = spawnSync(process.execPath, ["--import", "tsx", "host/main.ts", "serve", "--help"], {
    encoding: "utf8",
  }).stdout;
  const { message } = refusal(() => run({ containerDefinitions: [APP] }, { set: ["x=1"] }));
  const keys = message.replace(/^.*there are /s, "").split(", ");
  const options = keys.filter((key) => !/[.]/.test(key));
  assert.ok(options.length >= 15, message);
  for (const key of options) assert.match(help, new RegExp(`--${key}\\b`), key);
});

test.run();
