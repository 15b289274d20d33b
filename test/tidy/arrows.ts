// SPDX-License-Identifier: Apache-2.0
//
// Which way arrows point (docs/style.md): a part of the tree may use only what stands beside it in this table. A part is the
// longest name in the table that a path starts with.
//
//   wire <- tracee        wire <- decode <- state        wire, kernel, decode, state <- witness <- tracer <- agent
//   decode, state <- prevent <- tracer
//   wire <- addon <- host/capture
//   host/capture, host/wire <- the other host folders        wire <- rules-wasm        field names <- policies
//
// C++ includes are written from the root ("capture/wire/batch.h"); "events.h" and the like are generated, and count as wire.
// TypeScript imports are relative. Among the other host folders any arrow is good as long as no two point at each other.
import { dirname, join, normalize } from "node:path";
import { type Complaint, eachLine, type Rule, type Tree } from "./tree.js";

const WIRE = "capture/wire";
const CORE = [WIRE, "capture/kernel", "capture/decode", "capture/state"];
// Leaves: an error, where the build put things, an errno in words, who may be connected to a server.
const HOST_LEAVES = ["host/errors", "host/paths", "host/reason", "host/visitors"];
const HOST_BASE = [...HOST_LEAVES, "host/capture", "host/wire"];

export const ARROWS: Record<string, string[]> = {
  [WIRE]: [],
  "capture/tracee": [WIRE],
  "capture/kernel": [WIRE],
  "capture/decode": [WIRE],
  "capture/state": [WIRE, "capture/decode"],
  "capture/prevent": [WIRE, "capture/decode", "capture/state"],
  "capture/tracer": [...CORE, "capture/prevent", "capture/tracee", "capture/witness"],
  "capture/witness": CORE,
  "capture/agent": [...CORE, "capture/prevent", "capture/tracer", "capture/witness"],
  "capture/addon": [WIRE],
  "host/errors": [WIRE],
  "host/paths": [],
  "host/reason": [],
  "host/visitors": [],
  "host/wire": [WIRE, "host/errors"],
  "host/capture": [WIRE, ...HOST_LEAVES, "host/wire"],
  "host/finding": [WIRE, "host/errors", "host/wire"],
  "host/engine": ["*host"],
  "host/policy": ["*host", "rules-wasm"], // hands the compiler its transform and the SDK
  "host/wasm": ["*host"],
  "host/falco": ["*host"],
  "host/ecs": ["*host"],
  "host/image": ["*host"],
  "host/intake": ["*host"],
  "host/output": ["*host"],
  "host/recording": ["*host"],
  "host/cli": ["*host"],
  "host/main": ["*host"],
  "rules-wasm": [WIRE],
  policies: ["rules-wasm"],
  bench: ["*host", ...HOST_BASE, WIRE, "capture/decode", "capture/state", "capture/agent", "test"],
  test: ["*"],
  capture: [],
  host: [],
};

export const arrowsPointOneWay: Rule = (tree) => {
  const uses = [...includesOf(tree), ...importsOf(tree)];
  return [...uses.filter((use) => !isAllowed(use)).map(wrongArrow), ...hostCycles(uses), ...strayNapi(tree)];
};

interface Use {
  path: string;
  line: number;
  target: string;
  from: string;
  to: string;
}

function isAllowed({ from, to }: Use): boolean {
  const allowed = ARROWS[from];
  if (from === to || allowed === undefined || allowed.includes("*")) return true;
  if (allowed.includes("*host") && to.startsWith("host/")) return true;
  if (allowed.includes("*host") && to === WIRE) return true;
  return allowed.includes(to);
}

function wrongArrow({ path, line, target, from, to }: Use): Complaint {
  const allowed = ARROWS[from]!.map((name) => (name === "*host" ? "host folders" : name));
  const may = allowed.length === 0 ? "nothing of ours" : allowed.join(", ");
  return { path, line, text: `wrong arrow ${from} -> ${to} (${target}); ${from} may use ${may}` };
}

export function partOf(path: string): string {
  if (path.startsWith("build/generated/")) return path.startsWith("build/generated/as/") ? "rules-wasm" : WIRE;
  const names = Object.keys(ARROWS).filter(
    (name) => path.startsWith(`${name}/`) || path.startsWith(`${name}.`) || path === name,
  );
  return names.sort((a, b) => b.length - a.length)[0] ?? "";
}

function includesOf(tree: Tree): Use[] {
  return usesIn(tree, /^capture\/.*\.(cc|h|S)$/, /^\s*#\s*include "([^"]+)"/g, (target, path) => {
    if (target.startsWith("capture/")) return target;
    if (tree.has(join(dirname(path), target))) return join(dirname(path), target);
    return `build/generated/${target}`;
  });
}

function importsOf(tree: Tree): Use[] {
  const pattern = /(?:\bfrom|\bimport|\bimport\()\s*["'](\.[^"']*)["']/g;
  return usesIn(tree, /^(host|rules-wasm|policies|bench|test)\/.*\.ts$/, pattern, (target, path) =>
    normalize(join(dirname(path), target)),
  );
}

function usesIn(tree: Tree, files: RegExp, pattern: RegExp, resolve: (target: string, path: string) => string): Use[] {
  const uses: Use[] = [];
  for (const [path, text] of tree) {
    if (!files.test(path)) continue;
    text.split("\n").forEach((line, index) => {
      for (const [, target] of line.matchAll(pattern)) {
        const to = partOf(resolve(target!, path));
        if (to !== "") uses.push({ path, line: index + 1, target: target!, from: partOf(path), to });
      }
    });
  }
  return uses;
}

function hostCycles(uses: Use[]): Complaint[] {
  const host = uses.filter(({ from, to }) => from !== to && from.startsWith("host/") && to.startsWith("host/"));
  return host
    .filter((use) => host.some((other) => other.from === use.to && other.to === use.from && use.from < use.to))
    .map(({ path, line, from, to }) => ({ path, line, text: `${from} and ${to} point at each other; cut one arrow` }));
}

function strayNapi(tree: Tree): Complaint[] {
  return eachLine(tree, /^(?!capture\/addon\/).*\.(cc|h)$/, (line) =>
    /#\s*include\s*[<"]napi\.h/.test(line) ? "only capture/addon includes napi.h" : undefined,
  );
}
