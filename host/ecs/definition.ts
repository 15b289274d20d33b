// SPDX-License-Identifier: Apache-2.0
// The task definitions in a document, and how each spells its keys:
//
//   {"family": ..., "containerDefinitions": [...]}                    what register-task-definition takes
//   {"taskDefinition": {...}, "tags": [...]}                          what describe-task-definition gives
//   [{"name": ..., "image": ...}]                                      Terraform's container_definitions; its
// volumes stand elsewhere
//   Resources: {App: {Type: AWS::ECS::TaskDefinition, Properties}}    CloudFormation, SAM, what the CDK
// makes; PascalCase
import { VedetteError } from "../errors.js";
import {
  type Document,
  entryOf,
  get,
  type ListNode,
  lineOf,
  type MapNode,
  type Node,
  type Step,
  textOf,
} from "./node.js";
import { place } from "./path.js";
import { isValueMap, type Value } from "./value.js";

const RESOURCE = "AWS::ECS::TaskDefinition";

/** One task definition inside a document. */
export class Definition {
  readonly #way: readonly Step[];

  constructor(
    readonly document: Document,
    /** What to call it in messages: a logical id; empty where there is but one. */
    readonly id: string,
    readonly properties: MapNode,
    readonly isTemplate: boolean,
    way: readonly Step[],
    /** Only the list of containers is here. */
    readonly isList = false,
  ) {
    this.#way = way;
  }

  /** A key in this document's spelling: `containerDefinitions` or `ContainerDefinitions`. */
  key(name: string): string {
    return this.isTemplate ? name.charAt(0).toUpperCase() + name.slice(1) : name;
  }

  get(node: Node | undefined, ...names: string[]): Node | undefined {
    return get(node, ...names.map((name) => this.key(name)));
  }

  /**
   * A value with its keys in this document's spelling; labels are names of their own, and so may be what a
   * function is given.
   */
  spell(value: Value): Value {
    if (Array.isArray(value)) return value.map((item: Value) => this.spell(item));
    if (!isValueMap(value)) return value;
    const isOwn = (key: string) => key === "dockerLabels" || key.startsWith("Fn::");
    const entry = (key: string, item: Value) => [this.key(key), isOwn(key) ? item : this.spell(item)];
    return Object.fromEntries(Object.entries(value).map(([key, item]) => entry(key, item)));
  }

  /** For messages: file, line, and the way from the top of the file. */
  where(node: Node, steps: readonly Step[]): { path: string; line: number; place: string } {
    return {
      path: this.document.path,
      line: lineOf(this.document.text, node.start),
      place: place([...this.#way, ...steps]),
    };
  }
}

/** All task definitions, or those with these logical ids. Throws VEDETTE_DEFINITION_NONE. */
export function findDefinitions(document: Document, ids: readonly string[] = []): Definition[] {
  const { root, path } = document;
  const none = (reason: string) => new VedetteError("VEDETTE_DEFINITION_NONE", { path, reason });
  if (root.kind === "list") {
    if (!root.items.some((item) => get(item, "name") !== undefined && get(item, "image") !== undefined))
      throw none("it is a list, and not one of containers");
    return [new Definition(document, "", propertiesOf(root), false, [], true)];
  }
  if (root.kind !== "map") throw none("it is neither a task definition nor a template");
  const found = entryOf(root, "Resources") === undefined ? plainDefinition(document, root) : inTemplate(document, root);
  if (found.length === 0) throw none(`it has no ${entryOf(root, "Resources") ? RESOURCE : "containerDefinitions"}`);
  for (const id of ids) {
    if (!found.some((definition) => definition.id === id))
      throw none(`it has no task definition ${id}, but ${found.map((one) => one.id).join(", ")}`);
  }
  return ids.length === 0 ? found : found.filter((definition) => ids.includes(definition.id));
}

/** What stands around a list of containers, in another file. */
function propertiesOf(list: ListNode): MapNode {
  const { start, end } = list;
  const entries = [{ key: "containerDefinitions", keyStart: start, node: list }];
  return { kind: "map", start, end, tag: "", shared: false, flow: true, inside: start, close: end, entries };
}

function plainDefinition(document: Document, root: MapNode): Definition[] {
  const wrapped = get(root, "taskDefinition");
  const node = wrapped?.kind === "map" ? wrapped : root;
  if (get(node, "containerDefinitions") === undefined) return [];
  return [new Definition(document, "", node, false, node === root ? [] : ["taskDefinition"])];
}

/** Resources, and what `Fn::ForEach` makes of them: any map that says it is a task definition. */
function inTemplate(document: Document, root: MapNode): Definition[] {
  const found: Definition[] = [];
  const visit = (node: Node, way: readonly Step[]): void => {
    if (node.kind === "list") for (const [index, item] of node.items.entries()) visit(item, [...way, index]);
    if (node.kind !== "map") return;
    const properties = get(node, "Properties");
    if (textOf(get(node, "Type")) === RESOURCE && properties?.kind === "map")
      found.push(new Definition(document, String(way.at(-1)), properties, true, [...way, "Properties"]));
    else for (const entry of node.entries) visit(entry.node, [...way, entry.key]);
  };
  visit(get(root, "Resources")!, ["Resources"]);
  return found;
}
