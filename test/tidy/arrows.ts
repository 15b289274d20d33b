// SPDX-License-Identifier: Apache-2.0
//
// Which way arrows point (docs/style.md): a part of the tree may use only what stands beside it in this
// table. A part is the longest name in the table that a path starts with.
//
//   wire <- tracee        wire <- decode <- state        wire, kernel, decode, state <- witness <- tracer
//   decode, state <- prevent <- tracer        tracer, tracee <- inline        tracer <- outsiders        all of these <- agent
//   wire <- addon <- host/capture        kernel <- jail
//   wire <- rules-wasm        field names <- policies, meters        host/control, incident, output <- web
//
// Among the rooms of host/ each arrow is listed. Which files of a room the others may import, and that
// nothing goes in a circle, is said in rooms.ts.
import { type Import, importsOf, includesOf } from "./imports.js";
import { type Complaint, eachLine, type Rule, type Tree } from "./tree.js";

const WIRE = "capture/wire";
const CORE = [WIRE, "capture/kernel", "capture/decode", "capture/state"];
// Single files that any room may use: an error, where the build put things, an errno in words, a line of the
// log, who may be connected to a server, a file that is no pipe.
const HOST_FILES = [
  "host/errors",
  "host/heap",
  "host/http-request",
  "host/http-server",
  "host/log",
  "host/file-stamp",
  "host/own-folder",
  "host/paths",
  "host/plain-file",
  "host/reason",
  "host/small-task",
  "host/thread",
  "host/version",
  "host/visitors",
];
const HOST = [WIRE, ...HOST_FILES];

export const ARROWS: Record<string, string[]> = {
  [WIRE]: [],
  "capture/tracee": [WIRE],
  "capture/kernel": [WIRE],
  "capture/decode": [WIRE],
  "capture/state": [WIRE, "capture/decode"],
  "capture/jail": ["capture/kernel"],
  "capture/prevent": [WIRE, "capture/decode", "capture/state"],
  "capture/tracer": [...CORE, "capture/prevent", "capture/witness"],
  "capture/inline": [...CORE, "capture/tracee", "capture/tracer"],
  "capture/outsiders": [...CORE, "capture/tracer"],
  "capture/witness": CORE,
  "capture/agent": [
    ...CORE,
    "capture/prevent",
    "capture/tracer",
    "capture/inline",
    "capture/outsiders",
    "capture/witness",
  ],
  "capture/addon": [WIRE],
  "host/errors": [WIRE],
  "host/heap": [],
  "host/http-request": [],
  "host/http-server": ["host/errors", "host/reason", "host/visitors"],
  "host/log": [],
  "host/file-stamp": [],
  "host/own-folder": [],
  "host/paths": [],
  "host/plain-file": [],
  "host/reason": [],
  "host/small-task": ["host/heap"],
  "host/thread": ["host/heap"],
  "host/version": ["host/paths"],
  "host/visitors": [],
  "host/wire": [WIRE, "host/errors"],
  "host/capture": [...HOST, "host/wire"],
  "host/recording": [...HOST, "host/wire"],
  "host/finding": [...HOST, "host/wire"],
  "host/wasm": [...HOST, "host/wire", "host/finding"],
  "host/metric": [...HOST, "host/wasm"],
  "host/output": [...HOST, "host/wire", "host/capture", "host/finding"],
  "host/evidence": [...HOST, "host/wire", "host/capture", "host/recording", "host/finding", "host/output"],
  "host/incident": [...HOST, "host/wire", "host/finding", "host/output"],
  "host/engine": [...HOST, "host/wire", "host/capture", "host/finding", "host/wasm", "host/metric", "host/output"],
  "host/falco": [...HOST, "host/wire", "host/finding", "host/wasm", "host/output", "host/engine"],
  // Hands the compiler its transform and the SDK.
  "host/policy": [
    ...HOST,
    "rules-wasm",
    "host/wire",
    "host/capture",
    "host/recording",
    "host/finding",
    "host/wasm",
    "host/metric",
    "host/output",
    "host/engine",
    "host/registry",
  ],
  "host/registry": HOST,
  "host/store": [...HOST, "host/finding", "host/output"],
  "host/fleet": [
    ...HOST,
    "host/wire",
    "host/capture",
    "host/recording",
    "host/finding",
    "host/output",
    "host/engine",
    "host/store",
    "host/intake",
  ],
  "host/activity": [...HOST, "host/wire", "host/output"],
  // A client of the control API, over HTTP: of the API's own room it has the client and types of answers.
  "host/terminal": [...HOST, "host/wire", "host/finding", "host/output", "host/falco", "host/activity", "host/control"],
  "host/control": [
    ...HOST,
    "host/evidence",
    "host/metric",
    "host/activity",
    "host/wire",
    "host/capture",
    "host/finding",
    "host/output",
    "host/incident",
    "host/store",
    "host/engine",
    "host/falco",
    "host/policy",
  ],
  "host/ecs": [...HOST, "host/wire", "host/registry"],
  "host/response": [...HOST, "host/capture", "host/finding", "host/output", "host/incident", "host/policy", "host/ecs"],
  "host/config": [...HOST, "host/finding", "host/output", "host/policy", "host/response"],
  "host/image": [...HOST, "host/wasm", "host/output", "host/policy", "host/ecs"],
  "host/intake": [...HOST, "host/wire", "host/capture", "host/recording", "host/output", "host/engine", "host/ecs"],
  "host/sensor": [
    ...HOST,
    "host/metric",
    "host/wire",
    "host/capture",
    "host/recording",
    "host/output",
    "host/evidence",
    "host/incident",
    "host/engine",
    "host/policy",
    "host/control",
    "host/response",
    "host/intake",
    "host/fleet",
  ],
  "host/cli": [
    ...HOST,
    "host/wire",
    "host/recording",
    "host/capture",
    "host/finding",
    "host/wasm",
    "host/output",
    "host/incident",
    "host/engine",
    "host/falco",
    "host/policy",
    "host/response",
    "host/config",
    "host/ecs",
    "host/control",
    "host/store",
    "host/fleet",
    "host/activity",
    "host/terminal",
    "host/intake",
    "host/sensor",
  ],
  "host/main": ["host/node-version", "host/standard-streams", "host/cli"],
  "host/node-version": ["host/errors"],
  "host/standard-streams": [],
  // Runs in a browser: types of answers, and words and shapes that a terminal shows too.
  web: ["host/control", "host/incident", "host/output"],
  "rules-wasm": [WIRE],
  policies: ["rules-wasm"],
  meters: ["rules-wasm"],
  bench: ["*host", WIRE, "capture/decode", "capture/state", "capture/agent", "test"],
  test: ["*"],
  capture: [],
  host: [],
};

