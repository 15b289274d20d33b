// SPDX-License-Identifier: Apache-2.0
// The containers of a task definition: where each stands (an element of the list, or a branch of an `Fn::If`
// in it), what it is called, and which of them are wrapped. By default: the essential ones, but not a
// FireLens router, which the sidecar's own logs may wait for.
import { VedetteError } from "../errors.js";
import { companionOf } from "./companions.js";
import type { Definition } from "./definition.js";
import { imageName } from "./image-name.js";
import { branchesOf, branchWays, describe, intrinsicOf, isNoValue, wordOf } from "./intrinsic.js";
import { isNull, type MapNode, type Node, type Step } from "./node.js";

/** One container definition. `way` leads to it from the task definition's properties. */
export interface Container {
  readonly name: string;
  /**
   * Its name for the journal; where branches of an `Fn::If` have containers of one name, a number tells them
   * apart.
   */
  readonly key: string;
  readonly node: MapNode;
  readonly way: readonly Step[];
  /** Why it is left alone unless it is named. */
  readonly reason: string | null;
}

const [ROUTER, HELPER] = ["a FireLens router", "not essential"];
const NEVER = [ROUTER, HELPER];

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
      found.push(container(definition, node, way, found));
    } else if (!isNoValue(node)) {
      throw new VedetteError("VEDETTE_DEFINITION_OPAQUE", { ...definition.where(node, way), what: describe(node) });
    }
  };
  visit(definition.get(definition.properties, "containerDefinitions")!, [key]);
  return found;
}

/**
 * The containers to watch: those with these names, or by default those without a `reason`, and those that an
 * earlier run watched (`watched`: their keys). Where only companions are essential, they are the workload.
 * Throws VEDETTE_CONTAINER_UNKNOWN.
 */
export function chosenOf(
  definition: Definition,
  all: readonly Container[],
  names: readonly string[],
  watched: ReadonlySet<string> = new Set(),
): Container[] {
  for (const name of names) {
    if (all.some((one) => one.name === name)) continue;
    const known = all.map((one) => one.name).join(", ");
    throw new VedetteError("VEDETTE_CONTAINER_UNKNOWN", { path: definition.document.path, name, known });
  }
  if (names.length > 0) return all.filter((one) => names.includes(one.name));
  const chosen = all.filter((one) => one.reason === null || watched.has(one.key));
  return chosen.length > 0 ? chosen : all.filter((one) => !NEVER.includes(one.reason!));
}

function container(
  definition: Definition,
  node: MapNode,
  way: readonly Step[],
  before: readonly Container[],
): Container {
  const named = definition.get(node, "name");
  const name = named === undefined ? null : wordOf(named);
  if (name === null) throw invalid(definition, node, way, "a container has no name");
  const same = before.filter((one) => one.name === name).length;
  const key = encodeURIComponent(same === 0 ? name : `${name} ${same + 1}`);
  return { name, key, node, way, reason: reasonToLeave(definition, node) };
}

function reasonToLeave(definition: Definition, node: MapNode): string | null {
  const router = definition.get(node, "firelensConfiguration");
  if (router !== undefined && !isNull(router)) return ROUTER;
  const essential = definition.get(node, "essential");
  const isNot = essential?.kind === "scalar" && String(essential.value) === "false" && essential.tag === "";
  return isNot ? HELPER : companionOf(imageName(definition, definition.get(node, "image")));
}

function invalid(definition: Definition, node: Node, way: readonly Step[], reason: string): VedetteError {
  return new VedetteError("VEDETTE_DEFINITION_INVALID", { ...definition.where(node, way), reason });
}
