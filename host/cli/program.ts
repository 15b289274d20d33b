// SPDX-License-Identifier: Apache-2.0
// The command line. Everything after `--` is the workload's and is never looked at: it is cut off before the
// options are read. Each command's code is loaded when it is asked for, so that a workload under `run` does
// not pay for what `doctor` needs.
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { SCHEMA, SCHEMA_MINOR } from "../../build/generated/events.js";
import { type Inherited, inheritedDescriptors } from "../capture/inheritance.js";
import { VedetteError } from "../errors.js";
import { LOG_FORMATS } from "../log.js";
import { shortCommit, VERSION } from "../version.js";
import { ABI } from "../wasm/abi.js";
import { defineConfig } from "./config-command.js";
import { configOption, configured, heedConfiguration, withOneOf } from "./configured.js";
import type { ConsoleFlags } from "./console.js";
import { endingOf, report } from "./failure.js";
import { defineFalco } from "./falco-command.js";
import { alertOptions, collect, falcoOptions, respondOption, watchOption } from "./falco-flags.js";
import { defineFleet } from "./fleet-command.js";
import { defineInstrument } from "./instrument-command.js";
import { defineJudge } from "./judge-command.js";
import { defineOutputs } from "./outputs-command.js";
import { definePolicy } from "./policy-command.js";
import { addServiceOptions } from "./policy-service.js";
import { print } from "./print.js";
import type { RunOptions } from "./run.js";
import { defineServe } from "./serve-command.js";
import type { TopFlags } from "./top.js";
import { endOfParsing, shapeHelp } from "./usage.js";

const SNAPLEN_MAX = 4096;

