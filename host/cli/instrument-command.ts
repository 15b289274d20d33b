// SPDX-License-Identifier: Apache-2.0
// What `vedette instrument` can be told. Its code is loaded when it is asked for.
import { type Command, Option } from "commander";
import type { InstrumentFlags } from "./instrument.js";

/** Adds the command to the program. `done` takes the exit status. */
export function defineInstrument(program: Command, done: (status: number) => void): void {
  const each = (value: string, before: readonly string[] = []) => [...before, value];
  program
    .command("instrument")
    .description(
      "put Vedette into an ECS task definition (JSON), a list of containers (JSON), a CloudFormation template (JSON or YAML), or what `cdk synth` wrote (cdk.out)",
    )
    .argument("<file>", "the definition, or the folder cdk.out; - reads standard input")
    .option("-o, --output <file>", "write there instead of stdout; may be the same file")
    .option("--dry-run", "print a diff and write nothing")
    .option("--undo", "take Vedette out again")
    .option("--register", "write what register-task-definition takes, of what describe-task-definition printed")
    .option("--patch", "write what is changed as a JSON Patch (RFC 6902), as Copilot's cfn.patches.yml takes it")
    .option("--upgrade", "as without it, but refuse a file that Vedette is not in")
    .option("--check", "write nothing; end with 1 where the file is not up to date, or something would go badly")
    .addOption(
      choice(
        "--conflicts <what>",
        "what was edited by hand and is to be written otherwise: refuse says what, keep leaves it",
        ["refuse", "keep", "replace"],
      ),
    )
    .option("--container <name>", "watch this container; may be given again (default: every essential one)", each)
    .option("--task-definition <id>", "change this resource of a template; may be given again (default: all)", each)
    .option("--image <image>", "the sidecar's image; needed the first time")
    .option("--image-config <file>", "FILE or CONTAINER=FILE: what `docker image inspect` prints", each)
    .option(
      "--registry",
      "ask the images' registries what they run, with the login that `docker login` stored, or ECR's",
    )
    .option(
      "--log-group <name>",
      "send the sidecar's alerts to this group of CloudWatch Logs (default: as the workload logs)",
    )
    .option("--log-region <region>", "the region of that group (default: the file's, or AWS_REGION)")
    .option(
      "--alerts-to <where>",
      "the URL of a receiver by HTTP or syslog, or a file of the sidecar; may be given again",
      each,
    )
    .option("--policy <dir>", "a policy folder inside the sidecar; may be given again (default: the pack)", each)
    .option("--policies <dir>", "a folder inside the sidecar that it watches for policies (serve --policies-d)")
    .option("--falco-rules <path>", "Falco rules inside the sidecar; may be given again", each)
    .option("--tenants <file>", "tenants.yaml inside the sidecar")
    .option(
      "--set <key=value>",
      "any other option of the sidecar, as docs/fargate.md lists them; may be given again",
      each,
    )
    .option("--config <file>", "a YAML file of such settings")
    .addOption(choice("--start <mode>", "whether the workload waits for the policies", ["availability", "security"]))
    .addOption(
      choice(
        "--on-overload <what>",
        "when events come too fast: shed drops and counts events, block lets the workload wait",
        ["shed", "block"],
      ),
    )
    .action(async (file: string, flags: InstrumentFlags) =>
      done(await (await import("./instrument.js")).instrumentFile(file, flags)),
    );
}

/** No default here: what is not said is taken from an earlier run. */
function choice(flags: string, description: string, choices: readonly string[]): Option {
  return new Option(flags, `${description} (default: ${choices[0]})`).choices(choices);
}
