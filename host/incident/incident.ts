// SPDX-License-Identifier: Apache-2.0
// Findings that belong together are an incident: who came in, what they did, in order. This room groups; it
// withholds nothing and judges nothing. Two levels (docs/incidents.md):
//
//   repeat     the same rule about the same thing, from the same lineage: the first is told, the others count
//   incident   findings that share a session, a process or an ancestor, a file, or an address
//
// Nothing here asks a clock: time is that of events, or what tick() is told. So the same findings make the
// same incidents, with the same ids.
export { Grouping, type GroupingOptions, type GroupingStats } from "./grouping.js";
export { processKey } from "./joints.js";
export { incidentJson } from "./json.js";
export type { CloseReason, IncidentView, Row, RowKind, Step, TreeProcess } from "./parts.js";
export { STEP_EVENTS, STEP_TYPES, StepTaker } from "./steps.js";
export { storyOf } from "./story.js";
export { TACTICS } from "./tactics.js";
