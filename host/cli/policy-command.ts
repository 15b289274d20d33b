// SPDX-License-Identifier: Apache-2.0
// What `vedette policy` can be told. Each command's code is loaded when it is asked for.
import type { Command } from "commander";
import { VedetteError } from "../errors.js";
import { collect, type FalcoFlags, falcoOptions } from "./falco-flags.js";
import type { NewFlags } from "./policy-new.js";
import type { TrustFlags } from "./policy-registry.js";
import type { TestFlags } from "./policy-test.js";

/** Adds the commands to the program. `done` takes the exit status. */
export function definePolicy(program: Command, done: (status: number) => void): void {
  const policy = program.command("policy").description("make, check, test, measure and look at policies");
  const verb = (name: string, description: string, what = "the policy's folder"): Command =>
    policy.command(name).description(description).argument("<dir>", what);
  const several = "the policy's folder, or a folder of policies";

  verb("new", "make the folder of a new policy")
    .option("--from <file>", "Falco's rule files: make it of a rule in them; may be given again, in order", collect, [])
    .option("--rule <name>", "with --from: which rule, where there are several")
    .action(async (folder: string, flags: NewFlags) =>
      done(await (await import("./policy-new.js")).newPolicy(folder, flags)),
    );
  defineCheck(policy, done);
  verb("build", "compile to a module that runs without its sources")
    .option("-o, --output <file>", "write the module there (default: policy.wasm in the folder)")
    .action(async (folder: string, options: { output?: string }) =>
      done(await (await import("./policy-build.js")).buildPolicy(folder, options.output)),
    );
  verb("test", "run tests.yaml", several)
    .option("-k, --only <part>", "run only tests with this part in their names")
    .option("--coverage", "say which branches of the code no test reaches")
    .option("--json", "one JSON object")
    .action(async (folder: string, options: TestFlags) =>
      done(await (await import("./policy-test.js")).testPolicies(folder, options)),
    );
  verb("watch", "check and test whenever a file changes", several).action(async (folder: string) =>
    done(await (await import("./policy-watch.js")).watchPolicies(folder)),
  );
  verb("bench", "measure what an event costs, by type")
    .option("--json", "one JSON object")
    .action(async (folder: string, options: { json?: boolean }) =>
      done(await (await import("./policy-bench.js")).benchPolicy(folder, options.json === true)),
    );
  verb(
    "inspect",
    "show what a policy or module is, or list the rules of several",
    "the policy's folder or module (.wasm), a folder of policies, or `pack`",
  )
    .option("--json", "one JSON object")
    .action(async (path: string, options: { json?: boolean }) =>
      done(await (await import("./policy-inspect.js")).inspectPolicy(path, options.json === true)),
    );
  verb("sign", "sign all files of a policy", several)
    .requiredOption("--key <file>", "an ed25519 private key in PEM form; made when it is not there")
    .action(async (folder: string, options: { key: string }) =>
      done((await import("./policy-sign.js")).signPolicies(folder, options.key)),
    );
  defineRegistry(policy, done);
  policy
    .command("status")
    .description("show the state of each policy of a running Vedette")
    .option("--socket <path>", "what `--control` was given (a tenant's owner: that path, a dot, the tenant)")
    .option("--json", "one JSON array")
    .action(async ({ socket, json = false }: { socket?: string; json?: boolean }) => {
      if (socket === undefined)
        throw new VedetteError("VEDETTE_USAGE", {
          problem: "Give --socket PATH of the Vedette that runs, or `control` in vedette.yaml.",
          command: "policy status",
        });
      done(await (await import("./policy-status.js")).showStatus(socket, json));
    });
}

/** Policies in a registry. */
function defineRegistry(policy: Command, done: (status: number) => void): void {
  const address = ["<address>", "oci://REGISTRY/REPOSITORY:TAG, or @sha256:... in place of the tag"] as const;
  const trusting = (command: Command): Command =>
    command.option(
      "--key <file>",
      "a public key of whoever signed it, Vedette's or cosign's; may be given again",
      collect,
      [],
    );
  policy
    .command("push")
    .description("push a policy to a registry")
    .argument("<dir>", "the policy's folder")
    .argument(...address)
    .action(async (folder: string, to: string) => done(await (await import("./policy-registry.js")).push(folder, to)));
  trusting(policy.command("pull"))
    .description("write a policy of a registry to a folder")
    .argument(...address)
    .argument("<dir>", "the folder: a new one, or the policy's own of before")
    .option("--unsigned", "take it without a look at signatures")
    .action(async (from: string, folder: string, flags: TrustFlags) =>
      done(await (await import("./policy-registry.js")).pull(from, folder, flags)),
    );
  policy
    .command("release")
    .description("push a list of which policies of a tenant run, and in how many of its tasks")
    .argument("<file>", "what is released: tenant, days, policies")
    .argument(...address)
    .requiredOption("--key <file>", "the private key that signs the list, as it has signed the policies")
    .action(async (file: string, to: string, { key }: { key: string }) =>
      done(await (await import("./policy-release.js")).pushReleases(file, to, key)),
    );
  trusting(policy.command("verify"))
    .description("check the signature of a policy in a registry")
    .argument(...address)
    .action(async (from: string, flags: TrustFlags) =>
      done(await (await import("./policy-registry.js")).verify(from, flags)),
    );
}

type CheckFlags = Omit<FalcoFlags, "falcoRules"> & { falco?: string[]; json?: boolean };

/** Of a policy's folder, or of Falco's rule files. */
function defineCheck(policy: Command, done: (status: number) => void): void {
  falcoOptions(policy.command("check"), true)
    .description("compile and lint a policy, and report all errors")
    .argument("[dir]", "the policy's folder, or a folder of policies")
    .option("--falco <file...>", "Falco's rule files (or folders of them) instead, loaded together in order")
    .option("--json", "with --falco: Falco's own JSON")
    .action(async (folder: string | undefined, flags: CheckFlags) => {
      if (flags.falco !== undefined) {
        const falcoRules = flags.falco.concat(folder ?? []);
        return done(await (await import("./falco-check.js")).checkFalco({ ...flags, falcoRules }, flags));
      }
      if (folder === undefined)
        throw new VedetteError("VEDETTE_USAGE", { problem: "No policy's folder was given.", command: "policy check" });
      return done(await (await import("./policy-check.js")).checkPolicy(folder));
    });
}
