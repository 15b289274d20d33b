// SPDX-License-Identifier: Apache-2.0
// The decorator of a rule, and the words it takes. It is read when the policy is compiled
// (transform/rules.js) and leaves no code: the type of the function's parameter says which events it judges,
// and the answer whether to raise an alert.
//
//   @rule({ name: "Shell on a socket", priority: Priority.Critical, tags: ["T1059"], output: "... (%proc.cmdline)" })
//   export function shellOnSocket(e: Execve): bool { ... }

/** Falco's, most urgent first. */
export enum Priority {
  Emergency,
  Alert,
  Critical,
  Error,
  Warning,
  Notice,
  Informational,
  Debug,
}

/** What @rule takes. `events` only with a parameter of type Event. */
export class Rule {
  name!: string;
  desc!: string;
  priority!: Priority;
  tags!: string[];
  output!: string;
  events!: string[];
  /** Fields in which alerts agree that are the same, in place of lineage and subject (docs/incidents.md). */
  dedup!: string[];
  /** So many of the same are needed until the first alert is raised. */
  threshold!: i32;
  /** Seconds that one more counts as the same, from the last on; 60 unless it is said. */
  window!: i32;
  /** An address where a person reads what to do. */
  runbook!: string;
}

/** Makes the exported function below it a rule. It must take one event and return a bool. */
export declare function rule(is: Rule): void;
