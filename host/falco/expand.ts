// SPDX-License-Identifier: Apache-2.0
// Lists and exceptions are text: before a condition is parsed, the names of lists in it are replaced by their
// items, and the exceptions of the rule are appended to it. What this breaks in Falco (a name inside a quoted
// value is replaced too) it breaks here.
import { isListOperator } from "./condition.js";
import type { ExceptionEntry, ListItem, RuleException } from "./items.js";
import { LoadError } from "./load-result.js";

/** A list with the lists in it put in place. `isUsed` is set when a condition names it. */
export interface ExpandedList {
  readonly name: string;
  readonly items: string[];
  isUsed: boolean;
}

/**
 * An item that names a list defined before is replaced by that list's own items, one level deep
 * (`levels: "one"`, as Falco does) or all the way down.
 */
export function expandLists(lists: ReadonlyMap<string, ListItem>, levels: "one" | "all"): Map<string, ExpandedList> {
  const out = new Map<string, ExpandedList>();
  const used = new Set<string>();
  const expand = (list: ListItem, seen: Set<string>): string[] =>
    list.items.flatMap((item) => {
      const inner = lists.get(item);
      if (!inner || inner.index >= list.visibility || seen.has(item)) return [item];
      used.add(item);
      return levels === "one" ? inner.items : expand(inner, new Set([...seen, item]));
    });
  for (const list of lists.values())
    out.set(list.name, { name: list.name, items: expand(list, new Set()), isUsed: false });
  for (const name of used) out.get(name)!.isUsed = true;
  return out;
}

/**
 * The condition with the names of lists replaced. A name counts where blanks, parentheses, commas or `=`
 * stand around it.
 */
export function substituteLists(condition: string, lists: Iterable<ExpandedList>): string {
  let text = condition;
  let words = wordsOf(text);
  for (const list of lists) {
    // A condition names few of the hundreds of lists.
    if (!words.has(list.name) && !HAS_EDGE.test(list.name)) continue;
    const next = substituteList(text, list);
    if (next !== undefined) {
      text = next;
      words = wordsOf(text);
      list.isUsed = true;
    }
  }
  return text;
}

/** What stands between two of DELIMITERS. */
const wordsOf = (text: string): ReadonlySet<string> => new Set(text.split(EDGES));
const EDGES = /[ \t\n\r(),=]+/;
const HAS_EDGE = /^$|[ \t\n\r(),=]/;

// Made once, however many conditions name the list.
const REPLACEMENTS = new WeakMap<ExpandedList, string>();

function replacementOf(list: ExpandedList): string {
  let text = REPLACEMENTS.get(list);
  if (text === undefined) {
    text = list.items.map(quoteItem).join(", ");
    REPLACEMENTS.set(list, text);
  }
  return text;
}

const BLANKS = " \t\n\r";
const DELIMITERS = `${BLANKS}(),=`;

function substituteList(condition: string, list: ExpandedList): string | undefined {
  const isEdge = (text: string, i: number) => i < 0 || i >= text.length || DELIMITERS.includes(text[i]!);
  const replacement = replacementOf(list);
  let text = condition;
  let isUsed = false;
  let start = text.indexOf(list.name);
  while (start >= 0) {
    let end = start + list.name.length;
    if (isEdge(text, start - 1) && isEdge(text, end)) {
      while (start > 0 && BLANKS.includes(text[start - 1]!)) start--;
      while (end < text.length && BLANKS.includes(text[end]!)) end++;
      // An empty list takes one of the commas beside it along.
      if (replacement === "" && text[start - 1] === ",") start--;
      else if (replacement === "" && text[end] === ",") end++;
      const before = start > 0 ? `${text.slice(0, start)} ` : "";
      text = `${before}${replacement} ${text.slice(end)}`;
      start += replacement.length + 1;
      isUsed = true;
    }
    start = text.indexOf(list.name, start + 1);
  }
  return isUsed ? text : undefined;
}

/** The condition with the rule's exceptions: `(condition) and not (...) and not (...)`. */
export function withExceptions(condition: string, exceptions: readonly RuleException[]): string {
  if (exceptions.length === 0) return condition;
  return [`(${condition})`, ...exceptions.map(exceptionText).filter((text) => text !== "")].join(" and not ");
}

function exceptionText(exception: RuleException): string {
  const { fields, comps, values, context } = exception;
  if (!Array.isArray(fields)) {
    const items = values.map((value) => {
      if (!Array.isArray(value)) return quoteItem(value);
      throw new LoadError("LOAD_ERR_VALIDATE", "Expected values array to contain a list of strings", context);
    });
    return items.length === 0 ? "" : `(${fields} ${comps} (${items.join(", ")}))`;
  }
  const tuples = values.map((tuple) => {
    if (!Array.isArray(tuple) || tuple.length !== fields.length) {
      throw new LoadError("LOAD_ERR_VALIDATE", "Fields and values lists must have equal length", context);
    }
    const checks = fields.map((field, i) => {
      const comp = String((comps as ExceptionEntry[])[i]);
      return ` ${field} ${comp} ${exceptionValue(tuple[i]!, comp)}`;
    });
    return `(${checks.join(" and ")})`;
  });
  return tuples.length === 0 ? "" : `(${tuples.join(" or ")})`;
}

function exceptionValue(value: ExceptionEntry, comp: string): string {
  if (Array.isArray(value)) return `(${value.map((item) => quoteItem(String(item))).join(", ")})`;
  if (!isListOperator(comp)) return quoteItem(value);
  return value.startsWith("(") ? value : `(${value})`;
}

function quoteItem(item: string): string {
  return item.includes(" ") && item[0] !== '"' && item[0] !== "'" ? `"${item}"` : item;
}
