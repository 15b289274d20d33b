// SPDX-License-Identifier: Apache-2.0
// The files that policies call sensitive, for one agent: the values of parameters that policy.yaml marks
// `sensitive: true`, of all policies whose scope includes its container. The kernel reports every open of
// these files to the agent.
import type { ContainerFacts } from "../wire/container.js";
import type { LoadedPolicy } from "./policy.js";
import { isScopeOf } from "./scope.js";

/** The bounds on the list that an agent gets. */
const FILES_MAX = 500;
const BYTES_MAX = 48 << 10;

/** Absolute paths and globs, each once. Beyond the wire's bounds it leaves the rest out. */
export function sensitiveFilesFor(policies: readonly LoadedPolicy[], facts: ContainerFacts | null): string[] {
  const theirs = policies.filter(({ tenancy }) => tenancy == null || isScopeOf(tenancy.scope, facts));
  const files = new Set(theirs.flatMap(({ sensitive = [] }) => sensitive).filter((file) => file.startsWith("/")));
  let bytes = 0;
  return [...files].slice(0, FILES_MAX).filter((file) => {
    bytes += Buffer.byteLength(file);
    return bytes <= BYTES_MAX;
  });
}
