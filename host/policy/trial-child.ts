// SPDX-License-Identifier: Apache-2.0
// The process that tries policies before the host compiles them (../engine/trial-house.ts). It compiles the
// whole module at once, with both of V8's compilers. Otherwise V8 would compile a function at its first call,
// and again when the function has become hot, and both would happen in the host. It reads tests.yaml and its
// recordings, too: a few lines of them can stand for gigabytes.
import { Socket } from "node:net";
import { setFlagsFromString } from "node:v8";
import { CellEnd } from "../engine/cell-wire.js";
import { type TrialCase, type TrialResult, TrialStage } from "../engine/trial.js";
import { cutSaid, type FromTrial, type ToTrial, toldTests } from "../engine/trial-messages.js";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import { type Admitted, compiled, type Examined } from "../wasm/admission.js";
import { MemoryBundle } from "./bundle.js";
import { runPolicyTests } from "./test-run.js";

/** Where the host put our end. */
const CHANNEL_FD = 3;
/** An empty custom section: V8 remembers modules by their bytes, and gives back what it has compiled. */
const OTHER_BYTES = Buffer.from([0, 1, 0]);
/** Of what is said of alerts in brief: the host takes a MiB. Each has more than its rule and its text. */
const BRIEF_BYTES_MAX = 640 << 10;
const ALERT_BYTES = 256;
const [BRIEF_LOGS_MAX, BRIEF_LINE_MAX] = [50, 500];
/**
 * V8's flags for its first compiler and for what lives by it: the second one inlines calls by the counts that
 * code of the first keeps, and where there are none, V8 14 (Node 26) ends the process.
 */
const FIRST_COMPILER = ["liftoff", "wasm-inlining"];

const stage = new TrialStage();
const channel = new Socket({ fd: CHANNEL_FD });
let module: Admitted | null = null;
let work: Promise<unknown> = Promise.resolve();
const end = new CellEnd<ToTrial, FromTrial>(channel, (message) => {
  work = work.then(() => take(message));
});
channel.on("close", () => process.exit(0));
setFlagsFromString("--no-wasm-lazy-compilation");
stage.warm();

async function take(message: ToTrial): Promise<void> {
  if (message.kind === "module") return end.say({ kind: "compiled", fault: await compile(message.module) });
  if (module === null) return;
  if (message.kind === "tests") return end.say(await tested(message, module));
  const { policy, batches, measureMs, isMetered = false, isBrief = false, caseMs } = message;
  const asked = { isMetered, ...(measureMs === undefined ? {} : { measureMs }) };
  const [result] = await stage.run([{ policy: { ...policy, admitted: module }, batches, ...asked }], caseMs);
  if (result === undefined) return;
  const said = withoutFindings(result);
  end.say({ kind: "result", result: isBrief ? brief(said) : said });
}

/** Its first alerts by time, without their fields, and its first lines of log. */
function brief({ alerts: all, ...rest }: TrialResult): TrialResult {
  const alerts = [...all].sort((one, other) => (one.time < other.time ? -1 : one.time > other.time ? 1 : 0));
  let left = BRIEF_BYTES_MAX;
  const fitting = alerts.findIndex(({ rule, output }) => {
    left -= Buffer.byteLength(rule) + Buffer.byteLength(output) + ALERT_BYTES;
    return left < 0;
  });
  const told = fitting < 0 ? alerts : alerts.slice(0, fitting);
  return {
    ...rest,
    logs: rest.logs.slice(0, BRIEF_LOGS_MAX).map((line) => line.slice(0, BRIEF_LINE_MAX)),
    alerts: told.map(({ rule, priority, source, time, output }) => {
      return { rule, priority, tags: [], source, time, output, outputFields: [], hostname: "" };
    }),
    more: alerts.length - told.length,
  };
}

/** How its tests go, or what is wrong with tests.yaml. */
async function tested({ policy, files, caseMs }: ToTrial & { kind: "tests" }, admitted: Admitted): Promise<FromTrial> {
  const bundle = new MemoryBundle({ kind: "memory", place: policy.place }, new Map(files));
  try {
    const run = (cases: readonly TrialCase[]): Promise<TrialResult[]> => stage.run(cases, caseMs);
    const { outcomes, missing } = await runPolicyTests({ ...policy, admitted }, bundle, run);
    const failures = outcomes.filter(({ differences }) => differences.length > 0);
    const [passed, failed] = [outcomes.length - failures.length, failures.length];
    return { kind: "tested", told: toldTests({ passed, failed, failures, missing }) };
  } catch (error) {
    const { code, message, hint } =
      error instanceof VedetteError ? error : { code: "VEDETTE_POLICY_TESTS", message: reasonOf(error), hint: "" };
    return { kind: "wrong", code, message: cutSaid(message), hint: cutSaid(hint) };
  }
}

/**
 * A case is judged by what its alerts say. What they are about would fill the frame three times as fast, and
 * how they repeat one another is the engine's alone.
 */
function withoutFindings({ alerts, ...rest }: TrialResult): TrialResult {
  return { ...rest, alerts: alerts.map(({ finding: _, grouping: __, ...alert }) => alert) };
}

async function compile(examined: Examined): Promise<string | null> {
  const bytes = Uint8Array.from(examined.bytes);
  try {
    module = await compiled({ ...examined, bytes });
    for (const name of FIRST_COMPILER) setFlagsFromString(`--no-${name}`);
    await WebAssembly.compile(Buffer.concat([bytes, OTHER_BYTES]));
    return null;
  } catch (error) {
    return (error as Error).message;
  } finally {
    for (const name of FIRST_COMPILER) setFlagsFromString(`--${name}`);
  }
}
