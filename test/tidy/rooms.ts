// SPDX-License-Identifier: Apache-2.0
//
// The doors of the rooms of host/: the files that other rooms may import. Everything else of a room is its
// own, and may change without a look outside. A room with one door calls it by its own name. Where a room has
// several, it is so that a process loads only what it runs: a policy worker needs the wire's batches, and not
// the builder of batches. Tests and benches may look inside.
import { partOf } from "./arrows.js";
import { circlesOf, graphOf } from "./circles.js";
import { type Import, importsOf } from "./imports.js";
import type { Complaint, Rule } from "./tree.js";

export const DOORS: Record<string, string[]> = {
  "host/activity": ["activity"],
  "host/capture": ["addon", "agent", "heartbeat", "inheritance", "ring", "ring-view", "session"],
  "host/cli": ["command", "failure", "program"],
  "host/config": ["config"],
  "host/control": ["client", "control", "shapes"],
  "host/ecs": ["layout", "metadata", "patcher"],
  "host/engine": [
    "bounds",
    "cell-finding",
    "cell-wire",
    "engine",
    "exceptions",
    "fact",
    "feed",
    "glob",
    "grouped",
    "housing",
    "jail",
    "jailed",
    "keep",
    "kept-limits",
    "limiter",
    "policy",
    "prevent-row",
    "prevention",
    "processors",
    "runner",
    "scope",
    "sensitive",
    "trial",
    "trial-house",
    "trial-messages",
  ],
  "host/evidence": ["evidence", "shelf"],
  "host/falco": ["falco", "filter", "kept-policy"],
  "host/fleet": [
    "beat",
    "block",
    "bus",
    "collector",
    "fact-teller",
    "forwarder",
    "heart",
    "nats-bus",
    "pool",
    "pool-monitor",
    "roll",
    "selection",
    "subject",
    "tenant-house",
  ],
  "host/finding": ["finding", "priority", "stored"],
  "host/image": [],
  "host/incident": ["incident", "tactics"],
  "host/intake": ["intake"],
  "host/metric": ["otlp", "prometheus", "totals", "requests", "meter-rows", "spans"],
  "host/output": [
    "alert",
    "alert-bounds",
    "alert-facts",
    "alert-text",
    "aws-client",
    "aws-credentials",
    "backlog",
    "config-alert",
    "counted",
    "diagnosis",
    "drops",
    "falco-metrics",
    "log-socket",
    "event-json",
    "event-text",
    "format",
    "guard-alert",
    "health",
    "http",
    "incident-news",
    "metrics",
    "metrics-push",
    "metrics-snapshot",
    "nats-client",
    "nats-library",
    "nats-subject",
    "nats-url",
    "numbers",
    "ocsf",
    "operand",
    "otlp-metrics",
    "output",
    "outputs",
    "pem",
    "progress",
    "registry",
    "sink",
    "span-push",
    "stream",
    "summary",
    "syslog-url",
    "test-alert",
    "try-one",
    "voice",
    "visible",
  ],
  "host/policy": [
    "bundle",
    "compile",
    "coverage",
    "detail",
    "discover",
    "load",
    "measure",
    "nearest",
    "policy-file",
    "prevention",
    "published",
    "release",
    "respond",
    "scaffold",
    "seated",
    "service",
    "shared-code",
    "short-event",
    "signature",
    "status",
    "tenants",
    "test-file",
    "test-run",
    "trace",
    "yaml",
  ],
  "host/recording": ["block", "recording", "scap/capture-of", "scap/capture-writer", "scap/replay"],
  "host/registry": ["place", "repository"],
  "host/response": ["response", "stop-task"],
  "host/sensor": ["sensor"],
  "host/store": ["lines", "open", "store", "turns"],
  "host/terminal": ["terminal"],
  "host/wasm": [
    "abi",
    "admission",
    "facts",
    "fuel",
    "head",
    "instance",
    "instruments",
    "metadata",
    "metrics-region",
    "sections",
    "settings",
    "traced",
  ],
  "host/wire": [
    "address",
    "batch",
    "builder",
    "category",
    "container",
    "descriptor",
    "dns",
    "encode",
    "fields",
    "fields/evt",
    "fields/fs",
    "known-names",
    "layout",
    "names",
    "path",
    "per-event",
    "process",
    "record",
    "render",
    "rooms",
    "slot",
    "time",
    "value",
  ],
};

export const roomsAreEnteredByTheirDoors: Rule = (tree) =>
  importsOf(tree).flatMap(({ path, line, target }) => {
    const [from, to] = [partOf(path), partOf(target)];
    const doors = DOORS[to];
    if (from === to || !from.startsWith("host/") || doors === undefined) return [];
    if (doors.some((door) => target === `${to}/${door}.ts`)) return [];
    const may = doors.length === 0 ? "it has no door" : `its doors are ${doors.join(", ")}`;
    return [{ path, line, text: `${target} is the inside of ${to}; ${may} (test/tidy/rooms.ts)` }];
  });

/**
 * Files, and the rooms of host/. AssemblyScript is left out: it reads a program whole, and two classes of its
 * SDK know each other.
 */
export const nothingImportsInACircle: Rule = (tree) => {
  const imports = importsOf(tree).filter(({ path }) => /^(host|bench|test)\//.test(path));
  const rooms = imports
    .map((one) => ({ ...one, from: partOf(one.path), to: partOf(one.target) }))
    .filter(({ from, to }) => from !== to && from.startsWith("host/") && to.startsWith("host/"));
  return [...circles(imports.map((one) => ({ ...one, from: one.path, to: one.target }))), ...circles(rooms)];
};

function circles(edges: readonly (Import & { from: string; to: string })[]): Complaint[] {
  return circlesOf(graphOf(edges.map(({ from, to }) => [from, to] as const))).map((circle) => {
    const [first, second = first] = circle;
    const { path, line } = edges.find(({ from, to }) => from === first && to === second)!;
    return { path, line, text: `imports go in a circle: ${[...circle, first].join(" -> ")}; cut one` };
  });
}
