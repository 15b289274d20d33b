// SPDX-License-Identifier: Apache-2.0
// What run, trace and record have in common: the options that go to the agent.
import type { AgentOptions } from "../capture/agent.js";
import type { Inherited } from "../capture/inheritance.js";
import { environmentForWorkload } from "./configured.js";

/** What the agent is told of a workload. `snaplen` is in bytes. */
export interface WorkloadOptions {
  /** Asked before anything of ours was opened. */
  readonly inherited: readonly Inherited[];
  readonly snaplen: number;
  readonly tiers: "all" | "trace";
  readonly integrity: "normal" | "adaptive" | "strict";
  /** Folders whose libraries count as of the image. */
  readonly believe: readonly string[];
  /** Whether what passes TLS libraries is told, too. */
  readonly tlsPlaintext?: boolean;
  readonly siteCache?: string;
  readonly ioUring: "refuse" | "allow";
  readonly onOverload: "shed" | "block";
  /** The process that is watched in the place of a command. */
  readonly pid?: number;
}

/** `more`: options of this command's own. */
export function agentOptions(
  command: readonly string[],
  options: WorkloadOptions,
  more: readonly string[] = [],
): AgentOptions {
  return {
    command,
    environment: environmentForWorkload(process.env),
    inherited: options.inherited,
    options: [
      "--snaplen",
      String(options.snaplen),
      "--tiers",
      options.tiers,
      "--integrity",
      options.integrity,
      ...options.believe.flatMap((folder) => ["--believe", folder]),
      ...(options.tlsPlaintext === true ? ["--tls-plaintext"] : []),
      ...(options.siteCache === undefined ? [] : ["--site-cache", options.siteCache]),
      "--io-uring",
      options.ioUring,
      "--on-overload",
      options.onOverload,
      ...(options.pid === undefined ? [] : ["--attach", String(options.pid)]),
      ...more,
    ],
  };
}
