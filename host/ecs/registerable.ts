// SPDX-License-Identifier: Apache-2.0
// What `describe-task-definition` prints, made into what `register-task-definition --cli-input-json` takes:
// the definition alone, without what ECS itself says of it, and with its tags. Every other word stays as it
// was written.

import { Editor } from "./edit.js";
import type { Document, MapNode } from "./node.js";
import { entryOf, get } from "./node.js";
import { parseDocument } from "./read.js";
import { Remover } from "./removal.js";
import { copyOf } from "./value.js";

/** Members that ECS answers with and does not take. */
const ANSWERS = new Set([
  "taskDefinitionArn",
  "revision",
  "status",
  "requiresAttributes",
  "compatibilities",
  "registeredAt",
  "registeredBy",
  "deregisteredAt",
]);

/** True for what `describe-task-definition` prints. */
export function isDescribed({ root }: Document): boolean {
  return get(root, "taskDefinition")?.kind === "map";
}

/** A document that is neither described nor a plain task definition comes back as it is. */
export function registerable(document: Document): Document {
  if (get(document.root, "Resources") !== undefined) return document;
  const wrapped = get(document.root, "taskDefinition");
  const inner = wrapped?.kind === "map" ? part(document, wrapped) : document;
  const bare = parseDocument(document.path, withoutAnswers(inner));
  const tags = get(document.root, "tags");
  if (wrapped?.kind !== "map" || tags?.kind !== "list" || tags.items.length === 0) return bare;
  const editor = new Editor(bare);
  editor.appendEntry(bare.root as MapNode, "tags", copyOf(document, tags));
  return parseDocument(document.path, editor.edits.apply(bare.text));
}

/** One step less deep, and with a line end. */
function part(document: Document, node: MapNode): Document {
  const { text, unit, newline } = document;
  const lines = text.slice(node.start, node.end).split("\n");
  const outer = lines.map((line, at) => (at > 0 && line.startsWith(unit) ? line.slice(unit.length) : line));
  return parseDocument(document.path, outer.join("\n") + (text.endsWith("\n") ? newline : ""));
}

function withoutAnswers(document: Document): string {
  const { root } = document;
  if (root.kind !== "map" || entryOf(root, "containerDefinitions") === undefined) return document.text;
  const remover = new Remover(document);
  for (const [index, { key }] of root.entries.entries()) if (ANSWERS.has(key)) remover.appended(root, index);
  return remover.result();
}
