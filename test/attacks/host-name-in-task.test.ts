// SPDX-License-Identifier: Apache-2.0
//
// Two containers of a task that `vedette instrument` has made, started as ECS starts them. Root in one of
// them has all that it can reach, the agent's executable and the socket among it, and speaks in the name of
// the other (H5): before that container's agent has come, and while it is there. The honest controls: by its
// own secret it is let in, and the other container's alerts come in its name.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readImageConfigs } from "../../host/ecs/image-config.js";
import { instrument } from "../../host/ecs/instrument.js";
import { AGENT_PATH, HOST_COMMAND, OWN_PATH, SOCKET_PATH } from "../../host/ecs/layout.js";
import { parseDocument } from "../../host/ecs/read.js";
import { type ContainerDefinition, startDefined } from "../lab/definition.js";
import { makeRootfs, missingFor, type Rootfs } from "../lab/rootfs.js";
import { alertsOf, fillVolume, isListening, packaged, SIDECAR } from "../lab/sidecar.js";
import { type Container, missingForTasks, Task, until, within } from "../lab/task.js";

const test = suite("names in a task");

const missing = missingForTasks() ?? missingFor("debian");
const RUN_MS_MAX = 90_000;
const NAMES = ["shop", "till"] as const;
const RESTED = "sleep 60";
const facts = (name: string) => ({ name, image: `registry.example/${name}:1`, digest: `sha256:${"0c".repeat(32)}` });

/** What `shop` does when it is told to. */
const DEED = "read go; cat /etc/shadow; read go";

const family = {
  family: "market",
  cpu: "256",
  memory: "512",
  containerDefinitions: NAMES.map((name) => ({
    name,
    image: `registry.example/${name}:1`,
    essential: true,
    entryPoint: ["sh", "-c", name === "shop" ? DEED : RESTED],
  })),
};

const task = new Task([SIDECAR, ...NAMES.map(facts)], "market");
const { text } = instrument(
  parseDocument("task.json", JSON.stringify(family)),
  { image: "registry.example/vedette:0.2.0" },
  readImageConfigs([]),
);
const { containerDefinitions } = JSON.parse(text) as { containerDefinitions: ContainerDefinition[] };
const definitionOf = (name: string) => containerDefinitions.find((one) => one.name === name)!;

let root: Rootfs;
let sidecar: Container;
let till: Container;

/** In till, as root of a session, the agent's own executable says that it is of the container `name`. */
async function pose(name: string, secret: string): Promise<number | null> {
  const words = [`VEDETTE_CONTAINER=${name}`, AGENT_PATH, "--host", `unix:${SOCKET_PATH}`, "--secret-file", secret];
  const waits = ["--start", "security", "--start-timeout", "2"];
  return (await till.exec(["env", ...words, ...waits, "--", "/bin/true"])).status;
}

const told = (rule: string) => alertsOf(sidecar).filter((alert) => alert.rule === rule);
const count = async (rule: string, least: number) =>
  until(
    () => told(rule).length >= least,
    `${rule}: not ${least}`,
    () => sidecar.stderr + sidecar.stdout,
  );

if (missing === null) {
  test.before(async () => {
    await task.open();
    fillVolume(task);
    const folder = join(task.folder, "debian");
    mkdirSync(folder);
    root = makeRootfs("debian", folder);
    const image = { path: packaged(), mounts: [] };
    sidecar = startDefined(task, definitionOf("vedette"), image, { entryPoint: [HOST_COMMAND] });
    await isListening(sidecar);
    till = startDefined(task, definitionOf("till"), root);
    await until(
      () => /watching till/.test(sidecar.stderr),
      "till's agent did not come",
      () => sidecar.stderr,
    );
  });
  test.after(() => task.close());

  test("H5: the secret of another container is nowhere in a container's files", async () => {
    const { stdout } = await till.exec(["sh", "-c", `find ${OWN_PATH} /vedette -type f -o -type s`]);
    assert.equal(stdout.split("\n").filter(Boolean).sort(), [`${OWN_PATH}/2/secret`, AGENT_PATH, SOCKET_PATH].sort());
  });

  test("H5: root of one container is not heard in the name of another, before that one's agent and beside it", async () => {
    assert.is(await pose("shop", `${OWN_PATH}/2/secret`), 125);
    await count("Agent refused", 1);
    const shop = startDefined(task, definitionOf("shop"), root);
    await until(
      () => /watching shop/.test(sidecar.stderr),
      "shop's agent did not come",
      () => sidecar.stderr,
    );
    assert.is(await pose("shop", `${OWN_PATH}/2/secret`), 125);
    await count("Agent refused", 2);
    assert.equal(
      told("Agent refused").map((alert) => alert.output_fields["agent.claimed_name"]),
      ["shop", "shop"],
    );
    assert.is(sidecar.stderr.match(/watching shop/g)?.length, 1);
    assert.equal(told("Two agents for one container"), []);

    shop.say("go\n");
    const ofShop = () => alertsOf(sidecar).filter((alert) => alert.output_fields["container.name"] === "shop");
    await until(
      () => ofShop().length > 0,
      "no alert of the true shop came",
      () => sidecar.stderr,
    );
    assert.match(ofShop()[0]!.output, /shadow/);
    assert.is(ofShop()[0]!.output_fields["container.image"], "registry.example/shop:1");
    shop.say("go\n");
    assert.is((await within(shop.ended, RUN_MS_MAX, "shop did not end")).status, 0);
  });

  test("H5: by its own container's secret it comes in, and that is told", async () => {
    pose("till", `${OWN_PATH}/2/secret`);
    await count("Two agents for one container", 1);
  });
} else console.log(`skip: names in a task: ${missing} is missing`);

test.run();
