// SPDX-License-Identifier: Apache-2.0
// What an alert was raised about, as typed data: the process and its ancestors, the executable, the file or
// the connection, the container and its task, the user, the event; and whose rule it was. It is taken in the
// worker while the batch is open, since processes and descriptors are indexes into the batch. Every form of
// an alert other than Falco's is a function of it. A workload chooses most of its texts, so all of it is
// bounded: each text, and all of them together (bound.ts).
export { cutText } from "./bound.js";
export { findingId, uuidOf } from "./identity.js";
export {
  ANCESTORS_MAX,
  FINDING_BYTES_MAX,
  type Finding,
  type FindingAncestor,
  type FindingContainer,
  type FindingEndpoint,
  type FindingEvent,
  type FindingExecutable,
  type FindingFile,
  type FindingLineage,
  type FindingPrevention,
  type FindingProcess,
  type FindingTask,
  type FindingUser,
} from "./parts.js";
export { type RuleOfFinding, takeFinding } from "./snapshot.js";