/** Runs one command; gives the exit status. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  if (argv[0] !== "falco") return endingOf(() => runCommand(argv));
  try {
    return await runCommand(argv);
  } catch (error) {
    const status = report(error);
    return status === OF_USAGE ? 1 : status; // Falco has no other status for what it refuses
  }
}

const OF_USAGE = 2;

async function runCommand(argv: readonly string[]): Promise<number> {
  const inherited = inheritedDescriptors();
  const dashes = argv.indexOf("--");
  const own = dashes < 0 ? argv : argv.slice(0, dashes);
  const command = dashes < 0 ? [] : argv.slice(dashes + 1);
  let status = 0;
  const program = defineProgram(command, inherited, (result) => {
    status = result;
  });
  try {
    await program.parseAsync(own, { from: "user" });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return endOfParsing(error, program, own, dashes >= 0);
    throw error;
  }
}

/** All commands. `command`: what follows `--`. `done` takes the exit status. */
export function defineProgram(
  command: readonly string[],
  inherited: readonly Inherited[],
  done: (status: number) => void,
): Command {
  const program = new Command("vedette")
    .description("Runtime security for containers without kernel access.")
    .option("--version", "print the version, its commit, and which policies and agents it works with")
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show the help of a command")
    .enablePositionalOptions(); // `falco --version` is falco's
  program.on("option:version", () => {
    print([versionLine()]);
    throw new CommanderError(0, "commander.version", "");
  });
  const workload = (name: string, description: string): Command =>
    program
      .command(name)
      .description(description)
      .usage("[options] -- COMMAND [ARGUMENT]...")
      .addOption(snaplen())
      .addOption(tiers())
      .addOption(integrity())
      .addOption(believe())
      .addOption(tlsPlaintext())
      .addOption(siteCache())
      .addOption(ioUring())
      .addOption(onOverload(name));

  const watching = (name: string, description: string): Command =>
    workload(name, description).usage("[options] -- COMMAND [ARGUMENT]... | --pid PID").addOption(pid());

  const run = watching("run", "run COMMAND, judge what it does, and raise alerts");
  addServiceOptions(falcoOptions(run)).option(
    "--policy <dir>",
    "a policy's folder or module (.wasm), a folder of them, or `pack`; may be given again (default: pack, unless Falco's rules are given)",
    collect,
    [],
  );
  alertOptions(run, "stderr")
    .option("--record <file>", "store the events too, for `vedette replay`")
    .option("--incidents", "end with the incidents: what belongs together, as a story (default at a terminal)")
    .option("--no-incidents", "do not, and show every alert as it comes")
    .addOption(respondOption())
    .addOption(watchOption())
    .action(async (options: RunOptions, asked: Command) => {
      const { run } = await import("./run.js");
      const flags = async (): Promise<RunOptions> => ({ ...(await configured<RunOptions>(asked)), inherited });
      done(await run(needWorkload("run", command, options), { ...options, inherited }, { flags }));
    });
  watching("trace", "run COMMAND and print every call it makes")
    .option("--json", "one object a line, flat Falco names")
    .option("--summary", "a table of counts, errors, time and losses instead of the calls")
    .option("-o, --output <file>", "a file, stdout or stderr", "stderr")
    .option("-f, --filter <condition>", "only events that this condition of Falco's language matches")
    .action(async (options) => {
      const { trace } = await import("./trace.js");
      done(await trace(needWorkload("trace", command, options), { ...options, inherited }));
    });
  watching("record", "run COMMAND and store what it does, for `vedette replay`")
    .requiredOption("-o, --output <file>", "the recording")
    .action(async (options) => {
      const { record } = await import("./record.js");
      done(await record(needWorkload("record", command, options), { ...options, inherited }));
    });
  program
    .command("convert")
    .description("write a recording as a .scap file, for Falco, sysdig and tshark")
    .argument("<file>", "a recording, or a .scap file")
    .argument("<out>", "the file to make: OUT.scap, or OUT.scap.gz for a gzipped one")
    .option("--force", "let a file or a link of that name give way")
    .option("--host <name>", "whose events, where the recording is of several hosts")
    .option("--container <name>", "of which container, by its name or id, where it is of several")
    .action(async (from: string, to: string, options) => {
      const { convert } = await import("./convert.js");
      done(await convert(from, to, options));
    });
  program
    .command("doctor")
    .description("say what this kernel and container allow, and what to change")
    .option("--json", "one JSON object")
    .action(async (options) => {
      const { doctor } = await import("./doctor.js");
      done(doctor(options));
    });
  program
    .command("console")
    .description("print an address at which a browser sees the console of a running Vedette, or a store")
    .option("--socket <path>", "the Unix socket that the running Vedette was given as --control")
    .option(
      "--store <place>",
      "show this store, a folder or postgres://..., also while no Vedette runs, until it is stopped",
    )
    .option("--evidence <dir>", "with --store: the folder of evidence, whose files are shown beside their incidents")
    .option("--at <address>", "where the store is shown: 127.0.0.1:PORT", "127.0.0.1:7411")
    .action(async (_, asked: Command) => {
      const { showConsole } = await import("./console.js");
      done(await showConsole(withOneOf<ConsoleFlags>(asked, ["socket", "store"])));
    });
  workload("top", "show what happens as tables: of a running Vedette, a recording, or COMMAND")
    .usage("[options] --socket PATH | FILE | -- COMMAND [ARGUMENT]...")
    .argument("[file]", "what `vedette record` made, or a capture of Falco or sysdig")
    .option("--socket <path>", "the Unix socket that the running Vedette was given as --control")
    .addOption(otherSocket())
    .addOption(view())
    .option("-f, --filter <condition>", "only events that this condition of Falco's language matches")
    .addOption(interval())
    .option("--once", "print one table, and end; so it does where there is no terminal")
    .option("--json", "print one table as lines of JSON, and end")
    .action(async (file: string | undefined, _, asked: Command) => {
      const { top } = await import("./top.js");
      const isOther = file !== undefined || command.length > 0;
      done(await top(file, command, { ...withOneOf<TopFlags>(asked, ["socket"], isOther), inherited }));
    });
  defineInstrument(program, done);
  defineServe(program, done);
  definePolicy(program, done);
  defineConfig(program, done);
  defineOutputs(program, done);
  defineFleet(program, done);
  defineJudge(program, done);
  defineFalco(program, command, inherited, done);
  defineHelpers(program, done);

  for (const each of withSubcommands(program)) {
    if (!isTold(each)) continue;
    each.addOption(logFormat(each.name())).addOption(quiet());
    if (!isAboutFile(each)) each.addOption(configOption());
  }
  program.hook("preAction", (_program, command) => heedConfiguration(command));
  shapeHelp(program);
  for (const each of withSubcommands(program))
    each.exitOverride().configureOutput({ writeOut: (text) => print([text.replace(/\n$/, "")]), writeErr: () => {} });
  return program;
}

/** What helps whoever types. */
function defineHelpers(program: Command, done: (status: number) => void): void {
  program
    .command("completion")
    .description("print a script that completes commands and options in your shell")
    .addArgument(shellArgument())
    .action(async (shell: string) => {
      const { complete } = await import("./completion.js");
      done(complete(shell, (await import("./command-tree.js")).commandsOf(program)));
    });
  program
    .command("man")
    .description("print the manual page, for man(1)")
    .action(async () => {
      const { printManual } = await import("./man.js");
      done(printManual((await import("./command-tree.js")).commandsOf(program), VERSION));
    });
}

