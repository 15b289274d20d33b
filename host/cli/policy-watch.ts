// SPDX-License-Identifier: Apache-2.0
// `vedette policy watch DIR`: checks and tests the policy in DIR, or all below it, now and whenever a file
// there changes, or in the code that these share, until Ctrl-C. What is wrong is told as by `policy check`
// and `policy test`, and is no end.
import { relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { watch } from "chokidar";
import { VedetteError } from "../errors.js";
import { findPolicies } from "../policy/discover.js";
import { sharedFolder } from "../policy/shared-code.js";
import { report, say } from "./failure.js";
import { checkPolicy } from "./policy-check.js";
import { testPolicies } from "./policy-test.js";

/** An editor writes several files, or one in several steps. */
const SETTLE_MS = 150;

/**
 * Gives the status of the last whole round, 0 before there is one. Throws VEDETTE_POLICY_MISSING where no
 * policy is there.
 */
export async function watchPolicies(path: string): Promise<number> {
  const shared = new Set(findPolicies(path).map(sharedFolder));
  const watcher = watch([path, ...shared], { ignoreInitial: true });
  let status = 0;
  let isEnding = false;
  let change: string | null = null;
  let timer: NodeJS.Timeout | undefined;
  let rounds: Promise<void> = Promise.resolve();
  const next = (): void => {
    rounds = rounds.then(async () => {
      if (isEnding) return;
      if (change !== null) say(`${relative("", change) || change} has changed`);
      change = null;
      status = (await round(path, () => isEnding)) ?? status;
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
  isEnding = true;
  clearTimeout(timer);
  await watcher.close();
  await rounds;
  return status;
}

/**
 * A policy that does not compile is not tested. Null: it was cut short. Ctrl-C goes to the compiler's process
 * as well, a moment before we hear of it, and what that says of it is no mistake of the author's.
 */
async function round(path: string, isEnding: () => boolean): Promise<number | null> {
  try {
    return (await checkPolicy(path)) || (await testPolicies(path));
  } catch (error) {
    await sleep(SETTLE_MS);
    if (isEnding()) return null;
    if (!(error instanceof VedetteError)) throw error;
    return report(error);
  }
}
