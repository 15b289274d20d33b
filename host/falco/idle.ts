// SPDX-License-Identifier: Apache-2.0
// Parts of Falco's configuration that ask for something which nothing here does, and what is here instead.
// Falco's own file names everything that Falco has, mostly switched off: a part that asks for nothing is not
// worth a word. docs/falco.md has the same rows for people; a test compares both.
import { existsSync } from "node:fs";
import type { Config, ConfigNode } from "./config-tree.js";

/** A part of the configuration that asks in vain. */
export interface Idle {
  /** As an option names it. */
  readonly key: string;
  /** What is here instead, without its full stop. */
  readonly instead: string;
  /** Somebody waits for it: alerts do not come where they were meant to, or a stop does not happen. */
  readonly isMissed: boolean;
}

/** Where syslog(3) says things. Falco is silent where it is not there, as in most containers. */
export const SYSLOG_PLACE = "/dev/log";

/** Somebody has made that place. */
export const hasSyslog = (): boolean => existsSync(SYSLOG_PLACE);

type Texts = (key: string) => string;

interface Row {
  readonly key: string;
  readonly instead: string;
  readonly isMissed?: true;
  readonly asks: (textAt: Texts, nodeAt: (key: string) => ConfigNode | undefined, hasSyslog: boolean) => boolean;
}

const isOn = (text: string): boolean => /^(true|yes|on|y|1)$/i.test(text);
const on =
  (key: string): Row["asks"] =>
  (textAt) =>
    isOn(textAt(key));
const given =
  (key: string): Row["asks"] =>
  (_, nodeAt) =>
    isGiven(nodeAt(key));
const inMetrics =
  (key: string): Row["asks"] =>
  (textAt) =>
    isOn(textAt("metrics.enabled")) && isOn(textAt(`metrics.${key}`));
/** Another value than Falco's own. */
const notUsual =
  (key: string, usual: string): Row["asks"] =>
  (textAt) =>
    !["", usual].includes(textAt(key));
/** In the order of Falco's file. */
const ROWS: readonly Row[] = [
  {
    key: "engine",
    asks: (textAt) => !["", "replay"].includes(textAt("engine.kind")),
    instead: "events come from Vedette's agent, which needs no driver",
  },
  {
    key: "load_plugins",
    asks: given("load_plugins"),
    isMissed: true,
    instead: "there are no plugins; fields of containers are there without one",
  },
  {
    key: "plugins",
    // Without load_plugins, Falco loads all that are configured.
    asks: (_, nodeAt) => nodeAt("load_plugins") === undefined && isGiven(nodeAt("plugins")),
    isMissed: true,
    instead: "there are no plugins; fields of containers are there without one",
  },
  { key: "buffered_outputs", asks: on("buffered_outputs"), instead: "alerts are never held back" },
  {
    key: "outputs_queue.capacity",
    asks: (textAt) => textAt("outputs_queue.capacity") === "0",
    instead: "a queue is always bounded: 0 means 1,000 alerts",
  },
  {
    key: "syslog_output",
    asks: (textAt, _, hasSyslog) => isOn(textAt("syslog_output.enabled")) && !hasSyslog,
    isMissed: true,
    instead: `nobody listens at ${SYSLOG_PLACE}, so no alert goes to syslog; \`vedette run\` and \`vedette serve\` have --syslog URL`,
  },
  {
    key: "grpc_output",
    asks: on("grpc_output.enabled"),
    isMissed: true,
    instead: "no alert goes there; use http_output, or the control API",
  },
  { key: "grpc", asks: on("grpc.enabled"), instead: "the control API answers programs" },
  {
    key: "log_syslog",
    asks: (textAt, _, hasSyslog) => isOn(textAt("log_syslog")) && !hasSyslog,
    instead: `nobody listens at ${SYSLOG_PLACE}, so what Vedette says goes to stderr alone`,
  },
  {
    key: "libs_logger",
    asks: on("libs_logger.enabled"),
    instead: "there is no libs; what Vedette says goes to stderr",
  },
  {
    key: "syscall_event_timeouts",
    asks: notUsual("syscall_event_timeouts.max_consecutives", "1000"),
    instead: "an agent that says nothing is told after seconds",
  },
  {
    key: "metrics.state_counters_enabled",
    asks: inMetrics("state_counters_enabled"),
    instead: "`vedette top` shows processes and their descriptors",
  },
  {
    key: "metrics.kernel_event_counters_per_cpu_enabled",
    asks: inMetrics("kernel_event_counters_per_cpu_enabled"),
    instead: "events are counted by container",
  },
  {
    key: "metrics.libbpf_stats_enabled",
    asks: inMetrics("libbpf_stats_enabled"),
    instead: "there is no eBPF",
  },
  {
    key: "base_syscalls",
    asks: (textAt) => isOn(textAt("base_syscalls.repair")) || isOn(textAt("base_syscalls.all")),
    instead: "all calls that Vedette knows are seen; of this key, custom_set alone has a meaning",
  },
  {
    key: "falco_libs.thread_table_size",
    asks: notUsual("falco_libs.thread_table_size", "262144"),
    instead: "tables grow with the processes that there are",
  },
  {
    key: "container_engines",
    asks: given("container_engines"),
    instead: "the agent, or the orchestrator, says which container it is",
  },
];

/** Keys that rows are about. */
export const IDLE_KEYS: readonly (readonly [key: string, instead: string])[] = ROWS.map(
  ({ key, instead }) => [key, instead] as const,
);

/** The parts of a configuration that ask in vain, in the order of Falco's file. */
export function idleIn(config: Config, hasLog = hasSyslog()): Idle[] {
  const nodeAt = (key: string): ConfigNode | undefined => {
    let at: ConfigNode | undefined = config;
    for (const name of key.split("."))
      at = typeof at === "object" && at !== null && !Array.isArray(at) ? at[name] : undefined;
    return at;
  };
  const textAt = (key: string): string => {
    const node = nodeAt(key);
    return typeof node === "string" ? node : "";
  };
  return ROWS.filter(({ asks }) => asks(textAt, nodeAt, hasLog)).map(({ key, instead, isMissed = false }) => ({
    key,
    instead,
    isMissed,
  }));
}

function isGiven(node: ConfigNode | undefined): boolean {
  if (node === undefined || node === null || node === "") return false;
  return typeof node === "string" || (Array.isArray(node) ? node : Object.keys(node)).length > 0;
}
