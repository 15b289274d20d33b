// SPDX-License-Identifier: Apache-2.0
// The containers of a task definition: where each stands (an element of the list, or a branch of an `Fn::If` in it), what it
// is called, and which of them are wrapped. By default: the essential ones, but not a FireLens router, which the sidecar's own
// logs may wait for.
import { VedetteError } from "../errors.js";
import type { Definition } from "./definition.js";
import { branchesOf, branchWays, describe, intrinsicOf, isNoValue, wordOf } from "./intrinsic.js";
import { isNull, type MapNode, type Node, type Step } from "./node.js";

/** One container definition. `way` leads to it from the task definition's properties. */
export interface Container {
  readonly name: string;
  readonly node: MapNode;
  readonly way: readonly Step[];
  /** Why it is left alone unless it is named. */
  readonly reason: string | null;
}

/**
 * All containers, in the order of the file. Throws VEDETTE_DEFINITION_OPAQUE where only CloudFormation can
 * read the list.
 */
export function containersOf(definition: Definition): Container[] {
  const key = definition.key("containerDefinitions");
  const found: Container[] = [];
  const visit = (node: Node, way: readonly Step[]): void => {
    const both = branchesOf(node);
    if (both !== null) {
      for (const [branch, to] of branchWays(both, way)) visit(branch, to);
    } else if (node.kind === "list" && node.tag === "") {
      for (const [index, item] of node.items.entries()) visit(item, [...way, index]);
    } else if (node.kind === "map" && intrinsicOf(node) === null) {
      found.push(container(definition, node, way));
    } else if (!isNoValue(node)) {
      throw new VedetteError("VEDETTE_DEFINITION_OPAQUE", { ...definition.where(node, way), what: describe(node) });
    }
  };
  visit(definition.get(definition.properties, "containerDefinitions")!, [key]);
  return found;
}

/**
 * The containers to watch: those with these names, or by default those without a `reason`. Throws
 * VEDETTE_CONTAINER_UNKNOWN.
 */
export function chosenOf(definition: Definition, all: readonly Container[], names: readonly string[]): Container[] {
  for (const name of names) {
    if (all.some((one) => one.name === name)) continue;
    const known = all.map((one) => one.name).join(", ");
    throw new VedetteError("VEDETTE_CONTAINER_UNKNOWN", { path: definition.document.path, name, known });
  }
  return all.filter((one) => (names.length === 0 ? one.reason === null : names.includes(one.name)));
}

function container(definition: Definition, node: MapNode, way: readonly Step[]): Container {
  const named = definition.get(node, "name");
  const name = named === undefined ? null : wordOf(named);
  if (name === null) throw invalid(definition, node, way, "a container has no name");
  return { name, node, way, reason: reasonToLeave(definition, node) };
}

function reasonToLeave(definition: Definition, node: MapNode): string | null {
  const router = definition.get(node, "firelensConfiguration");
  if (router !== undefined && !isNull(router)) return "a FireLens router";
  const essential = definition.get(node, "essential");
  const isNot = essential?.kind === "scalar" && String(essential.value) === "false" && essential.tag === "";
  return isNot ? "not essential" : null;
}

function invalid(definition: Definition, node: Node, way: readonly Step[], reason: string): VedetteError {
  return new VedetteError("VEDETTE_DEFINITION_INVALID", { ...definition.where(node, way), reason });
}
