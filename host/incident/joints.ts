// SPDX-License-Identifier: Apache-2.0
// What ties a finding to others: the session by which somebody came in, a process, the process that its
// lineage began with, a file, an address that it connected to. Two findings of one place belong together when
// they share one of these.
//
// The first process of a container is every other's ancestor, so it ties only findings about itself to those
// below it. What everybody reaches ties nobody: loopback, and the far end of a connection that came in, which
// may be a load balancer.
import type { Finding } from "../finding/finding.js";

/** What ties one finding to others, as texts. */
export interface Joints {
  /** Whoever has one of these open takes the finding in. */
  readonly found: readonly string[];
  /** What it leaves for later ones. */
  readonly left: readonly string[];
  /** The process that it began with. */
  readonly root: string;
}

/** Pid and start. */
export function processKey(pid: number | null, started: bigint | null): string {
  return `${pid ?? "?"}@${started ?? "?"}`;
}

/**
 * Where findings can belong together: in one container that one agent watches, for one tenant. The operator's
 * own policies are a tenant of their own here.
 */
export function placeOf({ tenant, event, container }: Finding): string {
  return JSON.stringify([tenant, event.source, container?.id ?? null]);
}

/** All of a finding's. */
export function jointsOf(finding: Finding): Joints {
  const { lineage, process, file, endpoint } = finding;
  const others = [...sessionOf(finding), ...fileOf(file), ...addressOf(endpoint)].map((one) => one.slice(0, TEXT_MAX));
  if (process === null) return { found: others, left: others, root: "none" };
  const own = `p:${processKey(process.pid, process.started)}`;
  const root = lineage === null ? own : `p:${processKey(lineage.pid, lineage.started)}`;
  const first = lineage === null ? own : `p:${processKey(lineage.first.pid, lineage.first.started)}`;
  const above = ancestorsBelow(finding).map((one) => `p:${one}`);
  const left = [...new Set([own, ...above, root, ...others])];
  return { found: [...new Set([...left, first])], left, root };
}

/** Keys of the ancestors that are below the first process of the container, the parent first. */
export function ancestorsBelow({ ancestors, process, lineage }: Finding): string[] {
  if (lineage === null || process === null) return [];
  const root = processKey(lineage.pid, lineage.started);
  if (root === processKey(process.pid, process.started)) return [];
  const keys = ancestors.map(({ pid, started }) => processKey(pid, started));
  const at = keys.indexOf(root);
  return at < 0 ? keys : keys.slice(0, at + 1);
}

const TEXT_MAX = 160;
const LOOPBACK = /^(127\.|::1$|::ffff:127\.|0\.0\.0\.0$|::$)/;

/** A pid is used again: its start tells sessions apart. */
function sessionOf({ process, lineage }: Finding): string[] {
  const session = process?.session ?? 0;
  if (session <= 0) return [];
  return [`s:${processKey(session, lineage?.pid === session ? lineage.started : null)}`];
}

function fileOf(file: Finding["file"]): string[] {
  if (file === null || file.type !== "file" || file.ino === null || file.ino === 0n) return [];
  return [`f:${file.dev}/${file.ino}`];
}

function addressOf(endpoint: Finding["endpoint"]): string[] {
  if (endpoint === null || endpoint.isServer === true || endpoint.remoteIp === null) return [];
  return LOOPBACK.test(endpoint.remoteIp) ? [] : [`a:${endpoint.remoteIp}`];
}
