// SPDX-License-Identifier: Apache-2.0
// Finds other containers that can read a watched container's secret because the task definition lets them.
// That is a decision of its author. `instrument` only says so.
import type { Container } from "./containers.js";
import type { Definition } from "./definition.js";
import { branchesOf } from "./intrinsic.js";
import { type Node, textOf } from "./node.js";

/** One sentence for each way by which another container can read a watched one's secret. */
export function readersOf(definition: Definition, all: readonly Container[], chosen: readonly Container[]): string[] {
  const isWatched = (name: string) => chosen.some((one) => one.name === name);
  const remarks = all.flatMap(({ name, node }) =>
    sourcesOf(definition, definition.get(node, "volumesFrom"))
      .filter(isWatched)
      .map((source) => `${name} can speak in the name of ${source}: it has its volumes (volumesFrom)`),
  );
  const pidMode = textOf(definition.get(definition.properties, "pidMode"));
  if (pidMode === "task" && chosen.length > 0)
    remarks.push("programs of one user can speak in the names of each other's containers: they share /proc (pidMode)");
  return remarks;
}

function sourcesOf(definition: Definition, volumesFrom: Node | undefined): string[] {
  if (volumesFrom === undefined) return [];
  const branches = branchesOf(volumesFrom)?.branches;
  if (branches !== undefined) return branches.flatMap((branch) => sourcesOf(definition, branch));
  if (volumesFrom.kind === "list") return volumesFrom.items.flatMap((item) => sourcesOf(definition, item));
  const source = textOf(definition.get(volumesFrom, "sourceContainer"));
  return source === undefined ? [] : [source];
}
