// SPDX-License-Identifier: Apache-2.0
//
// docs/fargate.md and docs/operations.md, line by line: what they type is typed, one page after the other, in
// one folder; each other block is walked by a row of BLOCKS, each recipe by the test that RECIPES names.
// AWS's command line, skopeo and a registry are real, AWS itself is test/lab/aws.ts. Docker and Copilot are
// scripts that do what they are asked for here. What is not typed stands in NOT_TYPED, with the reason.
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import { loginFor } from "../../host/registry/login.js";
import { faultsOf } from "../host/ecs/ecs-model.js";
import type { Plain } from "../host/ecs/plain.js";
import { Aws, PASSWORD } from "../lab/aws.js";
import { ordersWith } from "../lab/orders.js";
import { startRegistry } from "../lab/registry.js";
import { packaged } from "../lab/sidecar.js";
import { type Block, blocksOf, commandsOf } from "../pages.js";
import { hasLibrary } from "./npm-library.js";
import { hasCommand, ROOT, run, scratch, VEDETTE } from "./programs.js";

const PAGES = ["fargate.md", "operations.md"];
const HCL = ["@cdktn/hcl2json@0.24.0"];
const HCL_AT = join(ROOT, "build/hcl");
const COMMAND_MS_MAX = 120_000;

const NOT_TYPED: Record<string, string> = {
  "npm run package": "packaged() runs it; npm-packages and system-packages run its other programs",
  "npm test -- fargate": "it is the tests",
};

interface BlockRow {
  readonly page: string;
  readonly language: string;
  /** What only this block has. */
  readonly has: RegExp;
  /** The test that walks it, or what does so here. */
  readonly walk: string | ((text: string) => void | Promise<void>);
}

const BLOCKS: readonly BlockRow[] = [
  { page: "fargate.md", language: "hcl", has: /^module "vedette"/, walk: isOfTheModule },
  { page: "fargate.md", language: "yaml", has: /^workers: 2/, walk: isOfTheSidecar },
  { page: "fargate.md", language: "yaml", has: /^outputs:/m, walk: isOfTheSidecar },
  { page: "operations.md", language: "json", has: /"Statement"/, walk: isAPolicy },
  { page: "operations.md", language: "json", has: /"level"/, walk: "test/host/cli/serve-command.test.ts" },
  { page: "operations.md", language: "json", has: /"app"/, walk: "test/host/ecs/assembly.test.ts" },
  { page: "operations.md", language: "ts", has: /new Vedette/, walk: "test/e2e/cdk.test.ts" },
];

/** Each file of these folders, and the test that plays it. */
const RECIPES: Record<string, string> = {
  "cdk/vedette.ts": "test/e2e/cdk.test.ts",
  "ecs/rules-from-s3.json": "test/e2e/rules-recipes.test.ts",
  "ecs/rules-from-ssm.json": "test/e2e/rules-recipes.test.ts",
  "eks/pod.yaml": "test/e2e/eks-recipe.test.ts",
  "terraform/main.tf": "test/host/ecs/ways.test.ts",
};

const ORDERS = ordersWith({ entryPoint: ["/srv/orders"] });

/** As `copilot svc package` prints one, but for what is not a task definition. */
const TEMPLATE = `Resources:
  TaskDefinition:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: !Sub '\${AWS::StackName}-orders'
      ContainerDefinitions:
        - Name: orders
          Image: !Ref ContainerImage
          EntryPoint: [/srv/orders]
          LogConfiguration: {LogDriver: awslogs, Options: {awslogs-group: !Ref LogGroup}}
`;

const COPILOT = `#!/bin/sh
case "$*" in
  "svc override --name orders --iac-tool yamlpatch") mkdir -p copilot/orders/overrides ;;
  "svc package --name orders --env test") cat template.yml ;;
  *) exit 64 ;;
esac
`;

const DOCKER = `#!/bin/sh
[ "$1 $2 $3 $4" = "login --username AWS --password-stdin" ] || exit 64
mkdir -p "$DOCKER_CONFIG"
printf '{"auths": {"%s": {"auth": "%s"}}}' "$5" "$(printf 'AWS:%s' "$(cat)" | base64)" > "$DOCKER_CONFIG/config.json"
`;

const home = scratch();
const bin = scratch();
const aws = new Aws({ orders: { taskDefinition: ORDERS, tags: [] } });
const environment: Record<string, string> = {
  PATH: `${bin}:${process.env.PATH}`,
  DOCKER_CONFIG: join(home, "docker"),
  HOME: home,
};
const missing = ["aws", "skopeo", "docker-registry"].find((command) => !hasCommand(command)) ?? null;
const readIn = (name: string): Plain => JSON.parse(readFileSync(join(home, name), "utf8"));
const sidecarIn = (name: string): Plain => {
  const { containerDefinitions } = readIn(name);
  return containerDefinitions.find((one: Plain) => one.name === "vedette");
};

