// SPDX-License-Identifier: Apache-2.0
// Which of the author's functions a rule or a meter may come to, by their names: what its body names, what
// the bodies of these name, and so on. A function of the same name counts too, so none is missed.
import { NodeKind } from "assemblyscript";

const JUDGES = new Set(["rule", "meter"]);

/** @returns {Set<string>} */
export function callsOfRules(sources) {
  /** @type {Map<string, object[]>} */
  const bodies = new Map();
  const pending = [];
  const add = (name, body) => bodies.set(name, [...(bodies.get(name) ?? []), body]);
  walk(sources.flatMap(({ statements }) => statements), (node) => {
    if (node.kind === NodeKind.ClassDeclaration) add(node.name.text, node.members);
    if (node.kind !== NodeKind.FunctionDeclaration && node.kind !== NodeKind.MethodDeclaration) return;
    add(node.name.text, node.body);
    if (node.decorators?.some(({ name }) => JUDGES.has(name.text))) pending.push(node.name.text);
  });
  const reached = new Set();
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (reached.has(name)) continue;
    reached.add(name);
    walk(bodies.get(name) ?? [], (node) => {
      if (node.kind === NodeKind.Identifier) pending.push(node.text);
      if (node.kind === NodeKind.Constructor) pending.push("constructor");
    });
  }
  return reached;
}

/** Calls `visit` with each node. */
export function walk(node, visit) {
  if (Array.isArray(node)) {
    for (const one of node) walk(one, visit);
    return;
  }
  if (node === null || typeof node !== "object" || node.kind === undefined || node.range === undefined) return;
  visit(node);
  for (const [key, value] of Object.entries(node)) if (key !== "range" && typeof value === "object") walk(value, visit);
}
