// SPDX-License-Identifier: Apache-2.0
// Ways from a task definition to a node in it. People read `containerDefinitions[1].entryPoint`; the journal
// keeps `containerDefinitions/app/entryPoint`: an element of a list is found again by what it is called, so
// that a task definition which somebody edited since can still be undone. `#2` is an index, for what has no
// name or shares it.
import { wordOf } from "./intrinsic.js";
import type { ListNode, Node, Step } from "./node.js";

const NAMES = ["name", "sourceVolume", "containerName"];

/** What an element of a list is called. */
export function nameOf(node: Node): string | null {
  if (node.kind === "scalar") return node.tag === "" && typeof node.value === "string" ? node.value : null;
  if (node.kind !== "map") return null;
  const entry = node.entries.find(({ key }) => NAMES.includes(key.charAt(0).toLowerCase() + key.slice(1)));
  return entry === undefined ? null : wordOf(entry.node);
}

/** The way as people read it: `containerDefinitions[1].entryPoint`. */
export function place(steps: readonly Step[]): string {
  return steps
    .map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`))
    .join("")
    .replace(/^\./, "");
}

/** The way as the journal keeps it: `containerDefinitions/app/entryPoint`. */
export function pointer(root: Node, steps: readonly Step[]): string {
  let node: Node | undefined = root;
  const words = steps.map((step) => {
    const parent = node;
    node = child(parent, step);
    return typeof step === "number" ? itemWord(parent as ListNode, step) : encodeURIComponent(step);
  });
  return words.join("/");
}

/** The node at the end of a pointer, and the one it stands in. */
export function follow(root: Node, pointed: string): { parent: Node; node: Node; index: number } | null {
  let found: { parent: Node; node: Node; index: number } | null = null;
  let node = root;
  for (const word of pointed.split("/")) {
    const index = indexOf(node, word);
    const next = index < 0 ? undefined : child(node, node.kind === "map" ? node.entries[index]!.key : index);
    if (next === undefined) return null;
    found = { parent: node, node: next, index };
    node = next;
  }
  return found;
}

function child(node: Node | undefined, step: Step): Node | undefined {
  if (node?.kind === "map") return node.entries.find((entry) => entry.key === step)?.node;
  return node?.kind === "list" ? node.items[step as number] : undefined;
}

function itemWord(list: ListNode, index: number): string {
  const name = nameOf(list.items[index]!);
  const isOwn = name !== null && name !== "" && list.items.filter((item) => nameOf(item) === name).length === 1;
  return isOwn ? encodeURIComponent(name) : `#${index}`;
}

function indexOf(node: Node, word: string): number {
  if (node.kind === "map") return node.entries.findIndex((entry) => encodeURIComponent(entry.key) === word);
  if (node.kind !== "list") return -1;
  if (word.startsWith("#")) return Number(word.slice(1));
  return node.items.findIndex((item) => encodeURIComponent(nameOf(item) ?? "") === word);
}
