// SPDX-License-Identifier: Apache-2.0
// What `vedette serve` can be told. Its code is loaded when it is asked for.
import { type Command, InvalidArgumentError, Option } from "commander";
import type { NamedFile } from "../intake/intake.js";
import { configured } from "./configured.js";
import { alertOptions, falcoOptions, respondOption, watchOption } from "./falco-flags.js";
import { forwardOptions } from "./forwarding.js";
import { addServiceOptions } from "./policy-service.js";
import type { ServeFlags } from "./serve.js";

/** Adds the command to the program. `done` takes the exit status. */
export function defineServe(program: Command, done: (status: number) => void): void {
  const each = (value: string, before: readonly string[] = []) => [...before, value];
  const serve = program
    .command("serve")
    .description("accept agents, judge what they send, and raise alerts: the sidecar of a task");
  addServiceOptions(falcoOptions(serve))
    .option("--listen <address>", "unix:PATH, abstract:NAME or tcp:127.0.0.1:PORT", "abstract:vedette")
    .option("--secret-file <file>", "the secret that an agent must know; Vedette makes the file if it does not exist")
    .option(
      "--container-secret <name=file>",
      "the secret that the agent of this container must know instead, so that no other agent can take its name; " +
        "may be given again. Without --secret-file, agents of other containers are refused",
      (value: string, before: readonly NamedFile[] = []) => [...before, namedFile(value)],
    )
    .option(
      "--policy <dir>",
      "a policy's folder or module (.wasm), a folder of them, or `pack`; may be given again (default: pack, unless Falco's rules are given)",
      each,
    );
  forwardOptions(alertOptions(serve, "stdout"))
    .option(
      "--http <address>",
      "where /healthz, /metrics and /api/v1/health are: ADDRESS:PORT or unix:PATH",
      "127.0.0.1:7410",
    )
    .addOption(
      new Option("--drain <seconds>", "after SIGTERM, how long agents may still send").default(20).argParser(seconds),
    )
    .addOption(respondOption())
    .addOption(watchOption())
    .option("--check", "ask the `vedette serve` that runs whether it is healthy")
    .action(async (flags: ServeFlags, asked: Command) =>
      done(await (await import("./serve.js")).serve(flags, { flags: () => configured<ServeFlags>(asked) })),
    );
}

function namedFile(text: string): NamedFile {
  const [, name, path] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  if (name === undefined || path === undefined) throw new InvalidArgumentError("It must be NAME=FILE.");
  return { name, path };
}

function seconds(text: string): number {
  if (!/^\d{1,3}$/.test(text)) throw new InvalidArgumentError("It must be a number of seconds.");
  return Number(text);
}
