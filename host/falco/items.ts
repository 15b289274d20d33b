// SPDX-License-Identifier: Apache-2.0
// The items of rule files, as collected over all files in order, before anything is compiled.
//
// `index` is where an item was first defined, `visibility` where it was last changed. A macro sees the
// macros, and a list the lists, whose index lies before its own visibility; rules see everything. A
// redefinition keeps the index.
import { PRIORITIES, type Priority } from "../finding/priority.js";
import type { Grouping } from "../wasm/metadata.js";
import type { Context } from "./location.js";

/** Any case, and Falco's short form INFO. */
export function parsePriority(text: string): Priority | undefined {
  const wanted = text.toLowerCase();
  return PRIORITIES.find((p) => p.toLowerCase() === wanted || (p === "Informational" && wanted === "info"));
}

interface Placed {
  readonly name: string;
  readonly context: Context;
  readonly index: number;
  visibility: number;
}

/** One `list`, as text. */
export interface ListItem extends Placed {
  readonly items: string[];
}

/** One `macro`, as text. */
export interface MacroItem extends Placed {
  condition: string;
  readonly conditionContext: Context;
}

/** One `rule`, as text. */
export interface RuleItem extends Placed {
  condition: string;
  readonly conditionContext: Context;
  output: string;
  readonly outputContext: Context;
  desc: string;
  priority: Priority;
  tags: Set<string>;
  readonly source: string;
  isSourceKnown: boolean;
  enabled: boolean;
  warnEventTypes: boolean;
  skipIfUnknownFilter: boolean;
  captures: boolean;
  captureMs: number | null; // how long after an event; null or 0: it does not say
  exceptions: RuleException[];
  customs: RuleCustoms | null;
}

/** What a rule says of its alerts' grouping, and where the fields of its key stand. */
export interface RuleCustoms {
  readonly said: Grouping;
  readonly context: Context;
}

/** A value of an exception's `fields`, `comps` or `values`: one text, or a list of such. */
export type ExceptionEntry = string | ExceptionEntry[];

/** One exception of a rule, not yet a condition. */
export interface RuleException {
  readonly name: string;
  readonly fields: ExceptionEntry | null;
  comps: ExceptionEntry | null;
  readonly values: ExceptionEntry[];
  readonly context: Context;
}

/** What `append` or `override` changes of a rule: the keys that are set. */
export interface RuleUpdate {
  readonly name: string;
  readonly context: Context;
  condition?: string;
  output?: string;
  desc?: string;
  tags?: Set<string>;
  exceptions?: RuleException[];
  priority?: Priority;
  enabled?: boolean;
  warnEventTypes?: boolean;
  skipIfUnknownFilter?: boolean;
  captures?: boolean;
  captureMs?: number | null;
  customs?: RuleCustoms | null;
}
