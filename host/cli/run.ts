// SPDX-License-Identifier: Apache-2.0
// `vedette run`: captures, judges, alerts. Policies are ready before the workload's first instruction, and every batch has been
// judged before the command ends. What fails on our side is said on stderr and never stops the workload.
import { isatty } from "node:tty";
import type { Hello } from "../capture/agent.js";
import { closeReader } from "../capture/ring.js";
import { Session } from "../capture/session.js";
import { Engine } from "../engine/engine.js";
import { explain } from "../errors.js";
import { type Alert, alertJson } from "../output/alert.js";
import { alertText } from "../output/alert-text.js";
import { openSink, type Sink } from "../output/sink.js";
import { lossText, totalLost } from "../output/summary.js";
import { loadPolicies } from "../policy/load.js";
import { report, say } from "./failure.js";
import { agentOptions, type WorkloadOptions } from "./workload.js";

export interface RunOptions extends WorkloadOptions {
  readonly policy: readonly string[];
  readonly alerts: string;
}

export async function run(command: readonly string[], options: RunOptions): Promise<number> {
  const sink = openSink(options.alerts, "a", "VEDETTE_SINK_UNWRITABLE");
  const policies = await loadPolicies(options.policy);
  const hosts = new Map<number, Hello>();
  const session = new Session({ onHello: (hello) => hosts.set(hello.stream, hello) });
  const { ring } = session.capture;
  const reader = session.capture.reader();
  const engine = await Engine.start({
    ring,
    readers: [reader],
    policies,
    hostname: (stream) => hosts.get(stream)?.hostname ?? "",
    onAlert: alertWriter(sink, options.alerts),
    onFault: (error) => say(`vedette: ${explain(error)}`),
    onLog: (policy, level, text) => say(`vedette: ${policy}: ${LEVELS[level] ?? "info"}: ${text}`),
  }).catch((error: unknown) => {
    session.capture.close();
    throw error;
  });
  // An engine that fails must not hold the workload up: nobody reads for it any more.
  const judged = engine.finished.catch((error: unknown) => {
    closeReader(ring, reader);
    return report(error);
  });

  session.start(agentOptions(command, options));
  const ending = await session.ending;
  const engineFailure = await judged;
  sink.close();
  if (totalLost(ending) > 0) say(`vedette: ${lossText(ending)}`);
  if (ending.error !== null) report(ending.error);
  return ending.error === null && typeof engineFailure === "number" ? engineFailure : ending.status;
}

const LEVELS = ["debug", "info", "warning", "error"];

/** One line an alert: text for a person at a terminal, Falco's JSON for everybody else. All that comes at once is written at once. */
function alertWriter(sink: Sink, target: string): (alert: Alert) => void {
  const fd = target === "stderr" ? 2 : target === "stdout" ? 1 : -1;
  const isForPerson = fd > 0 && isatty(fd);
  let isScheduled = false;
  return (alert) => {
    sink.line(isForPerson ? alertText(alert) : alertJson(alert));
    if (isScheduled) return;
    isScheduled = true;
    setImmediate(() => {
      isScheduled = false;
      sink.flush();
    });
  };
}
