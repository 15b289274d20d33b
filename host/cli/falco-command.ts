// SPDX-License-Identifier: Apache-2.0
// What the command line has for Falco's rules: `vedette replay`, `vedette fields`,
// `vedette policy import-falco`. Each command's code is loaded when it is asked for.
import type { Command } from "commander";
import type { Inherited } from "../capture/inheritance.js";
import { withoutConfigured } from "./configured.js";
import type { ExplainFlags } from "./explained.js";
import type { FieldsFlags } from "./falco-fields.js";
import { alertOptions, collect, type FalcoFlags, falcoOptions } from "./falco-flags.js";
import type { ReplayFlags } from "./replay.js";

/** Options that say by what is judged. What is typed of them takes the place of all that is configured. */
const JUDGES = ["policy", "falcoRules"];

/** Adds the commands to the program. `command`: what follows `--`. `done` takes the exit status. */
export function defineFalco(
  program: Command,
  command: readonly string[],
  inherited: readonly Inherited[],
  done: (status: number) => void,
): void {
  defineAsFalco(program, command, inherited, done);
  const replay = program
    .command("replay")
    .description("judge a recording of `vedette record`, or a capture of Falco or sysdig; or print its events")
    .argument("<file>", "a recording, or a .scap file, gzipped or not");
  falcoOptions(replay).option(
    "--policy <dir>",
    "a policy's folder or module (.wasm), a folder of them, or `pack`; may be given again (default: pack, unless Falco's rules are given)",
    collect,
    [],
  );
  alertOptions(replay, "stdout")
    .option("--print", "print the events instead of judging them")
    .option("-f, --filter <condition>", "print only events that this condition matches")
    .option("--json", "print the events, one object a line, flat Falco names")
    .action(async (file: string, _, asked: Command) => {
      const { isPrinted, replay } = await import("./replay.js");
      const typed = withoutConfigured<ReplayFlags>(asked, JUDGES);
      const isTyped = isPrinted(typed) || JUDGES.some((one) => asked.getOptionValueSource(one) === "cli");
      done(await replay(file, isTyped ? typed : asked.opts<ReplayFlags>()));
    });
  program
    .command("fields")
    .description("list the fields that conditions and outputs can ask for, or the parameters of an event")
    .option("--event <type>", "the parameters of this event, as openat")
    .option("--events", "list the events")
    .option("--json", "one JSON array")
    .action(async (options: FieldsFlags) => done((await import("./falco-fields.js")).printFields(options)));
  const policy = program.commands.find((one) => one.name() === "policy") as Command;
  falcoOptions(policy.command("import-falco"), true)
    .description("compile Falco's rule files to a policy that runs without them")
    .argument("<files...>", "files of rules, or folders of them, loaded together in order")
    .option("--out <dir>", "the policy's folder", "falco")
    .action(async (files: string[], flags: FalcoFlags & { out: string }) =>
      done(await (await import("./falco-import.js")).importFalco(files, flags, flags.out)),
    );
  falcoOptions(policy.command("explain"))
    .description("say which terms of a policy's or a Falco rule kept it from firing, and for which values")
    .argument("<event>", "an event as tests.yaml has it, or a recording, or a .scap file")
    .option(
      "--policy <dir>",
      "a policy's folder, a folder of them, or `pack`; may be given again (default: pack, unless Falco's rules are given)",
      collect,
      [],
    )
    .option("--rule <name>", "only this rule, by its whole name; may be given again", collect, [])
    .option("-f, --filter <condition>", "only of events that this condition matches")
    .option("--json", "one JSON array")
    .action(async (what: string, _, asked: Command) => {
      const isTyped = (one: string): boolean => asked.getOptionValueSource(one) === "cli";
      const flags = JUDGES.some(isTyped) ? withoutConfigured<ExplainFlags>(asked, JUDGES) : asked.opts<ExplainFlags>();
      const { explainEvents } = await import("./policy-explain.js");
      done(await explainEvents(what, { ...flags, isChosen: isTyped("policy") }));
    });
}

// Falco's own options, by their own letters.
function defineAsFalco(
  program: Command,
  command: readonly string[],
  inherited: readonly Inherited[],
  done: (status: number) => void,
): void {
  program
    .command("falco")
    .description("Falco's own command line: a capture, a COMMAND, or the agents of a task, judged as Falco does")
    .usage("[options] [-- COMMAND [ARGUMENT]...]")
    .option("-c, --config <file>", "falco.yaml (default: /etc/falco/falco.yaml, if there is one)")
    .option("-r, --rules <path>", "a file of rules, or a folder of them; may be given again", collect, [])
    .option("-V, --validate <path>", "say whether these rules can be loaded; may be given again", collect, [])
    .option("-o, --option <key=value>", "an option of Falco's configuration; may be given again", collect, [])
    .option("-p, --print <format>", "append this to each output; c and k: a container's fields, Kubernetes' too")
    .option("-L, --list-rules", "print all rules with their descriptions")
    .option("-l, --list-rule <name>", "print one rule with its description")
    .option("-i, --ignored", "print the calls that make no event")
    .option("--list [source]", "print all fields")
    .option("-N, --names", "with --list: their names alone")
    .option("--markdown", "with --list and --list-events: as tables")
    .option("--list-events", "print all events")
    .option("--list-plugins", "print all plugins: there are none")
    .option("-M, --duration <seconds>", "stop after that time")
    .option("-P, --pidfile <file>", "write the process id there")
    .option("-t, --tag <tag>", "run only rules with this tag; may be given again", collect, [])
    .option("-T, --without-tag <tag>", "switch rules with this tag off; may be given again", collect, [])
    .option("-D, --without-rule <part>", "switch rules with this part in their name off", collect, [])
    .option("--enable-source <source>", "syscall, the only one here", collect, [])
    .option("--disable-source <source>", "as in Falco", collect, [])
    .option("-v, --verbose", "as in Falco; nothing more is said here")
    .option("-U, --unbuffered", "as in Falco; alerts are never held back here")
    .option("-A, --all", "as in Falco; all events are always there here")
    .option("--dry-run", "load everything, and judge nothing")
    .option("--support", "print what helps whoever is asked for help, as JSON")
    .option("--config-schema", "print the JSON schema of falco.yaml")
    .option("--rule-schema", "print the JSON schema of rules")
    .option("--page-size", "print the system's page size")
    .option("--version", "print the version and the engine's")
    .action(async (flags) => {
      const { falco } = await import("./falco-as-falco.js");
      const defaults = { run: (name: string) => program.commands.find((one) => one.name() === name)?.opts() ?? {} };
      const run = (judging: object) => ({ ...defaults.run("run"), ...judging, inherited }) as never;
      const serve = (judging: object) => ({ ...defaults.run("serve"), ...judging }) as never;
      done(await falco(command, { ...flags, falcoVersion: flags.version, run, serve }));
    });
}
