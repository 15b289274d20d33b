// SPDX-License-Identifier: Apache-2.0
// What stands in a file where an earlier run of `instrument` put something in, by place:
//
//   vedette                              the sidecar, without our labels
//   app/agent                            the agent's words, up to their `--`
//   app/environment/VEDETTE_CONTAINER    an element of a list; a container's own volume is called `own`,
// whatever its number
//   volumes/vedette-own-1
import { VedetteError } from "../errors.js";
import { type Container, containersOf } from "./containers.js";
import type { Definition } from "./definition.js";
import { branchesOf } from "./intrinsic.js";
import { journalIn, OWN_LABELS } from "./journal.js";
import { AGENT_PATH, CONTAINER_VARIABLE, SIDECAR_NAME } from "./layout.js";
import { type ListNode, type Node, textOf } from "./node.js";
import { sidecarNameIn } from "./options.js";
import { OwnVolume } from "./own-volume.js";
import { nameOf } from "./path.js";
import { parsedValue } from "./plain-value.js";
import { copyOf, isValueMap, type Value, type ValueMap } from "./value.js";

/** The place of the sidecar. */
export const SIDECAR_PLACE = SIDECAR_NAME;
const LISTS = ["mountPoints", "environment", "dependsOn"];

/** The place of the agent's words in a container. */
export function agentPlace(key: string): string {
  return `${key}/agent`;
}

/** The place of an element that was put into a list of a container. */
export function itemPlace({ key }: Container, list: string, item: ValueMap): string {
  const name = String(item.name ?? item.sourceVolume ?? item.containerName);
  return `${key}/${list}/${OwnVolume.isName(name) ? "own" : name}`;
}

/** The place of a volume. */
export function volumePlace(name: string): string {
  return `volumes/${name}`;
}

/** What stands in one task definition. */
export interface Standing {
  readonly values: ReadonlyMap<string, Value>;
  /** Those that have an agent, by key. */
  readonly watched: readonly Container[];
  /** Comments of YAML inside what was put in: they are in no value. */
  readonly comments: readonly string[];
}

/** Throws VEDETTE_EDIT_CONFLICT where branches of an `Fn::If` were edited differently. */
export function standingIn(definition: Definition): Standing {
  const all = containersOf(definition);
  const values = new Map<string, Value>();
  const put = (place: string, value: Value, node: Node) => {
    const before = values.get(place);
    if (before !== undefined && !isSame(before, value)) throw twofold(definition, place, before, value, node);
    values.set(place, value);
  };
  const sidecar = sidecarNameIn(journalIn(definition.properties)?.options ?? new URLSearchParams());
  const sidecars = all.filter(({ name }) => name === sidecar);
  for (const { node } of sidecars)
    put(SIDECAR_PLACE, withoutOwnLabels(definition, withoutDefaults(copyOf(definition.document, node))), node);
  const others = all.filter((one) => !sidecars.includes(one));
  const watched = others.filter((one) => agentsOf(definition.get(one.node, "entryPoint")).length > 0);
  for (const container of watched) {
    for (const list of agentsOf(definition.get(container.node, "entryPoint")))
      put(agentPlace(container.key), wordsOf(definition, list), list);
    for (const list of LISTS)
      for (const item of itemsOf(definition.get(container.node, list)))
        if (list === "dependsOn" ? nameOf(item) === sidecar : isOurs(nameOf(item)))
          put(placeOf(container, list, nameOf(item)!), withoutDefaults(copyOf(definition.document, item)), item);
  }
  for (const item of itemsOf(definition.get(definition.properties, "volumes")))
    if (isOurs(nameOf(item))) put(volumePlace(nameOf(item)!), withoutDefaults(copyOf(definition.document, item)), item);
  return { values, watched, comments: sidecars.flatMap(({ node }) => commentsIn(definition, node)) };
}

function isOurs(name: string | null): boolean {
  return name === SIDECAR_NAME || name === CONTAINER_VARIABLE || (name !== null && OwnVolume.isName(name));
}

function placeOf(container: Container, list: string, name: string): string {
  return itemPlace(container, list, { name });
}

/** The lists that begin with the agent, in either branch of an `Fn::If`. */
function agentsOf(entryPoint: Node | undefined): ListNode[] {
  if (entryPoint === undefined) return [];
  const branches = branchesOf(entryPoint)?.branches;
  if (branches !== undefined) return branches.flatMap(agentsOf);
  return entryPoint.kind === "list" && textOf(entryPoint.items[0]) === AGENT_PATH ? [entryPoint] : [];
}

function wordsOf({ document }: Definition, list: ListNode): Value {
  const end = list.items.findIndex((item) => textOf(item) === "--");
  return list.items.slice(0, end < 0 ? undefined : end).map((item) => copyOf(document, item));
}

function itemsOf(node: Node | undefined): readonly Node[] {
  if (node === undefined) return [];
  const branches = branchesOf(node)?.branches;
  if (branches !== undefined) return branches.flatMap(itemsOf);
  return node.kind === "list" ? node.items.flatMap((item) => (branchesOf(item) === null ? [item] : [])) : [];
}

function withoutOwnLabels(definition: Definition, sidecar: Value): Value {
  const key = definition.key("dockerLabels");
  const { [key]: labels, ...rest } = sidecar as ValueMap;
  if (labels === undefined || !isValueMap(labels)) return rest;
  const others = Object.entries(labels).filter(([name]) => !OWN_LABELS.includes(name));
  return others.length === 0 ? rest : { ...rest, [key]: Object.fromEntries(others) };
}

/** ECS answers with members that nobody gave it: empty lists and maps, and no CPU. */
function withoutDefaults(value: Value): Value {
  if (!isValueMap(value)) return value;
  const isDefault = (key: string, item: Value) =>
    (Array.isArray(item) && item.length === 0) ||
    (isValueMap(item) && Object.keys(item).length === 0) ||
    (key === "cpu" && parsedValue(item) === 0);
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, item]): [string, Value] => [key, withoutDefaults(item)])
      .filter(([key, item]) => !isDefault(key, item)),
  );
}

function isSame(a: Value, b: Value): boolean {
  return JSON.stringify(parsedValue(a)) === JSON.stringify(parsedValue(b));
}

function twofold(definition: Definition, place: string, one: Value, other: Value, node: Node): VedetteError {
  const shown = (value: Value) => JSON.stringify(parsedValue(value));
  const diff = `  @@ ${place}, in two branches @@\n  -${shown(one)}\n  +${shown(other)}`;
  const { path, line } = definition.where(node, []);
  return new VedetteError("VEDETTE_EDIT_CONFLICT", { path, line, count: 1, diff });
}

function commentsIn({ document }: Definition, node: Node): string[] {
  if (document.format === "json") return [];
  const lines = document.text.slice(node.start, node.end).split("\n");
  return lines.filter((line) => /^\s*#|\s#/.test(line.replace(/"[^"]*"|'[^']*'/g, ""))).map((line) => line.trim());
}