/** What must be so after a line that is typed, by its beginning. */
const AFTER: readonly (readonly [begins: string, check: (stdout: string) => void])[] = [
  ["aws ecs describe-task-definition", () => assert.is(readIn("orders.json").taskDefinition.revision, 12)],
  ["aws ecs register-task-definition", isRegistered],
  ["aws ecr get-login-password", () => assert.match(JSON.stringify(readIn("docker/config.json")), "ACCOUNT.dkr.ecr")],
  ["copilot svc override", () => assert.ok(existsSync(join(home, "copilot/orders/overrides")))],
];

function isRegistered(): void {
  const [given] = aws.registered;
  assert.equal(given, readIn("orders.vedette.json"));
  assert.equal(faultsOf(given, false), []);
}

/** Types it as a shell would. */
async function typed(line: string, registry: string): Promise<void> {
  const { status, stdout, stderr } = await run(["sh", "-c", `set -e; ${line.replaceAll("REGISTRY", registry)}`], {
    cwd: home,
    env: environment,
    limitMs: COMMAND_MS_MAX,
  });
  assert.is(status, 0, `${line}\n${stdout}\n${stderr}`);
  if (line.startsWith("vedette instrument")) {
    const isDry = line.includes("--dry-run");
    assert.is(/^\+.*vedette/m.test(stdout), isDry, line);
    const [, name] = / -o (\S+\.json)$/.exec(line) ?? [];
    if (name !== undefined && !name.startsWith("containers")) assert.equal(faultsOf(readIn(name), false), [], line);
  }
  for (const [begins, check] of AFTER) if (line.startsWith(begins)) check(stdout);
}

function program(name: string, text: string): void {
  writeFileSync(join(bin, name), text);
  chmodSync(join(bin, name), 0o755);
}

if (missing === null) {
  test("P14: each line that the pages type does what they say", async () => {
    packaged();
    const registry = await startRegistry(join(home, "registry"));
    try {
      Object.assign(environment, await aws.open());
      mkdirSync(join(home, "build"));
      symlinkSync(join(ROOT, "build/package"), join(home, "build/package"));
      const registries = join(home, ".config/containers");
      mkdirSync(registries, { recursive: true });
      const insecure = `[[registry]]\nlocation = "${registry.at}"\ninsecure = true\n`;
      writeFileSync(join(registries, "registries.conf"), insecure);
      writeFileSync(join(home, "containers.json"), JSON.stringify(ORDERS.containerDefinitions));
      writeFileSync(join(home, "template.yml"), TEMPLATE);
      cpSync(join(ROOT, "docs/ecs"), home, { recursive: true });
      program("vedette", `#!/bin/sh\nexec ${VEDETTE.join(" ")} "$@"\n`);
      program("copilot", COPILOT);
      program("docker", DOCKER);
      const lines = PAGES.flatMap(commandsOf);
      assert.ok(lines.length > 15, lines.join("\n"));
      const notTyped = lines.filter((line) => line in NOT_TYPED);
      assert.equal(notTyped.toSorted(), Object.keys(NOT_TYPED).toSorted());
      for (const line of lines.filter((one) => !notTyped.includes(one))) await typed(line, registry.at);
      const tags = (await (await fetch(`http://${registry.at}/v2/vedette/tags/list`)).json()) as { tags: string[] };
      assert.equal(tags.tags, ["0.2.0"], "the image was copied");
    } finally {
      registry.child.kill();
      aws.close();
    }
    assert.is(sidecarIn("orders.vedette.json").image.split(":").at(-1), "0.3.0", "and was upgraded");
    const login = await loginFor("ACCOUNT.dkr.ecr.REGION.amazonaws.com", environment);
    assert.is(login, `Basic ${Buffer.from(`AWS:${PASSWORD}`).toString("base64")}`);
  });
} else console.log(`skip: the commands of docs/fargate.md and docs/operations.md: the command ${missing} is missing`);

for (const page of PAGES)
  test(`${page}: each block that is not typed is walked`, async () => {
    const rows = BLOCKS.filter((row) => row.page === page);
    for (const block of blocksOf(page).filter(({ language }) => language !== "")) {
      const mine = rows.filter(({ language, has }) => language === block.language && has.test(block.text));
      assert.is(mine.length, 1, `${page}: no row of BLOCKS, or two, for\n${block.text}`);
      await walked(mine[0]!, block);
    }
    for (const { has, language } of rows)
      assert.ok(
        blocksOf(page).some((block) => block.language === language && has.test(block.text)),
        `${page} has no block with ${has}`,
      );
  });

