// SPDX-License-Identifier: Apache-2.0
// What the command line has for Falco's rules: `vedette replay`, `vedette fields`, `vedette policy import-falco`. Each command's code is
// loaded when it is asked for.
import type { Command } from "commander";
import { ALERTS_DETAIL, collect, type FalcoFlags, falcoOptions } from "./falco-flags.js";
import type { ReplayFlags } from "./replay.js";

/** Adds the commands to the program. `done` takes the exit status. */
export function defineFalco(program: Command, done: (status: number) => void): void {
  const replay = program
    .command("replay")
    .description("judge a recording of `vedette record` again, or judge or print a capture of Falco or sysdig")
    .argument("<file>", "a recording, or a .scap file, gzipped or not");
  falcoOptions(replay)
    .option(
      "--policy <dir>",
      "a policy's folder or module (.wasm), or a folder of them; may be given again",
      collect,
      [],
    )
    .option("--alerts <where>", "stderr, stdout or a file", "stdout")
    .option(...ALERTS_DETAIL)
    .option("-f, --filter <condition>", "print only events that this condition matches")
    .option("--json", "print the events, one object a line, flat Falco names")
    .action(async (file: string, flags: ReplayFlags) => done(await (await import("./replay.js")).replay(file, flags)));
  program
    .command("fields")
    .description("list the fields that conditions and outputs can ask for")
    .option("--json", "one JSON array")
    .action(async (options: { json?: boolean }) => done((await import("./falco-fields.js")).printFields(options)));
  const policy = program.commands.find((one) => one.name() === "policy") as Command;
  falcoOptions(policy.command("import-falco"), true)
    .description("compile Falco's rule files to a policy that runs without them")
    .argument("<files...>", "files of rules, or folders of them, loaded together in order")
    .option("--out <dir>", "the policy's folder", "falco")
    .action(async (files: string[], flags: FalcoFlags & { out: string }) =>
      done(await (await import("./falco-import.js")).importFalco(files, flags, flags.out)),
    );
}
