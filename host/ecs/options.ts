// SPDX-License-Identifier: Apache-2.0
// What `instrument` can be told. What was told is kept in the journal, so that a second run with less to go by comes to the
// same result; what is told anew wins.
/** Options with defaults filled in. An empty `containers` or `definitions` means all. */
export interface InstrumentOptions {
  readonly containers: readonly string[];
  readonly definitions: readonly string[];
  readonly image: string;
  readonly start: "availability" | "security";
  readonly overload: "block" | "shed";
  readonly policy: readonly string[];
}

/** Options as they were typed, or as a journal kept them. */
export interface GivenOptions {
  readonly container?: readonly string[] | undefined;
  readonly taskDefinition?: readonly string[] | undefined;
  readonly image?: string | undefined;
  readonly start?: string | undefined;
  readonly onOverload?: string | undefined;
  readonly policy?: readonly string[] | undefined;
}

/** What `--start` may be. */
export const STARTS = ["availability", "security"] as const;
/** What `--on-overload` may be. */
export const OVERLOADS = ["shed", "block"] as const;

/** The journal's form of what was given: lists apart by commas, nothing that is left at its default. */
export function optionsText(given: GivenOptions): URLSearchParams {
  const pairs = Object.entries(given as Record<string, string | readonly string[] | undefined>);
  const text = new URLSearchParams();
  for (const [name, value] of pairs) if (value !== undefined && value.length > 0) text.set(name, String(value));
  return text;
}

/** What is given wins over what the journal kept. */
export function mergedOptions(given: GivenOptions, kept: URLSearchParams | null): GivenOptions {
  const list = (name: string) => kept?.get(name)?.split(",") ?? undefined;
  const one = (name: string) => kept?.get(name) ?? undefined;
  return {
    container: given.container?.length ? given.container : list("container"),
    taskDefinition: given.taskDefinition?.length ? given.taskDefinition : list("taskDefinition"),
    image: given.image ?? one("image"),
    start: given.start ?? one("start"),
    onOverload: given.onOverload ?? one("onOverload"),
    policy: given.policy?.length ? given.policy : list("policy"),
  };
}

/** Fills in defaults. A word that is not allowed becomes the default. */
export function resolvedOptions(given: GivenOptions, version: string): InstrumentOptions {
  return {
    containers: given.container ?? [],
    definitions: given.taskDefinition ?? [],
    image: given.image ?? `vedette/vedette:${version}`,
    start: STARTS.find((start) => start === given.start) ?? "availability",
    overload: OVERLOADS.find((overload) => overload === given.onOverload) ?? "shed",
    policy: given.policy ?? [],
  };
}
