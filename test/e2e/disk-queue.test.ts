// SPDX-License-Identifier: Apache-2.0
//
// A queue on a disk, under the built product: a host that SIGKILL ends while its collector is away loses no
// alert, and one whose disk has no room goes on in memory and says so.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { otlpReceiver } from "../host/output/otlp-receiver.js";
import { until } from "../until.js";
import { scratch } from "./programs.js";
import { nonesuch, serve } from "./serving.js";
import { NONESUCH } from "./told.js";

const COUNT = 20;

interface Alert {
  rule: string;
  output_fields: Record<string, string>;
}

/** `vedette serve` with a collector behind a queue in `queue`. */
async function serveTo(folder: string, url: string, queue: string) {
  const siem = { type: "otlp", url, queue: "disk", queue_dir: queue, incidents: false };
  const config = { falco_rules: ["rules.yaml"], alerts: "alerts", alerts_detail: true, drain: 1, outputs: { siem } };
  writeFileSync(join(folder, "rules.yaml"), NONESUCH);
  writeFileSync(join(folder, "v.yaml"), JSON.stringify(config));
  const host = await serve(folder, ["--config", "v.yaml"]);
  return {
    ...host,
    number: async (name: string): Promise<number> => {
      const { text } = await host.page("/metrics");
      return Number(new RegExp(`^${name}\\{output="siem"[^}]*\\} (\\d+)$`, "m").exec(text)?.[1]);
    },
    alert: (name: string): Promise<void> => host.watches(nonesuch(COUNT, name)),
  };
}

const idsIn = (folder: string): string[] =>
  readFileSync(join(folder, "alerts"), "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as Alert).output_fields["vedette.id"] ?? "");

test("a host that SIGKILL ends while its collector is away loses no alert that it took", async () => {
  const folder = scratch();
  let isThere = false;
  const there = await otlpReceiver(() => ({ status: isThere ? 200 : 503 }));
  const uids = (): string[] => there.taken.map(({ attributes }) => String(attributes["log.record.uid"]));
  try {
    const first = await serveTo(folder, there.url, join(folder, "queue"));
    await first.alert("first");
    await until("they wait", async () => (await first.number("vedette_output_queued")) === COUNT);
    assert.is(uids().length, 0);
    first.child.kill("SIGKILL");
    await first.ended;
    const second = await serveTo(folder, there.url, join(folder, "queue"));
    assert.is(await second.number("vedette_output_queued"), COUNT, second.said());
    await second.alert("second");
    isThere = true;
    await until("all are there", () => new Set(uids()).size === 2 * COUNT);
    await until("and the queue is empty", async () => (await second.number("vedette_output_queued")) === 0);
    assert.is((await second.end()).status, 0, second.said());
    assert.equal([...new Set(uids())].sort(), idsIn(folder).sort());
    assert.equal(there.complaints, []);
  } finally {
    await there.close();
  }
});

test("a disk without room for its queue is told, alerts wait in memory, and all arrive", async () => {
  const folder = scratch();
  const disk = join(folder, "disk");
  mkdirSync(disk);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "none", disk], { stdio: "pipe" });
  } catch {
    return console.log("skip: a full disk: a tmpfs cannot be mounted here (test/e2e/disk-queue.test.ts)");
  }
  let isThere = false;
  const there = await otlpReceiver(() => ({ status: isThere ? 200 : 503 }));
  const uids = (): string[] => there.taken.map(({ attributes }) => String(attributes["log.record.uid"]));
  try {
    const host = await serveTo(folder, there.url, join(disk, "queue"));
    await host.alert("first");
    await until("they wait", async () => (await host.number("vedette_output_queued")) === COUNT);
    try {
      writeFileSync(join(disk, "ballast"), Buffer.alloc(64 << 10));
    } catch {
      // The disk is full now: that is what it is for.
    }
    await host.alert("second");
    await until("all wait", async () => (await host.number("vedette_output_queued")) === 2 * COUNT);
    assert.match(host.said(), /The queue .*disk\/queue.* cannot be used: .*\[VEDETTE_QUEUE_DISK\]/);
    assert.is((await host.page("/healthz")).code, 200);
    isThere = true;
    await until("all are there", () => new Set(uids()).size === 2 * COUNT);
    assert.is((await host.end()).status, 0, host.said());
    assert.equal([...new Set(uids())].sort(), idsIn(folder).sort());
  } finally {
    await there.close();
    execFileSync("umount", ["-l", disk]);
  }
});

test.run();
