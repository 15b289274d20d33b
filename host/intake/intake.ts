// SPDX-License-Identifier: Apache-2.0
// What other rooms may use of the intake: the kinds of intakes, and what they say about the peers that send.
// How peers are admitted, acknowledged and recognised after a broken connection stays in this room.
export { Agents } from "./agents.js";
export type { BatchFacts } from "./batch-facts.js";
export { OwnAgent } from "./own-agent.js";
export type {
  AgentWords,
  Intake,
  IntakeCounts,
  IntakeHandlers,
  IntakeHealth,
  Peer,
  PeerFill,
  PeerUsage,
  RingHealth,
} from "./peer.js";
export { openRecorded, type RecordedFile } from "./recorded-file.js";
export { Replayed } from "./replayed.js";
export { type NamedFile, Secrets } from "./secret.js";
export type { TakeBatch, Tap, TappedBatch } from "./tap.js";