/** The shells are offered; one that is none is refused where completions are made. */
function shellArgument(): Argument {
  const argument = new Argument("<shell>", "bash, zsh or fish");
  argument.argChoices = ["bash", "zsh", "fish"];
  return argument;
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

/** Commands that say something beside their answer. `falco` has Falco's own options. */
function isTold(command: Command): boolean {
  const hasNone = ["completion", "man", "fields", "doctor", "falco"];
  return command.commands.length === 0 && !hasNone.includes(command.name());
}

/** `config` is about the file itself, and `instrument` has a file of what it writes as `--config`. */
function isAboutFile(command: Command): boolean {
  return command.name() === "instrument" || command.parent?.name() === "config";
}

/** A command, or with `--pid` none. */
function needWorkload(name: string, command: readonly string[], { pid }: { pid?: number }): readonly string[] {
  if (pid !== undefined && command.length > 0)
    throw new VedetteError("VEDETTE_USAGE", { problem: "Give a command or --pid, and not both.", command: name });
  if (pid !== undefined) return [];
  if (command.length === 0 || command[0] === "") throw new VedetteError("VEDETTE_NO_COMMAND", { command: name });
  return command;
}

const pid = (): Option =>
  new Option(
    "-p, --pid <pid>",
    "a process that runs already, in the place of COMMAND: it is watched until it ends or you press Ctrl-C, and then goes on as before",
  ).argParser((text) => {
    if (!/^[1-9]\d{0,9}$/.test(text)) throw new InvalidArgumentError("It must be the number of a process.");
    return Number(text);
  });
const snaplen = (): Option =>
  new Option("--snaplen <bytes>", `payload bytes kept of each buffer, 0 to ${SNAPLEN_MAX}`)
    .default(80)
    .argParser((text) => {
      if (!/^\d{1,4}$/.test(text) || Number(text) > SNAPLEN_MAX)
        throw new InvalidArgumentError(`It must be a number from 0 to ${SNAPLEN_MAX}.`);
      return Number(text);
    });
/** Of host/terminal/views.ts, which is not loaded for them; the command refuses a name that is none. */
function view(): Option {
  const option = new Option("--view <name>", "what is shown first").default("processes");
  option.argChoices = [
    ...["processes", "files", "connections", "containers", "syscalls", "errors", "users", "opens", "connects", "echo"],
    ...["events", "incidents", "findings", "policies", "sensors"],
  ];
  return option;
}
/** What hosts call the socket at which `top` asks. */
function otherSocket(): Option {
  const option = new Option("--control <path>", "as --socket").hideHelp();
  option.attributeName = () => "socket";
  return option;
}
const interval = (): Option =>
  new Option("--interval <seconds>", "time between two tables, 0.2 to 10").default(1).argParser((text) => {
    const seconds = Number(text);
    if (!(seconds >= 0.2 && seconds <= 10)) throw new InvalidArgumentError("It must be a number from 0.2 to 10.");
    return seconds;
  });
const tiers = (): Option =>
  new Option("--tiers <which>", "how calls are captured").choices(["all", "trace"]).default("all");
const tlsPlaintext = (): Option =>
  new Option("--tls-plaintext", "also tell what OpenSSL and GnuTLS read and write, in plaintext: it may hold secrets");
const siteCache = (): Option =>
  new Option(
    "--site-cache <folder>",
    "a folder that keeps what was found out about libraries, so that the next start is faster",
  ).env("VEDETTE_SITE_CACHE");
const integrity = (): Option =>
  new Option(
    "--integrity <level>",
    "adaptive: stop each call of a program that is not of the image or that came in from outside; normal: of none; strict: stop every call that opens a file, and ask the kernel which file it is",
  )
    .choices(["normal", "adaptive", "strict"])
    .default("adaptive");
const believe = (): Option =>
  new Option(
    "--believe <folder>",
    "a folder whose libraries count as of the image, for programs that unpack theirs there; may be given again",
  )
    .default([])
    .argParser((path, before: readonly string[]) => {
      if (!path.startsWith("/")) throw new InvalidArgumentError("It must be an absolute path.");
      return collect(path, before);
    });
/** Who prints or stores events wants them all, and waits; a workload that is guarded is not held up. */
const onOverload = (command: string): Option =>
  new Option(
    "--on-overload <what>",
    "when events come too fast: shed drops events of frequent calls and counts them, block lets the workload wait",
  )
    .choices(["shed", "block"])
    .default(command === "run" ? "shed" : "block");
/** The sidecar's log is read by machines, and has time and level unasked. */
const logFormat = (command: string): Option => {
  const option = new Option("--log-format <form>", "of what it says on stderr: lines with time and level, or JSON");
  return (command === "serve" ? option.default("text") : option).choices([...LOG_FORMATS]);
};
const quiet = (): Option =>
  new Option("-q, --quiet", "say nothing on stderr but alerts, warnings and errors, and show no progress");
const ioUring = (): Option =>
  new Option("--io-uring <what>", "whether programs may use io_uring, whose calls Vedette cannot see")
    .choices(["refuse", "allow"])
    .default("refuse");

/** The ABI is that of policies; agents, recordings and modules hold the contract of events. */
function versionLine(): string {
  const contract = `${SCHEMA.toString(16).padStart(16, "0")} (minor ${SCHEMA_MINOR})`;
  return `${VERSION}, commit ${shortCommit()}, abi ${ABI}, event contract ${contract}`;
}
