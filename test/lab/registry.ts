// SPDX-License-Identifier: Apache-2.0
// Debian's docker-registry on this machine, without a password: what our pages call REGISTRY.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../until.js";

export interface Registry {
  /** ADDRESS:PORT. */
  readonly at: string;
  readonly child: ChildProcess;
}

export async function startRegistry(folder: string): Promise<Registry> {
  mkdirSync(folder, { recursive: true });
  const config = {
    version: "0.1",
    log: { level: "info" },
    storage: { filesystem: { rootdirectory: join(folder, "data") } },
    http: { addr: "127.0.0.1:0" },
  };
  writeFileSync(join(folder, "config.yml"), JSON.stringify(config));
  const child = spawn("docker-registry", ["serve", join(folder, "config.yml")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  child.stderr.on("data", (text) => {
    log += text;
  });
  const at = await until("a registry", () => /listening on (127\.0\.0\.1:\d+)/.exec(log)?.[1], { tell: () => log });
  return { at, child };
}
