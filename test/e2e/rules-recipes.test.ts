// SPDX-License-Identifier: Apache-2.0
//
// docs/ecs/rules-from-*.json: a container that ends before the sidecar starts writes our rules into a volume.
// Each is instrumented by the command of docs/operations.md and runs under ECS's rules (test/lab/ecs.ts); the
// alert is our rule's. AWS's own program is a script here, with the words that the recipe gives it.
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readImageConfigs } from "../../host/ecs/image-config.js";
import { instrument } from "../../host/ecs/instrument.js";
import { HOST_COMMAND } from "../../host/ecs/layout.js";
import type { RunOptions } from "../../host/ecs/options.js";
import { readDocument } from "../../host/ecs/read.js";
import { EcsTask, type TaskDefinition } from "../lab/ecs.js";
import { makeRootfs, missingFor } from "../lab/rootfs.js";
import { alertsOf, fillVolume, isListening, packaged } from "../lab/sidecar.js";
import { missingForTasks, until, within } from "../lab/task.js";
import { ROOT } from "./programs.js";

const missing = missingForTasks() ?? missingFor("musl");
const END_MS_MAX = 60_000;
const SECOND_MS = 1000;
const RULES = `- rule: Ours
  desc: d
  condition: evt.type in (open, openat) and fd.name=/etc/hosts
  output: ours %fd.name
  priority: WARNING
`;
const PARAMETER = "arn:aws:ssm:REGION:ACCOUNT:parameter/vedette/rules";
const AWS = `#!/bin/sh
[ "$*" = "s3 cp s3://BUCKET/ours.yaml /rules/ours.yaml" ] && cp /srv/ours.yaml /rules/ours.yaml
`;
const page = readFileSync(join(ROOT, "docs/operations.md"), "utf8");

/** As the page says it, without what reads and writes files. */
function made(recipe: string): TaskDefinition {
  const line = new RegExp(`^ {4}vedette instrument ${recipe}\\.json (.*)$`, "m").exec(page)![1]!;
  const each = (value: string, before: readonly string[] = []) => [...before, value];
  const command = new Command()
    .option("--image <image>")
    .option("--falco-rules <path>", "", each)
    .option("--set <key=value>", "", each)
    .option("-o <file>");
  const options = command.parse(line.replace("REGISTRY", "registry.example").split(" "), { from: "user" }).opts();
  const { text } = instrument(
    readDocument(join(ROOT, `docs/ecs/${recipe}.json`)),
    options as RunOptions,
    readImageConfigs([]),
  );
  return JSON.parse(text) as TaskDefinition;
}

if (missing === null) {
  let ecs: EcsTask;
  test.after.each(() => ecs.close());

  for (const recipe of ["rules-from-ssm", "rules-from-s3"])
    test(`${recipe}: our rule judges from the first event on`, async () => {
      const bare = { path: "", mounts: [] as { source: string; destination: string }[] };
      const images = {
        rules: { ...bare, secrets: { [PARAMETER]: RULES } },
        orders: { ...bare },
        vedette: { path: packaged(), mounts: [], entryPoint: [HOST_COMMAND] },
      };
      ecs = new EcsTask(made(recipe), images, SECOND_MS);
      await ecs.task.open();
      fillVolume(ecs.task);
      for (const name of ["rules", "orders"] as const) {
        const folder = join(ecs.task.folder, name);
        mkdirSync(folder);
        Object.assign(images[name], makeRootfs("musl", folder));
      }
      const program = (path: string, text: string) => {
        writeFileSync(join(ecs.task.folder, path), text);
        chmodSync(join(ecs.task.folder, path), 0o755);
      };
      program("rules/bin/aws", AWS);
      program("rules/srv/ours.yaml", RULES);
      program(
        "orders/srv/orders",
        "#!/bin/sh\ncat /etc/hosts >/dev/null\nwhile [ ! -e /srv/go ]; do sleep 0.05; done\nexit 4\n",
      );
      ecs.start();
      await ecs.sees("orders STARTED");
      await isListening(ecs.container("vedette"), END_MS_MAX);
      writeFileSync(join(ecs.task.folder, "orders/srv/go"), "");
      const { status } = await within(ecs.container("orders").ended, END_MS_MAX, `it does not end\n${ecs.told()}`);
      assert.is(status, 4);
      await within(ecs.stopped, END_MS_MAX, `the task does not stop\n${ecs.told()}`);
      const rules = alertsOf(ecs.container("vedette")).map(({ rule }) => rule);
      assert.ok(rules.includes("Ours"), ecs.told());
      assert.equal(ecs.diary.slice(0, 3), ["rules STARTED", "rules STOPPED 0", "vedette STARTED"]);
    });

  test("rules that cannot be had: nothing starts that would not be judged by them", async () => {
    const image = { path: "", mounts: [] as { source: string; destination: string }[] };
    const images = { rules: image, orders: image, vedette: { path: packaged(), mounts: [] } };
    ecs = new EcsTask(made("rules-from-s3"), images, SECOND_MS);
    await ecs.task.open();
    const folder = join(ecs.task.folder, "rules");
    mkdirSync(folder);
    Object.assign(image, makeRootfs("musl", folder));
    writeFileSync(join(folder, "bin/aws"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    ecs.start();
    await ecs.sees("rules STOPPED 1");
    await until(
      () => ecs.diary.length === 2,
      "something starts",
      () => ecs.told(),
      END_MS_MAX,
    );
  });
} else console.log(`skip: recipes of rules: ${missing} is missing`);

test.run();
