// SPDX-License-Identifier: Apache-2.0
// What outputs are told of an incident, and how often. The room of incidents knows more of each; only what
// outputs say of it stands here.
import type { Priority } from "../finding/priority.js";

/** `updated`: more findings joined it. `merged`: it is part of an older one from now on. */
export type IncidentActivity = "opened" | "updated" | "closed" | "merged";

/** What became of an incident. */
export interface IncidentNews<Facts extends IncidentFacts = IncidentFacts> {
  readonly activity: IncidentActivity;
  readonly incident: Facts;
  /** Of `merged`: the older one's id. */
  readonly into: string | null;
}

/** An incident, as far as outputs say it. Times are in ns since the epoch. */
export interface IncidentFacts {
  readonly id: string;
  readonly severity: Priority;
  readonly title: string;
  readonly tactics: readonly string[];
  readonly tags: readonly string[];
  readonly tenant: string | null;
  readonly container: { readonly id: string; readonly name: string | null } | null;
  readonly first: bigint;
  readonly last: bigint;
  /** Its findings. */
  readonly count: number;
  readonly rows: readonly {
    readonly text: string;
    readonly policy: string | null;
    readonly rule: string | null;
    readonly first: bigint;
    readonly samples: readonly string[];
  }[];
}

/** In one sentence. */
export function incidentSentence({ activity, incident, into }: IncidentNews): string {
  const { title, count, tactics } = incident;
  const what = `${title} (${count} ${count === 1 ? "finding" : "findings"}${tactics.length > 0 ? `: ${tactics.join(", ")}` : ""})`;
  return `Incident ${activity}${into === null ? "" : ` into ${into}`}: ${what}`;
}
