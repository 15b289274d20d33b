// SPDX-License-Identifier: Apache-2.0
// What other rooms may use of what comes in: the intakes that there are, and what they say of those who send.
// What is behind it (who may come in, what was judged, a connection that breaks and comes back) stays in this
// room.
export { Agents } from "./agents.js";
export type { BatchFacts } from "./batch-facts.js";
export { OwnAgent } from "./own-agent.js";
export type { Intake, IntakeCounts, IntakeHandlers, IntakeHealth, Peer, RingHealth } from "./peer.js";
export { openRecorded, type RecordedFile } from "./recorded-file.js";
export { Replayed } from "./replayed.js";
export { type NamedFile, Secrets } from "./secret.js";
export type { TakeBatch, Tap, TappedBatch } from "./tap.js";
