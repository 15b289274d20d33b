// SPDX-License-Identifier: Apache-2.0
// `vedette policy watch DIR`: checks and tests the policy in DIR, or all below it, now and whenever a file
// there changes, until Ctrl-C. What is wrong is told as by `policy check` and `policy test`, and is no end.
import { relative } from "node:path";
import { watch } from "chokidar";
import { VedetteError } from "../errors.js";
import { findPolicies } from "../policy/discover.js";
import { report, say } from "./failure.js";
import { checkPolicy } from "./policy-check.js";
import { testPolicies } from "./policy-test.js";

/** An editor writes several files, or one in several steps. */
const SETTLE_MS = 150;

/** Gives the status of the last round. Throws VEDETTE_POLICY_MISSING where no policy is there. */
export async function watchPolicies(path: string): Promise<number> {
  findPolicies(path);
  const watcher = watch(path, { ignoreInitial: true });
  let status = 0;
  let change: string | null = null;
  let timer: NodeJS.Timeout | undefined;
  let rounds: Promise<void> = Promise.resolve();
  const next = (): void => {
    rounds = rounds.then(async () => {
      if (change !== null) say(`${relative("", change) || change} has changed`);
      change = null;
      status = await round(path);
    });
  };
  next();
  watcher.on("all", (_, changed) => {
    change = changed;
    clearTimeout(timer);
    timer = setTimeout(next, SETTLE_MS);
  });
  await new Promise<void>((done) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => done());
  });
  clearTimeout(timer);
  await watcher.close();
  await rounds;
  return status;
}

/** A policy that does not compile is not tested. */
async function round(path: string): Promise<number> {
  try {
    return (await checkPolicy(path)) || (await testPolicies(path, false));
  } catch (error) {
    if (!(error instanceof VedetteError)) throw error;
    return report(error);
  }
}
