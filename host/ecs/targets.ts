// SPDX-License-Identifier: Apache-2.0
// What settings of the sidecar name in the task: a volume that it mounts, a container that it waits for. ECS
// refuses a definition in which the volume or the container is not there, or containers wait in a circle; so
// that is refused here. Names that only CloudFormation knows are left to it.
//
//   web      dependsOn vedette   what is watched waits for the sidecar
//   vedette  dependsOn rules     --set container.dependsOn.rules=SUCCESS
//   rules    dependsOn web       a circle: refused
import { VedetteError } from "../errors.js";
import type { Container } from "./containers.js";
import type { Definition } from "./definition.js";
import { type Node, textOf } from "./node.js";
import type { Settings } from "./settings.js";
import type { ValueMap } from "./value.js";

/** Throws VEDETTE_SETTING_INVALID. `chosen`: the containers that are watched. */
export function refuseLostTargets(
  definition: Definition,
  settings: Settings,
  all: readonly Container[],
  chosen: readonly Container[],
): void {
  const volumes = definition.isList ? null : namesIn(definition, definition.get(definition.properties, "volumes"));
  for (const { sourceVolume } of settings.mountPoints([]))
    if (volumes !== null && !volumes.includes(String(sourceVolume)))
      throw lost(`container.mountPoints.${sourceVolume}`, `the task has no volume of this name; ${has(volumes)}`);
  for (const { containerName } of (settings.container().dependsOn ?? []) as ValueMap[])
    refuseWait(definition, String(containerName), all, chosen);
}

function refuseWait(
  definition: Definition,
  name: string,
  all: readonly Container[],
  chosen: readonly Container[],
): void {
  const setting = `container.dependsOn.${name}`;
  const names = all.map((one) => one.name);
  // A name that only CloudFormation knows may be this one.
  const isKnown = all.every(({ node }) => textOf(definition.get(node, "name")) !== undefined);
  if (isKnown && !names.includes(name)) throw lost(setting, `the task has no container of this name; ${has(names)}`);
  const waited = new Set([name]);
  for (const one of waited) {
    if (chosen.some((watched) => watched.name === one))
      throw lost(setting, `${one} is watched, so it waits for the sidecar itself`);
    for (const { node } of all.filter((container) => container.name === one))
      for (const next of waitsOf(definition, node)) waited.add(next);
  }
}

function waitsOf(definition: Definition, node: Node): string[] {
  const list = definition.get(node, "dependsOn");
  const items = list?.kind === "list" ? list.items : [];
  return items.flatMap((item) => textOf(definition.get(item, "containerName")) ?? []);
}

/** Null where one is known to CloudFormation alone. */
function namesIn(definition: Definition, list: Node | undefined): string[] | null {
  if (list === undefined || (list.kind === "scalar" && list.value === null)) return [];
  if (list.kind !== "list") return null;
  const names = list.items.map((item) => textOf(definition.get(item, "name")));
  return names.every((name) => name !== undefined) ? names : null;
}

function has(names: readonly string[]): string {
  return names.length === 0 ? "it has none" : `it has ${names.join(", ")}`;
}

function lost(setting: string, reason: string): VedetteError {
  return new VedetteError("VEDETTE_SETTING_INVALID", { setting, reason });
}
