// SPDX-License-Identifier: Apache-2.0
// What Prometheus learns of evidence. The numbers are asked for when somebody scrapes.
import { Counter, type Registry } from "prom-client";
import type { EvidenceStats } from "../evidence/evidence.js";

/** Adds them to a registry. `stats` is asked at each scrape. */
export function registerEvidence(registry: Registry, stats: () => EvidenceStats): void {
  const registers = [registry];
  const rows: readonly (readonly [name: string, help: string, value: () => number])[] = [
    ["evidence_files_total", "files of evidence that are there", () => stats().kept],
    ["evidence_bytes_total", "bytes of them, and of captures", () => stats().bytes],
    ["evidence_captures_total", "captures of files of evidence that are there", () => stats().captures],
    ["evidence_captures_refused_total", "files whose capture is not kept", () => stats().capturesRefused],
  ];
  for (const [name, help, value] of rows) {
    const collect = function (this: Counter): void {
      this.reset();
      this.inc(value());
    };
    new Counter({ name: `vedette_${name}`, help, registers, collect });
  }
  const collect = function (this: Counter<"reason">): void {
    this.reset();
    for (const [reason, count] of Object.entries(stats().refused)) this.inc({ reason }, count);
  };
  const refused = { name: "vedette_evidence_refused_total", help: "findings whose evidence is not kept, by why" };
  new Counter({ ...refused, labelNames: ["reason"], registers, collect });
}
