// SPDX-License-Identifier: Apache-2.0
// The decorator of a meter: a function that sees events and measures. It raises no alert, so it answers
// nothing. It is read when the policy is compiled (transform/meters.js) and leaves no code.
//
//   @meter({ name: "reads" })
//   export function reads(e: AnyRead): void { READS.label(e.proc.name).add(1); }

/** What @meter takes. `events` only with a parameter of type Event. */
export class Meter {
  name!: string;
  events!: string[];
}

/** Makes the exported function below it a meter. It must take one event and return nothing. */
export declare function meter(is: Meter): void;
