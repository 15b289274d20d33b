// SPDX-License-Identifier: Apache-2.0
// What outputs are told of evidence: that a file is there, with its digest, or why there is none. A receiver
// elsewhere has the digest before anybody can change the file.
import type { Alert } from "../output/alert.js";
import type { CaptureFacts, EvidenceFacts, EvidenceOf } from "./parts.js";

const MS_NS = 1_000_000n;
const SOURCE = { source: "internal", tags: [] } as const;

/** A file is there. */
export function keptAlert(facts: EvidenceFacts): Alert {
  const { file, sha256, bytes, events, missed, state, incident, findings, executables, container, hostname } = facts;
  return {
    ...SOURCE,
    rule: "Evidence kept",
    priority: "Informational",
    time: BigInt(Date.now()) * MS_NS,
    hostname,
    output: `What came before and after a finding is kept | file=${file} events=${events} sha256=${sha256}`,
    outputFields: [
      ["container.id", container?.id ?? null],
      ["container.name", container?.name ?? null],
      ["vedette.evidence", file],
      ["vedette.evidence.bytes", bytes],
      ["vedette.evidence.events", events],
      ["vedette.evidence.executables", executables.map(({ sha256 }) => sha256).join(" ")],
      ["vedette.evidence.findings", findings.join(" ")],
      ["vedette.evidence.missed", missed],
      ["vedette.evidence.sha256", sha256],
      ["vedette.evidence.state", state],
      ["vedette.incident.id", incident],
    ],
  };
}

/** A capture of a file is there. */
export function captureAlert(recording: EvidenceFacts, capture: CaptureFacts): Alert {
  const { incident, findings, container, hostname } = recording;
  const { file, sha256, bytes, events, untold, state } = capture;
  return {
    ...SOURCE,
    rule: "Capture kept",
    priority: "Informational",
    time: BigInt(Date.now()) * MS_NS,
    hostname,
    output: `A capture of what came before and after a finding is kept | file=${file} events=${events} sha256=${sha256}`,
    outputFields: [
      ["container.id", container?.id ?? null],
      ["container.name", container?.name ?? null],
      ["vedette.capture", file],
      ["vedette.capture.bytes", bytes],
      ["vedette.capture.events", events],
      ["vedette.capture.sha256", sha256],
      ["vedette.capture.state", state],
      ["vedette.capture.untold", untold],
      ["vedette.evidence", recording.file],
      ["vedette.evidence.findings", findings.join(" ")],
      ["vedette.incident.id", incident],
    ],
  };
}

/** A file is there, and no capture could be made of it. */
export function noCaptureAlert({ file, container, hostname }: EvidenceFacts, reason: string): Alert {
  return {
    ...SOURCE,
    rule: "Capture not kept",
    priority: "Warning",
    time: BigInt(Date.now()) * MS_NS,
    hostname,
    output: `No capture of ${file} is kept: ${reason}. \`vedette convert\` makes one | file=${file}`,
    outputFields: [
      ["container.id", container?.id ?? null],
      ["container.name", container?.name ?? null],
      ["vedette.capture.reason", reason],
      ["vedette.evidence", file],
    ],
  };
}

/** Nothing is kept of a finding, or less than was said. */
export function notKeptAlert(reason: string, peer: EvidenceOf | null, rule: string | null, file?: string): Alert {
  const { id = null, name = null } = peer?.facts ?? {};
  return {
    ...SOURCE,
    rule: "Evidence not kept",
    priority: "Warning",
    time: BigInt(Date.now()) * MS_NS,
    hostname: peer?.hostname ?? "",
    output: `Evidence of a finding is not kept: ${reason} | container=${name ?? id ?? "<NA>"} rule=${rule ?? "<NA>"}`,
    outputFields: [
      ["container.id", id],
      ["container.name", name],
      ["vedette.evidence", file ?? null],
      ["vedette.evidence.reason", reason],
      ["vedette.rule", rule],
    ],
  };
}
