// SPDX-License-Identifier: Apache-2.0
//
// What an event costs by the style of the rule that looks at it: a policy of one rule each, and one of
// twenty, on a thousand opens. The copy and the walk over records are those of a rule that looks at nothing;
// they are told apart. And what an event costs that no rule of the policy asks for.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PolicyRunner } from "../../host/engine/runner.js";
import { openBundle } from "../../host/policy/bundle.js";
import { PolicyCompiler } from "../../host/policy/compile.js";
import { loadPolicy } from "../../host/policy/load.js";
import { type Batch, openBatch } from "../../host/wire/batch.js";
import { BatchBuilder } from "../../host/wire/builder.js";
import { measureRunners } from "./policies.js";

export interface StyleCost {
  readonly name: string;
  readonly nsPerEvent: number;
  /** Beyond the walk. */
  readonly nsOfRule: number;
}

/** Of an event that twenty rules of a policy, all on connects, do not ask for. */
export interface UnaskedCost {
  /** Its batch holds nothing for the policy: it is not even called. */
  readonly nsAlone: number;
  /** One event in a thousand of its batch is for the policy: the batch is copied and walked. */
  readonly nsBesideOne: number;
}

const HEAD = `import { AnyOpen, Connect, Glob, PathSet, Priority, rule, StringSet } from "vedette";
const NAMES = new StringSet(["nginx", "redis-server", "sshd", "cron", "postgres"]);
const PATHS = new PathSet(["/etc/shadow", "/root/.ssh", "/etc/sudoers.d", "/var/run/secrets"]);
const KEY = new Glob("/home/*/.ssh/id_*");
`;
const EVENTS = 1000;
/** Where a pass costs so little that measuring it would be most of it. */
const BATCHES = 1000;

const STYLES: Readonly<Record<string, string>> = {
  "one comparison of a number": "return e.res == -13;",
  "a name equals a text": 'return e.proc.name == "nginx";',
  "a name in a set": "return NAMES.has(e.proc.name);",
  "a path begins with a text": 'return e.fd.name.startsWith("/etc/shadow");',
  "a path in a set of paths": "return PATHS.has(e.fd.name);",
  "a path matches a glob": "return KEY.matches(e.fd.name);",
  "the command line contains a text": 'return e.proc.cmdline.contains("curl http");',
  "a string is made": 'return e.fd.name.toString().includes("/nowhere/");',
};

export async function measureUnasked(): Promise<UnaskedCost> {
  const source = Array.from({ length: 20 }, (_, i) => ruleOf(i, 'return e.proc.name == "nginx";', "Connect")).join("");
  return withTimer(async (time) => ({
    nsAlone: await time(source, Array(BATCHES).fill(opens())),
    nsBesideOne: await time(source, [opens(1)]),
  }));
}

export async function measureStyles(): Promise<StyleCost[]> {
  return withTimer(async (time) => {
    const walk = await time(ruleOf(0, "return false;"));
    const costs: StyleCost[] = [{ name: "none: the copy and the walk", nsPerEvent: walk, nsOfRule: 0 }];
    const add = async (name: string, source: string): Promise<void> => {
      const nsPerEvent = await time(source);
      costs.push({ name, nsPerEvent, nsOfRule: nsPerEvent - walk });
    };
    for (const [name, body] of Object.entries(STYLES)) await add(name, ruleOf(0, body));
    const bodies = Object.values(STYLES).slice(0, 5);
    await add(
      "twenty rules of the first five styles",
      Array.from({ length: 20 }, (_, i) => ruleOf(i, bodies[i % bodies.length] as string)).join(""),
    );
    return costs;
  });
}

/** ns an event of the batches, by a policy of this source. */
type Timer = (source: string, batches?: readonly Batch[]) => Promise<number>;

async function withTimer<T>(measure: (time: Timer) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "vedette-bench-"));
  const compiler = new PolicyCompiler();
  writeFileSync(join(folder, "policy.yaml"), "name: bench\n");
  try {
    return await measure(async (source, batches = [opens()]) => {
      writeFileSync(join(folder, "index.ts"), HEAD + source);
      return 1e9 / measureRunners([new PolicyRunner(await loadPolicy(openBundle(folder), { compiler }))], batches);
    });
  } finally {
    compiler.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function ruleOf(number: number, body: string, event = "AnyOpen"): string {
  return `@rule({ name: "${number}", priority: Priority.Debug })\nexport function rule${number}(e: ${event}): bool { ${body} }\n`;
}

/**
 * Opens of the paths that programs open: libraries, configuration, data; by a handful of programs; and some
 * connects.
 */
function opens(connects = 0): Batch {
  const builder = new BatchBuilder();
  const names = ["ls", "node", "python3", "cat", "java"]; // no rule says yes: an alert would cost a thousand times more
  const processes = names.map((name) =>
    builder.process({ pid: 7, name, exepath: `/usr/bin/${name}`, args: ["-l", "--color=auto", "/usr/lib"] }),
  );
  for (let i = 0; i < EVENTS; i++) {
    const path = [
      `/usr/lib/x86_64-linux-gnu/lib${i}.so.6`,
      `/etc/ssl/certs/${i}.pem`,
      `/var/lib/app/data/${i}`,
      "/etc/hosts",
    ][i % 4] as string;
    const descriptor = builder.descriptor({ type: "f", name: path, nameraw: path, realpath: path });
    builder.record("openat", {
      process: processes[i % names.length] as number,
      descriptor,
      result: 3,
      fd: 3,
      params: { dirfd: -100, name: path, flags: 0 },
    });
  }
  for (let i = 0; i < connects; i++) builder.record("connect", { process: processes[0] as number, result: 0, fd: 3 });
  return openBatch(builder.bytes());
}
