// SPDX-License-Identifier: Apache-2.0
//
// What many tenants cost: events a second of one stream through fifty of them in two workers, the host's
// memory with them, how long a swap and a worker's restart take, and what a process of one's own costs.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { RecordingWriter } from "../../host/recording/recording.js";
import type { Batch } from "../../host/wire/batch.js";

const PROGRAM = resolve(import.meta.dirname, "../programs/tenants.mjs");
const LIMIT_MS = 120_000;

export interface TenantCost {
  readonly tenants: number;
  readonly workers: number;
  /** Of the stream; each is judged by all of them. */
  readonly eventsPerSecond: number;
  readonly rssMiB: number;
  readonly swapMs: number;
  readonly restartMs: number;
  readonly threadEventsPerSecond: number;
  readonly isolatedEventsPerSecond: number;
  readonly isolatedRssMiB: number;
}

export function measureTenants(batches: readonly Batch[]): TenantCost {
  const scratch = mkdtempSync(join(tmpdir(), "vedette-bench-"));
  try {
    const recording = new RecordingWriter(join(scratch, "batches"));
    for (const batch of batches) recording.batch(0, batch.bytes, batch.count);
    recording.close();
    writePolicy(scratch, "endless", "let n = 0; while (e.res == -99) n++; return n > 0;");
    writePolicy(scratch, "other", "return true;");
    const argv = [PROGRAM, join(scratch, "batches"), scratch];
    return JSON.parse(execFileSync(process.execPath, argv, { encoding: "utf8", timeout: LIMIT_MS })) as TenantCost;
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function writePolicy(root: string, name: string, body: string): void {
  const folder = join(root, name);
  mkdirSync(folder);
  writeFileSync(join(folder, "policy.yaml"), `name: ${name}\n`);
  writeFileSync(
    join(folder, "index.ts"),
    `import { Openat, Priority, rule } from "vedette";
@rule({ name: "${name}", priority: Priority.Debug })
export function f(e: Openat): bool { ${body} }
`,
  );
}