async function walked({ walk }: BlockRow, block: Block): Promise<void> {
  if (typeof walk === "string") assert.match(readFileSync(join(ROOT, walk), "utf8"), block.page, `${walk} walks it`);
  else await walk(block.text);
}

test("P14: each recipe is linked by its page, and played by a test", () => {
  const folders = [...new Set(Object.keys(RECIPES).map((path) => path.split("/")[0]!))];
  const files = folders.flatMap((folder) => readdirSync(join(ROOT, "docs", folder)).map((name) => `${folder}/${name}`));
  assert.equal(files.toSorted(), Object.keys(RECIPES));
  const pages = PAGES.map((page) => readFileSync(join(ROOT, "docs", page), "utf8")).join("\n");
  for (const [path, by] of Object.entries(RECIPES)) {
    assert.match(pages, `](${path})`);
    const test = readFileSync(join(ROOT, by), "utf8");
    assert.ok(test.includes(`docs/${path}`) || test.includes(`docs/${path.split("/")[0]}/$`), `${by} plays ${path}`);
  }
});

/** The settings of a file, as `instrument` takes them: each is in the sidecar then. */
async function isOfTheSidecar(text: string): Promise<void> {
  const folder = scratch();
  writeFileSync(join(folder, "orders.json"), JSON.stringify(ORDERS));
  writeFileSync(join(folder, "settings.yaml"), text);
  const words = ["orders.json", "--image", "registry.example/vedette:0.2.0", "--config", "settings.yaml"];
  const { status, stdout, stderr } = await run([...VEDETTE, "instrument", ...words], { cwd: folder });
  assert.is(status, 0, stderr);
  const { containerDefinitions } = JSON.parse(stdout) as Plain;
  const sidecar = containerDefinitions.find((one: Plain) => one.name === "vedette");
  const agent: string[] = containerDefinitions.find((one: Plain) => one.name === "orders").entryPoint;
  const { container = {}, agent: ofAgent = {}, outputs = {}, respond = [], ...serve } = parse(text) as Plain;
  const { secrets = {}, ...members } = container;
  for (const [name, value] of Object.entries(members)) assert.is(sidecar[name], value, name);
  for (const name of Object.keys(secrets))
    assert.ok(
      sidecar.secrets.some((one: Plain) => one.name === name),
      name,
    );
  for (const [name, value] of Object.entries({ ...serve, ...ofAgent }).flatMap(([key, one]) =>
    [one].flat().map((each) => [key, each]),
  ))
    assert.match([...sidecar.command, ...agent].join(" "), `--${name} ${value}`);
  const variables = (sidecar.environment ?? []).map((one: Plain) => one.name).join(" ");
  for (const name of Object.keys(outputs)) assert.match(variables, `VEDETTE_OUTPUTS_${name.toUpperCase()}_TYPE`);
  assert.is(/VEDETTE_RESPOND/.test(variables), respond.length > 0);
  assert.is(agent.includes("--respond"), respond.length > 0);
}

/** IAM's: each action is one that the page's table asks for. */
function isAPolicy(text: string): void {
  const { Version, Statement } = JSON.parse(text) as { Version: string; Statement: Record<string, unknown>[] };
  assert.is(Version, "2012-10-17");
  const table = readFileSync(join(ROOT, "docs/operations.md"), "utf8");
  for (const one of Statement) {
    assert.equal(Object.keys(one), ["Effect", "Action", "Resource"]);
    for (const action of [one.Action].flat()) assert.match(table, `\`${action}\``);
  }
}

/** The module is called with its own variables, gives what is used of it, and both are HCL. */
async function isOfTheModule(text: string): Promise<void> {
  if (!hasLibrary(HCL_AT, HCL)) return console.log("skip: Terraform's own parser: npm's registry is missing");
  const { parse: parseHcl } = await import(join(HCL_AT, "node_modules/@cdktn/hcl2json/build/index.js"));
  const module = (await parseHcl("main.tf", readFileSync(join(ROOT, "docs/terraform/main.tf"), "utf8"))) as Plain;
  const called = (await parseHcl("orders.tf", text)) as Plain;
  const { source, ...given } = called.module.vedette[0];
  assert.is(source, "./terraform");
  for (const name of Object.keys(given)) assert.ok(name in module.variable, `the module has no variable ${name}`);
  const needed = Object.entries(module.variable as Plain).filter(([, [one]]) => !("default" in one));
  for (const [name] of needed) assert.ok(name in given, `the variable ${name} is not given`);
  const used = [...text.matchAll(/module\.vedette\.(\w+)/g)].map(([, name]) => name!);
  assert.equal(used.toSorted(), Object.keys(module.output).toSorted());
}

test.run();
