// SPDX-License-Identifier: Apache-2.0
// What `vedette instrument` can be told. Its code is loaded when it is asked for.
import { type Command, Option } from "commander";
import type { InstrumentFlags } from "./instrument.js";

/** Adds the command to the program. `done` takes the exit status. */
export function defineInstrument(program: Command, version: string, done: (status: number) => void): void {
  const each = (value: string, before: readonly string[] = []) => [...before, value];
  program
    .command("instrument")
    .description("put Vedette into an ECS task definition (JSON) or a CloudFormation template (JSON or YAML)")
    .argument("<file>", "the definition; - reads standard input")
    .option("-o, --output <file>", "write there instead of stdout; may be the same file")
    .option("--dry-run", "print a diff and write nothing")
    .option("--undo", "take Vedette out again")
    .option("--container <name>", "watch this container; may be given again (default: every essential one)", each)
    .option("--task-definition <id>", "change this resource of a template; may be given again (default: all)", each)
    .option("--image <image>", "the sidecar's image")
    .option("--image-config <file>", "FILE or CONTAINER=FILE: what `docker image inspect` prints", each)
    .option("--policy <dir>", "a policy folder inside the sidecar; may be given again (default: the pack)", each)
    .addOption(choice("--start <mode>", "whether the workload waits for the policies", ["availability", "security"]))
    .addOption(
      choice(
        "--on-overload <what>",
        "when events come too fast: shed drops and counts events, block lets the workload wait",
        ["shed", "block"],
      ),
    )
    .action(async (file: string, flags: InstrumentFlags) =>
      done((await import("./instrument.js")).instrumentFile(file, flags, version)),
    );
}

/** No default here: what is not said is taken from an earlier run. */
function choice(flags: string, description: string, choices: readonly string[]): Option {
  return new Option(flags, `${description} (default: ${choices[0]})`).choices(choices);
}
