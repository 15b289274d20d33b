// SPDX-License-Identifier: Apache-2.0
// `vedette falco`: Falco's own command line, so that a script that calls `falco` goes on working. What Falco
// would only print is printed (falco-lists.ts). Else events are judged as Falco judges them: those of a
// capture (`-o engine.kind=replay`), of a command after `--`, or of the agents that connect, as under
// `vedette serve`.
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { VedetteError } from "../errors.js";
import { CONFIG_PLACE, type ConfigFile, type FalcoFlags, optionsIn, readConfigFile } from "../falco/falco.js";
import { falcoMetrics } from "../output/falco-metrics.js";
import { reasonOf } from "../reason.js";
import { VERSION } from "../version.js";
import { beQuiet, logTo, say, warn } from "./failure.js";
import { checkFalco } from "./falco-check.js";
import { type JudgingFlags, sayOptions } from "./falco-judging.js";
import { printIgnored, printList, printListEvents, printRules } from "./falco-lists.js";
import { printConfigSchema, printRuleSchema } from "./falco-schema.js";
import { printSupport, printVersion, versionJson } from "./falco-support.js";
import { print } from "./print.js";
import type { Again } from "./reread.js";
import type { RunOptions } from "./run.js";
import type { ServeFlags } from "./serve.js";

/** Falco's own flags, as they were typed. */
export interface FalcoCommandFlags {
  readonly config?: string;
  readonly rules: readonly string[];
  readonly validate: readonly string[];
  readonly option: readonly string[];
  readonly print?: string;
  readonly listRules?: boolean;
  readonly listRule?: string;
  readonly ignored?: boolean;
  readonly list?: boolean | string;
  readonly names?: boolean;
  readonly markdown?: boolean;
  readonly listEvents?: boolean;
  readonly listPlugins?: boolean;
  readonly duration?: string;
  readonly pidfile?: string;
  readonly dryRun?: boolean;
  readonly support?: boolean;
  readonly configSchema?: boolean;
  readonly ruleSchema?: boolean;
  readonly pageSize?: boolean;
  readonly falcoVersion?: boolean;
  readonly tag: readonly string[];
  readonly withoutTag: readonly string[];
  readonly withoutRule: readonly string[];
  readonly disableSource: readonly string[];
  readonly enableSource: readonly string[];
  /** What `run` and `serve` need beside it, by their own defaults. */
  readonly run: (judging: JudgingFlags) => RunOptions;
  readonly serve: (judging: JudgingFlags) => ServeFlags;
}

const MS_PER_S = 1000;

/**
 * Runs, serves or replays as the flags ask. Gives the status of that, and throws VEDETTE_USAGE where no rules
 * are given.
 */
export async function falco(command: readonly string[], flags: FalcoCommandFlags): Promise<number> {
  let named: string[] = [];
  const file = configFile(flags, named);
  const judging = judgingFlags(flags, file);
  const answer = await answered(flags, file, judging);
  if (answer !== null) return answer;
  checkSources(flags);
  checkRules(judging);
  const again = <F>(told: (judging: JudgingFlags) => F): Again<F> => ({
    flags: () => {
      named = [];
      const now = judgingFlags(flags, configFile(flags, named));
      checkRules(now);
      return told(now);
    },
    files: () => named,
    watches: optionsIn(judging).isWatched ?? command.length === 0,
  });
  if (flags.dryRun) return dryRun(judging);
  const ends = [stopAfter(flags.duration), writePid(flags.pidfile)]; // what can be refused, before a file is made
  try {
    const { replayed, web, isQuiet, log, http, syslog, program } = optionsIn(judging);
    if (isQuiet) beQuiet();
    if (log !== null) logTo(new (await import("../output/log-socket.js")).LogSocket(log, "falco"));
    if (judging.alerts === NOWHERE && [http, syslog, program].every((one) => one === null))
      say("vedette: alerts go nowhere: stdout_output is off, and no other output is on that is here");
    if (replayed !== null) return await (await import("./replay.js")).replay(replayed, judging);
    if (command.length > 0 && web !== null) say("vedette: without meaning for a command: webserver");
    if (command.length > 0) {
      const told = (now: JudgingFlags): RunOptions => ({
        ...flags.run(now),
        ...snaplenOf(now),
        ...ofFalco(now),
      });
      return await (await import("./run.js")).run(command, told(judging), again(told));
    }
    const told = (now: JudgingFlags): ServeFlags => ({
      ...flags.serve(now),
      ...webOf(now),
      ...ofFalco(now),
    });
    return await (await import("./serve.js")).serve(told(judging), again(told));
  } finally {
    for (const end of ends) end();
  }
}

function snaplenOf(judging: JudgingFlags): Partial<Pick<RunOptions, "snaplen">> {
  const { snaplen } = optionsIn(judging);
  return snaplen === null ? {} : { snaplen };
}

function webOf(judging: JudgingFlags): Partial<Pick<ServeFlags, "http" | "door">> {
  const { web } = optionsIn(judging);
  if (web === null) return {};
  const { address: http, ...door } = web;
  const metrics = falcoMetrics({ version: VERSION, hostname: process.env.FALCO_HOSTNAME });
  return { http, door: { ...door, versions: versionJson(), metrics } };
}

function ofFalco(judging: JudgingFlags): Pick<JudgingFlags, "metrics" | "drops"> {
  const { metrics, drops } = optionsIn(judging);
  return { ...(metrics === null ? {} : { metrics }), ...(drops === null ? {} : { drops }) };
}

