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
/** Of an output that is on. */
const inHttp =
  (asks: Row["asks"]): Row["asks"] =>
  (textAt, nodeAt, hasSyslog) =>
    isOn(textAt("http_output.enabled")) && asks(textAt, nodeAt, hasSyslog);

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
    key: "buffer_format_base64",
    asks: on("buffer_format_base64"),
    isMissed: true,
    instead: "evt.buffer is shown as text, and a byte that cannot be printed as a dot",
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
    key: "http_output.echo",
    asks: inHttp((textAt) => isOn(textAt("http_output.echo"))),
    isMissed: true,
    instead: "answers of receivers are not shown, because a receiver could write lines that look like alerts",
  },
  {
    key: "http_output.keep_alive",
    asks: inHttp((textAt) => isOn(textAt("http_output.keep_alive"))),
    isMissed: true,
    instead: "a connection stays open for four seconds after an alert, whatever this says",
  },
  {
    key: "http_output.max_consecutive_timeouts",
    asks: inHttp(notUsual("http_output.max_consecutive_timeouts", "5")),
    isMissed: true,
    instead: "an alert is sent again until the receiver takes it, and the queue is bounded",
  },
  {
    key: "webserver.ssl_enabled",
    asks: (textAt) => isOn(textAt("webserver.enabled")) && isOn(textAt("webserver.ssl_enabled")),
    isMissed: true,
    instead: "Vedette answers without TLS, and so at this machine's 127.0.0.1:7410 alone",
  },
  {
    key: "webserver.k8s_healthz_endpoint",
    asks: (textAt) =>
      isOn(textAt("webserver.enabled")) && !["", "/healthz"].includes(textAt("webserver.k8s_healthz_endpoint")),
    isMissed: true,
    instead: "it is /healthz",
  },
  { key: "log_syslog", asks: on("log_syslog"), instead: "what Vedette says goes to stderr" },
  {
    key: "libs_logger",
    asks: on("libs_logger.enabled"),
    instead: "there is no libs; what Vedette says goes to stderr",
  },
  {
    key: "output_timeout",
    asks: notUsual("output_timeout", "2000"),
    isMissed: true,
    instead: "an output that is slow holds nothing up: its queue is bounded",
  },
  {
    key: "syscall_event_timeouts",
    asks: notUsual("syscall_event_timeouts.max_consecutives", "1000"),
    instead: "an agent that says nothing is told after seconds",
  },
  {
    key: "syscall_event_drops.actions",
    asks: (_, nodeAt) => [nodeAt("syscall_event_drops.actions")].flat().includes("exit"),
    isMissed: true,
    instead: "what is lost is counted and told, and Vedette goes on",
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
    asks: (textAt, nodeAt) =>
      isGiven(nodeAt("base_syscalls.custom_set")) ||
      isOn(textAt("base_syscalls.repair")) ||
      isOn(textAt("base_syscalls.all")),
    isMissed: true,
    instead: "all calls that Vedette knows are seen",
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
