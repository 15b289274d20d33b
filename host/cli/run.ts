// SPDX-License-Identifier: Apache-2.0
// `vedette run`: captures, judges, alerts. Policies are ready before the workload's first instruction, and every batch has been
// judged before the command ends. What fails on our side is said on stderr and never stops the workload; an agent that dies takes the
// workload with it, and that is an alert and a status of its own.
import { hostname } from "node:os";
import type { Hello } from "../capture/agent.js";
import { Heartbeat, LOOK_MS } from "../capture/heartbeat.js";
import { closeReader } from "../capture/ring.js";
import { Session } from "../capture/session.js";
import { Engine } from "../engine/engine.js";
import { processors, workersFor } from "../engine/processors.js";
import { explain } from "../errors.js";
import { type GuardNews, guardAlert } from "../output/guard-alert.js";
import { lossText, totalLost } from "../output/summary.js";
import { Prevention } from "../policy/prevention.js";
import { PolicyService, type ServiceFlags, type ServiceHandlers } from "../policy/service.js";
import { reasonOf } from "../reason.js";
import { neverWait, report, say } from "./failure.js";
import { type JudgingFlags, judging } from "./falco-judging.js";
import { counted } from "./print.js";
import { Recorder } from "./record.js";
import { agentOptions, type WorkloadOptions } from "./workload.js";

export interface RunOptions extends WorkloadOptions, JudgingFlags, ServiceFlags {
  /** Where the events are stored too. */
  readonly record?: string;
}

export async function run(command: readonly string[], options: RunOptions): Promise<number> {
  neverWait();
  const { policies, outputs, host } = await judging(options);
  const service = new PolicyService(options, (line) => say(`vedette: ${line}`));
  const hosts = new Map<number, Hello>();
  const session = new Session({
    onWake: () => recorder?.onWake(),
    onHello: (hello) => {
      hosts.set(hello.stream, hello);
      recorder?.host(hello.stream, hello.hostname);
      if (prevention.greet(hello.stream, "this workload", null)) session.capture.ready(hello.stream);
    },
    onPrevented: (stream, obstacle) => {
      // An agent that cannot hold its first table says so itself, and does not begin.
      if (holdsTable) prevention.onAnswer(stream, obstacle);
      holdsTable ||= obstacle === "";
    },
  });
  let holdsTable = false;
  const prevention = new Prevention(policies, {
    send: (stream, version, rows) => session.capture.prevent(stream, version, rows),
    watch: (stream, files) => session.capture.watch(stream, files),
    onFault: (error) => handlers.onFault(error, null),
  });
  const { ring } = session.capture;
  const count = options.workers ?? workersFor(processors());
  const readers = Array.from({ length: count }, () => session.capture.reader());
  const recorder = options.record === undefined ? null : Recorder.of(session, options.record);
  const hostOf = (stream: number): string => host ?? hosts.get(stream)?.hostname ?? hostname();
  const handlers: ServiceHandlers = {
    onAlert: (alert, stream) => {
      const whole = alert.hostname === "" ? { ...alert, hostname: hostOf(stream) } : alert;
      outputs.write(whole);
      service.deliver(whole);
    },
    onFault: (error, policy) => {
      say(`vedette: ${explain(error)}`);
      const alert = service.faultAlert(error, policy, host ?? hostname());
      outputs.write(alert);
      service.deliver(alert);
    },
    onLog: (policy, level, text) => say(`vedette: ${policy}: ${LEVELS[level] ?? "info"}: ${text}`),
    onPolicies: (watched) => prevention.setPolicies([...policies, ...watched]),
  };
  const engine = await Engine.start({
    ring,
    readers,
    policies,
    hostname: hostOf,
    ...handlers,
  }).catch((error: unknown) => {
    session.capture.close();
    throw error;
  });
  const tell = (rule: GuardNews["rule"], output: string, cause: string): void =>
    outputs.write(
      guardAlert({
        rule,
        output,
        fields: { "agent.pid": session.capture.pid, "agent.cause": cause },
        hostname: host ?? hostname(),
      }),
    );
  // An engine that fails must not hold the workload up: nobody reads for it any more.
  const judged = engine.finished.catch((error: unknown) => {
    for (const reader of readers) closeReader(ring, reader);
    tell("Vedette stopped judging", "What the workload does is not judged any more", reasonOf(error));
    return report(error);
  });

  await service.open(engine, ring, handlers).catch(async (error: unknown) => {
    session.capture.close();
    await engine.stop();
    throw error;
  });
  const onHangup = (): void => {
    outputs.reopen();
    service.reopen();
  };
  process.on("SIGHUP", onHangup); // before the session's own, which passes it on to the workload
  // What is to be denied is known before the first exec.
  const start = prevention.hasRows || options.policiesD !== undefined ? ["--start", "security"] : [];
  session.start(agentOptions(command, options, start));
  const silence = "it says nothing: it was stopped, or its connection was taken from it";
  const heartbeat = new Heartbeat({
    counts: (stream) => session.capture.counts(stream),
    onSilent: () => tell("Agent silent", "The agent is silent, nothing of the workload is seen", silence),
    onHeard: () => say("vedette: the agent is heard again"),
  });
  const look = setInterval(() => heartbeat.look(session.hasEnded ? [] : hosts.keys()), LOOK_MS);
  const ending = await session.ending;
  clearInterval(look);
  if (ending.error !== null)
    tell(
      "Agent gone without a word",
      "The agent is gone without a word, and the workload with it",
      ending.error.message,
    );
  const engineFailure = await judged;
  recorder?.end();
  process.off("SIGHUP", onHangup);
  await service.close();
  const undelivered = await outputs.close();
  if (undelivered > 0) say(`vedette: ${counted(undelivered, "alert")} could not be sent`);
  if (totalLost(ending) > 0) say(`vedette: ${lossText(ending)}`);
  if (ending.error !== null) report(ending.error);
  return ending.error === null && typeof engineFailure === "number" ? engineFailure : ending.status;
}

const LEVELS = ["debug", "info", "warning", "error"];
