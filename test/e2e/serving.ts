// SPDX-License-Identifier: Apache-2.0
//
// A host for tests of the whole product: `vedette serve` (or another command) in a folder of its own,
// workloads under an agent of it, what it says, and its pages.
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { freePort } from "./free-port.js";
import { AGENT, type RunOptions, run, start, VEDETTE } from "./programs.js";

const LIMIT_MS = 200_000;

/** It runs in `folder`, and takes agents at `host.sock` there. `wrapper`: a command that executes it. */
export interface HostOptions extends Pick<RunOptions, "env"> {
  readonly wrapper?: readonly string[];
}

export type Host = ReturnType<typeof hostIn>;
export type Serving = Awaited<ReturnType<typeof serve>>;

/** `words`: from the command on. */
export function hostIn(folder: string, words: readonly string[], { wrapper = [], env = {} }: HostOptions = {}) {
  const { child, ended, said, printed } = start([...wrapper, ...VEDETTE, ...words], {
    cwd: folder,
    env,
    limitMs: LIMIT_MS,
  });
  return {
    folder,
    child,
    ended,
    said,
    printed,
    /** Waits until it has said that, so many times. */
    says: (what: string, times = 1): Promise<unknown> =>
      until(what, () => said().split(what).length > times, { tell: said }),
    hangUp: (): void => void child.kill("SIGHUP"),
    /** A workload of it, which must end well. */
    watches: async (script: string): Promise<void> => {
      const { status, stderr } = await run([AGENT, "--host", `unix:${folder}/host.sock`, "--", "sh", "-c", script]);
      assert.is(status, 0, stderr);
    },
    /** Asks it to end: its status, and how long that took. */
    end: async (): Promise<{ status: number | null; ms: number }> => {
      const begun = performance.now();
      child.kill("SIGTERM");
      const { status } = await ended;
      return { status, ms: performance.now() - begun };
    },
  };
}

/** `vedette serve`, once it listens. `words`: behind the command. */
export async function serve(folder: string, words: readonly string[], options: HostOptions = {}) {
  const http = `127.0.0.1:${await freePort()}`;
  const host = hostIn(folder, ["serve", "--listen", `unix:${folder}/host.sock`, "--http", http, ...words], options);
  await host.says("listening at");
  const page = async (path: string): Promise<{ code: number; text: string }> => {
    const response = await fetch(`http://${http}${path}`);
    return { code: response.status, text: await response.text() };
  };
  return { ...host, http, page };
}

/** Opens that make so many alerts of NONESUCH (told.ts). */
export const nonesuch = (count: number, name = ""): string =>
  `for i in $(seq ${count}); do cat /nonesuch/${name}$i; done 2>/dev/null; true`;
