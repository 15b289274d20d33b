// SPDX-License-Identifier: Apache-2.0
// Reads a rule's `customs`: what it says of how its alerts are grouped, in the words of @rule. The key is
// ours. Falco warns of it as of any key that it does not know, and goes on, so that a file serves both.
//
//   customs: {dedup: [proc.exepath, fd.name], threshold: 5, window: 300, runbook: "https://wiki/shells"}
import { GROUPING_MOST, type Grouping } from "../wasm/metadata.js";
import type { RuleCustoms } from "./items.js";
import type { Context } from "./location.js";
import { fail, type Reading, refuse, text, texts, warnUnknownKeys } from "./read-value.js";
import { type MapNode, member } from "./yaml.js";

const EXAMPLE = "{dedup: [proc.exepath, fd.name], threshold: 5, window: 300, runbook: TEXT}";
const KEYS = new Set(["dedup", "threshold", "window", "runbook"]);

/** What stands at `customs`; null: the rule has none. Throws LoadError. */
export function readCustoms(item: MapNode, { context: parent, result }: Reading): RuleCustoms | null {
  const node = member(item, "customs");
  if (node === undefined) return null;
  const context = parent.enter(node.at, "value for", "customs");
  if (node.kind !== "map") fail(`customs is a mapping, such as ${EXAMPLE}`, context);
  warnUnknownKeys(node, KEYS, context, result);
  const said: Grouping = {
    ...entry("dedup", dedupIn(node, context)),
    ...entry("threshold", numberIn(node, "threshold", context, "")),
    ...entry("window", numberIn(node, "window", context, " of seconds")),
    ...entry("runbook", runbookIn(node, context)),
  };
  return { said, context: placeOf(node, "dedup", context) };
}

/** Only what was said: a host that does not know these words takes the others' modules. */
function entry<Key extends keyof Grouping>(key: Key, value: Grouping[Key]): Pick<Grouping, Key> | object {
  return value === undefined ? {} : { [key]: value };
}

/** Whether there are such fields is asked once the rule's source is known. */
function dedupIn(node: MapNode, context: Context): string[] | undefined {
  if (!member(node, "dedup")) return undefined;
  const place = placeOf(node, "dedup", context);
  const complaint = `dedup is a list of 1 to ${GROUPING_MOST.dedup} fields, such as [proc.exepath, fd.name]`;
  refuse(member(node, "dedup")!.kind !== "sequence", complaint, place);
  const fields = texts(node, "dedup", context, "required");
  refuse(fields.length === 0 || fields.length > GROUPING_MOST.dedup, complaint, place);
  return fields;
}

function numberIn(node: MapNode, key: "threshold" | "window", context: Context, unit: string): number | undefined {
  const given = text(node, key, context);
  if (given === undefined) return undefined;
  const most = GROUPING_MOST[key];
  const isGood = /^\d+$/.test(given) && Number(given) >= 1 && Number(given) <= most;
  refuse(!isGood, `${key} is a whole number${unit} from 1 to ${most}`, placeOf(node, key, context));
  return Number(given);
}

function runbookIn(node: MapNode, context: Context): string | undefined {
  const given = text(node, "runbook", context);
  const complaint = `runbook is a text of at most ${GROUPING_MOST.runbook} characters, such as an address`;
  refuse((given?.length ?? 0) > GROUPING_MOST.runbook, complaint, placeOf(node, "runbook", context));
  return given;
}

function placeOf(node: MapNode, key: string, context: Context): Context {
  return context.enter(member(node, key)?.at ?? node.at, "value for", key);
}
