// SPDX-License-Identifier: Apache-2.0
// `vedette instrument FILE`: a task definition or template in, the same with Vedette in it out. The result alone goes to
// stdout; what a person should know goes to stderr.
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { VedetteError } from "../errors.js";
import { unifiedDiff } from "../fargate/diff.js";
import { readImageConfigs } from "../fargate/image-config.js";
import { instrument } from "../fargate/instrument.js";
import { OVERLOADS, STARTS } from "../fargate/options.js";
import { readDocument } from "../fargate/read.js";
import { undo } from "../fargate/undo.js";

interface Flags {
  readonly output?: string;
  readonly dryRun?: boolean;
  readonly undo?: boolean;
  readonly container: string[];
  readonly taskDefinition: string[];
  readonly imageConfig: string[];
  readonly policy: string[];
  readonly image?: string;
  readonly start?: string;
  readonly onOverload?: string;
}

export function addInstrument(program: Command, version: string): void {
  const each = (value: string, before: string[]) => [...before, value];
  program
    .command("instrument")
    .description("Put Vedette into an ECS task definition (JSON) or a CloudFormation template (JSON or YAML)")
    .argument("<file>", "the definition; - reads standard input")
    .option("-o, --output <file>", "write there instead of stdout; may be the same file")
    .option("--dry-run", "print a diff and write nothing")
    .option("--undo", "take Vedette out again")
    .option("--container <name>", "watch this container (repeatable; default: every essential one)", each, [])
    .option("--task-definition <id>", "change this resource of a template only (repeatable)", each, [])
    .option("--image <image>", "the sidecar's image")
    .option(
      "--image-config <file>",
      "FILE or CONTAINER=FILE: what `docker image inspect` prints (repeatable)",
      each,
      [],
    )
    .option("--policy <dir>", "a policy folder inside the sidecar (repeatable; default: the pack)", each, [])
    .addOption(
      new Option("--start <mode>", "whether the workload waits for the policies (default: availability)").choices(
        STARTS,
      ),
    )
    .addOption(
      new Option("--on-overload <what>", "what gives way when events come too fast (default: shed)").choices(OVERLOADS),
    )
    .action((file: string, flags: Flags) => run(file, flags, version));
}

function run(file: string, flags: Flags, version: string): void {
  const document = readDocument(file);
  const { text, remarks } = flags.undo
    ? undone(document)
    : instrument(document, flags, readImageConfigs(flags.imageConfig), version);
  for (const remark of remarks) process.stderr.write(`${remark}\n`);
  if (flags.dryRun) process.stdout.write(unifiedDiff(document.path, document.text, text));
  else if (flags.output === undefined) process.stdout.write(text);
  else writeWhole(flags.output, text);
}

function undone(document: Parameters<typeof undo>[0]): { text: string; remarks: string[] } {
  const { text, journal, isExact } = undo(document);
  if (journal === null) return { text, remarks: [`${document.path} has no Vedette in it`] };
  if (isExact) return { text, remarks: [] };
  return { text, remarks: [`${document.path} was edited since it was instrumented; those edits stay`] };
}

/** All of it or nothing: whoever reads the file meanwhile sees the old one. */
function writeWhole(path: string, text: string): void {
  const draft = `${path}.vedette-${process.pid}`;
  try {
    writeFileSync(draft, text);
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    throw new VedetteError("VEDETTE_OUTPUT_UNWRITABLE", { path, reason }, { cause: error });
  }
}