export const arrowsPointOneWay: Rule = (tree) => {
  const imports = [...includesOf(tree), ...importsOf(tree)];
  return [...imports.filter((one) => !isAllowed(one)).map(wrongArrow), ...strayNapi(tree)];
};

function isAllowed({ path, target }: Import): boolean {
  const [from, to] = [partOf(path), partOf(target)];
  const allowed = ARROWS[from];
  if (from === to || to === "" || allowed === undefined || allowed.includes("*")) return true;
  return allowed.includes(to) || (allowed.includes("*host") && to.startsWith("host/"));
}

function wrongArrow({ path, line, words, target }: Import): Complaint {
  const [from, to] = [partOf(path), partOf(target)];
  const allowed = ARROWS[from]!.map((name) => (name === "*host" ? "host folders" : name));
  const may = allowed.length === 0 ? "nothing of ours" : allowed.join(", ");
  return { path, line, text: `wrong arrow ${from} -> ${to} (${words}); ${from} may use ${may}` };
}

export function partOf(path: string): string {
  if (path.startsWith("build/generated/")) return path.startsWith("build/generated/as/") ? "rules-wasm" : WIRE;
  const names = Object.keys(ARROWS).filter(
    (name) => path.startsWith(`${name}/`) || path.startsWith(`${name}.`) || path === name,
  );
  return names.sort((a, b) => b.length - a.length)[0] ?? "";
}

function strayNapi(tree: Tree): Complaint[] {
  return eachLine(tree, /^(?!capture\/addon\/).*\.(cc|h)$/, (line) =>
    /#\s*include\s*[<"]napi\.h/.test(line) ? "only capture/addon includes napi.h" : undefined,
  );
}
