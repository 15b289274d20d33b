// SPDX-License-Identifier: Apache-2.0
// What a way of deploying makes of an application, played in the simulator: the task definition as
// CloudFormation or the API writes it, run under ECS's rules until the application's alert is there and all
// have ended.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { HOST_COMMAND } from "../../host/ecs/layout.js";
import type { ContainerDefinition } from "./definition.js";
import { EcsTask } from "./ecs.js";
import { makeRootfs, missingFor } from "./rootfs.js";
import { alertsOf, fillVolume, packaged } from "./sidecar.js";
import { missingForTasks, within } from "./task.js";

/** Null: nothing. */
export const missingForRecipes = (): string | null => missingForTasks() ?? missingFor("musl");

/** Of the application: its alert is *Sensitive file read* and carries this word. */
const MARK = "recipe-was-played";
export const APP = {
  name: "app",
  image: "registry.example/app:1",
  entryPoint: ["/bin/sh", "-c"],
  command: [`cat /etc/shadow ${MARK} > /dev/null 2>&1; exit 3`],
} as const;
const END_MS_MAX = 90_000;
/** Of ECS, which is 60 times as fast here. */
const SECOND_MS = 20;
/** Whose keys are the user's, and no names of the API. */
const MAPS = new Set(["dockerLabels", "options", "environment"]);

/** CloudFormation writes the API's names with a capital. */
export function asApi(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asApi);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const name = key[0]!.toLowerCase() + key.slice(1);
      return [name, MAPS.has(name) && !Array.isArray(inner) ? inner : asApi(inner)];
    }),
  );
}

/** The containers of an instrumented definition: APP and its sidecar. */
export async function play(containers: readonly unknown[]): Promise<void> {
  const containerDefinitions = containers as ContainerDefinition[];
  const images = {
    app: { path: "", mounts: [] as { source: string; destination: string }[] },
    vedette: { path: packaged(), mounts: [], entryPoint: [HOST_COMMAND] },
  };
  const ecs = new EcsTask({ family: "recipe", containerDefinitions }, images, SECOND_MS);
  await ecs.task.open();
  try {
    fillVolume(ecs.task);
    const folder = join(ecs.task.folder, "app");
    mkdirSync(folder);
    Object.assign(images.app, makeRootfs("musl", folder));
    ecs.start();
    await ecs.sees("app STARTED");
    const { status } = await within(ecs.container("app").ended, END_MS_MAX, `it does not end\n${ecs.told()}`);
    assert.is(status, 3, ecs.told());
    await within(ecs.stopped, END_MS_MAX, `the task does not stop\n${ecs.told()}`);
    const alerts = ecs.runs("vedette").flatMap(alertsOf);
    const own = alerts.filter(({ output_fields: fields }) => String(fields["proc.cmdline"]).includes(MARK));
    assert.ok(own.length > 0, `no alert\n${ecs.told()}`);
  } finally {
    await ecs.close();
  }
}