function checkRules({ falcoRules }: JudgingFlags): void {
  if (falcoRules.length === 0) throw usage("No rules were given: neither by -r nor by the configuration");
}

/** What Falco only prints. */
async function answered(
  flags: FalcoCommandFlags,
  file: ConfigFile | null,
  judging: JudgingFlags,
): Promise<number | null> {
  if (flags.pageSize) return printPageSize();
  if (flags.configSchema) return printConfigSchema();
  if (flags.ruleSchema) return printRuleSchema();
  if (flags.falcoVersion) return printVersion(isJson(judging));
  if (flags.listPlugins) return sayNothing("0 Plugins Loaded:");
  if (flags.list !== undefined) {
    if (typeof flags.list === "string" && flags.list !== "") checkSource(flags.list);
    return printList(flags);
  }
  if (flags.listEvents) return printListEvents(flags);
  if (flags.ignored) return printIgnored();
  if (flags.support) return printSupport(file, judging.falcoRules);
  if (flags.validate.length > 0)
    return checkFalco({ ...judging, falcoRules: flags.validate }, { json: isJson(judging) });
  if (flags.listRules || flags.listRule !== undefined)
    return printRules(judging, { name: flags.listRule ?? null, isJson: isJson(judging) });
  return null;
}

const isJson = (flags: FalcoFlags): boolean => optionsIn(flags).json === true;

/** `named`: see readConfigFile(). */
function configFile({ config }: FalcoCommandFlags, named: string[]): ConfigFile | null {
  const path = config ?? (existsSync(CONFIG_PLACE) ? CONFIG_PLACE : undefined);
  return path === undefined ? null : readConfigFile(path, named);
}

// What Falco does where nothing else is said: the first rule alone, text, no limit of alerts.
const DEFAULTS = { rule_matching: "first", json_output: "false" };

function judgingFlags(flags: FalcoCommandFlags, file: ConfigFile | null): JudgingFlags {
  const config = { ...DEFAULTS, ...file?.config };
  const falco: FalcoFlags = {
    falcoRules: flags.rules.length > 0 ? flags.rules : (file?.rules ?? []),
    option: [...flags.option, ...printOption(flags.print)],
    tag: flags.tag,
    withoutTag: flags.withoutTag,
    withoutRule: flags.withoutRule,
    falcoExact: true,
    config,
  };
  return { ...falco, policy: [], alerts: alertsOf(falco) };
}

const NOWHERE = "/dev/null";

// Without any output of Falco's that is here, stdout is the place, unless it is switched off: alerts that go
// nowhere help nobody.
function alertsOf(flags: FalcoFlags): string {
  const { isToStdout, file, http, syslog, program } = optionsIn(flags);
  if (isToStdout ?? [file, http, syslog, program].every((one) => one === null)) return "stdout";
  return file ?? NOWHERE;
}

const CONTAINER = "container_id=%container.id container_name=%container.name";
const KUBERNETES = `k8s_ns=%k8s.ns.name k8s_pod=%k8s.pod.name ${CONTAINER}`;

/** `-p FORMAT` is appended to each output; `-pc` and `-pk` stand for Falco's own texts. */
function printOption(format: string | undefined): string[] {
  if (format === undefined) return [];
  const isContainer = format === "c" || format === "container";
  const isKubernetes = format === "k" || format === "kubernetes";
  const text = isContainer ? CONTAINER : isKubernetes ? KUBERNETES : format;
  return [`append_output[]=${JSON.stringify({ extra_output: text })}`];
}

function checkSources({ disableSource, enableSource }: FalcoCommandFlags): void {
  if (disableSource.length > 0 && enableSource.length > 0)
    throw usage("--enable-source and --disable-source cannot be mixed");
  for (const source of [...disableSource, ...enableSource]) checkSource(source);
  if (disableSource.length > 0) throw usage("At least one source of events must be enabled");
}

function checkSource(source: string): void {
  if (source !== "syscall") throw usage(`There is no source of events ${source} here, only syscall`);
}

async function dryRun(judging: JudgingFlags): Promise<number> {
  const { falcoPolicy } = await import("../falco/falco.js");
  const options = optionsIn(judging);
  await falcoPolicy(judging, options, warn);
  sayOptions(options, judging);
  return 0;
}

function writePid(path: string | undefined): () => void {
  if (path === undefined) return () => {};
  try {
    writeFileSync(path, String(process.pid));
  } catch (cause) {
    throw usage(`The pid cannot be written to ${path}: ${reasonOf(cause)}`);
  }
  return () => rmSync(path, { force: true });
}

/** `-M`: as if somebody had sent SIGTERM then. */
function stopAfter(seconds: string | undefined): () => void {
  if (seconds === undefined) return () => {};
  if (!/^\d{1,9}$/.test(seconds)) throw usage(`-M ${seconds} is no number of seconds`);
  if (Number(seconds) === 0) return () => {};
  const timer = setTimeout(() => process.kill(process.pid, "SIGTERM"), Number(seconds) * MS_PER_S);
  timer.unref();
  return () => clearTimeout(timer);
}

const KIB = 1024;

function printPageSize(): number {
  const kib = /^KernelPageSize:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/smaps", "utf8"))?.[1];
  return sayNothing(`Your system page size is: ${Number(kib) * KIB}`);
}

function sayNothing(line: string): number {
  print([line]);
  return 0;
}

function usage(problem: string): VedetteError {
  return new VedetteError("VEDETTE_USAGE", { problem: `${problem}.`, command: "falco" });
}
