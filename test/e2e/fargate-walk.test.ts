// SPDX-License-Identifier: Apache-2.0
//
// A task definition as `describe-task-definition` prints it, instrumented, then the task that came out of it:
// its containers are started as ECS would start them, and the alert names them. operations-walk types what
// the pages type.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { HOST_COMMAND, VOLUME_PATH } from "../../host/ecs/layout.js";
import { type ContainerDefinition, startDefined } from "../lab/definition.js";
import { ordersWith } from "../lab/orders.js";
import { makeRootfs, type Rootfs } from "../lab/rootfs.js";
import {
  alertsOf,
  buildWorkload,
  fillVolume,
  isListening,
  type LabAlert,
  metric,
  packaged,
  SIDECAR,
} from "../lab/sidecar.js";
import { missingForTasks, Task, until, within } from "../lab/task.js";
import { run, scratch, VEDETTE } from "./programs.js";

const missing = missingForTasks();
const IMAGE = "registry.example/vedette:0.2.0";
const RUN_MS_MAX = 90_000;

const ORDERS = {
  taskDefinition: ordersWith({
    entryPoint: ["/srv/workload"],
    command: ["own argument"],
    user: "1000",
    readonlyRootFilesystem: true,
    environment: [{ name: "TABLE", value: "orders" }],
  }),
};

const folder = scratch();
const [given, made] = [join(folder, "orders.json"), join(folder, "orders.vedette.json")];
const text = JSON.stringify(ORDERS, null, 4);
const task = new Task([SIDECAR, { name: "orders", image: "registry.example/orders:7", digest: "sha256:07" }], "orders");
let root: Rootfs;

const instrument = (...words: string[]) => run([...VEDETTE, "instrument", ...words], { cwd: folder });

function containers(): { orders: ContainerDefinition; vedette: ContainerDefinition } {
  const { containerDefinitions } = (JSON.parse(readFileSync(made, "utf8")) as typeof ORDERS).taskDefinition;
  const find = (name: string) => containerDefinitions.find((one) => one.name === name) as ContainerDefinition;
  return { orders: find("orders"), vedette: find("vedette") };
}

test("--dry-run shows what would be put in, and writes nothing", async () => {
  writeFileSync(given, text);
  const { status, stdout } = await instrument("orders.json", "--image", IMAGE, "--dry-run");
  assert.is(status, 0);
  assert.match(stdout, /^\+.*"\/vedette\/vedette-capture"/m);
  assert.is(readFileSync(given, "utf8"), text);
});

test("-o writes the definition, and --undo gives back every byte", async () => {
  const { status, stderr } = await instrument("orders.json", "--image", IMAGE, "-o", made);
  assert.is(status, 0, stderr);
  assert.match(stderr, /orders/, "who is watched");
  assert.is((await instrument(made, "--undo")).stdout, text);
});

if (missing === null) {
  test.before(async () => {
    await task.open();
    fillVolume(task);
    const at = join(task.folder, "orders");
    mkdirSync(at);
    root = makeRootfs("distroless", at, { "srv/workload": buildWorkload("distroless", join(task.folder, "workload")) });
  });
  test.after(() => task.close());

  for (const address of [null, "abstract:vedette-walk", "tcp:127.0.0.1:7411"]) {
    test(`the task runs: healthy, alerted, stopped in time${address === null ? "" : `, over ${address}`}`, async () => {
      const { orders, vedette } = containers();
      const usual = `unix:${VOLUME_PATH}/host.sock`;
      const instead = address === null ? undefined : ([usual, address] as const);
      const sidecar = startDefined(
        task,
        vedette,
        { path: packaged(), mounts: [] },
        { entryPoint: [HOST_COMMAND], instead },
      );
      await isListening(sidecar);
      assert.is((await sidecar.exec(vedette.healthCheck!.command.slice(1))).status, 0, "the health check");

      // ECS answers a busy machine late, and alerts before its answer name no task: the next run's do.
      let alert: LabAlert | undefined;
      for (const deadline = Date.now() + RUN_MS_MAX; alert?.output_fields["ecs.task.arn"] == null; ) {
        assert.ok(Date.now() < deadline, `no alert names the task\n${JSON.stringify(alert)}\n${sidecar.stderr}`);
        const before = alertsOf(sidecar).length;
        const workload = startDefined(task, orders, root, { instead });
        const ended = await within(workload.ended, RUN_MS_MAX, "the workload did not end");
        assert.is(ended.status, 3, ended.stderr);
        assert.match(ended.stdout, /^uid 1000 .* own argument\n/);
        await until(
          () => alertsOf(sidecar).length > before,
          "no alert came",
          () => sidecar.stderr,
        );
        alert = alertsOf(sidecar).at(-1)!;
      }
      const { rule, output_fields: fields } = alert;
      assert.is(rule, "Task credentials requested");
      assert.equal(
        ["container.name", "container.image", "ecs.task.arn", "ecs.task.family"].map((name) => fields[name]),
        ["orders", "registry.example/orders:7", task.arn, "orders"],
      );
      assert.ok(metric(task, "vedette_events_total", `"orders"`) > 20);

      sidecar.kill("TERM");
      const { status } = await within(sidecar.ended, vedette.stopTimeout! * 1000, "it outlived its stopTimeout");
      assert.is(status, 0);
    });
  }
} else console.log(`skip: the task of docs/fargate.md: ${missing} is missing`);

test.run();
