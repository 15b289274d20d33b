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
}

/** Makes the exported function below it a rule. It must take one event and return a bool. */
export declare function rule(is: Rule): void;
