// SPDX-License-Identifier: Apache-2.0
// Collects items over all rule files: defines, appends to, replaces in and enables what came before, and
// refuses what does not fit. Nothing is parsed here but the shape of exceptions; conditions stay text,
// because appending is textual.
import { isKnownOperator } from "./condition.js";
import type { ListItem, MacroItem, RuleException, RuleItem, RuleUpdate } from "./items.js";
import { LoadError, type LoadResult } from "./load-result.js";
import type { Context } from "./location.js";
import { ENGINE_VERSION, PLUGINS, parseVersion, satisfies, type Version, versionText } from "./version.js";

/** One alternative of `required_plugin_versions`. */
export interface PluginNeed {
  readonly name: string;
  readonly version: string;
}

/** An event source: its name, and the fields that its rules may use. Falco's `syscall` is the one we have. */
export interface Source {
  isField(name: string): boolean;
}

/** All items of the files read so far, by name. Throws LoadError where an item does not fit. */
export class Collector {
  readonly lists = new Map<string, ListItem>();
  readonly macros = new Map<string, MacroItem>();
  readonly rules = new Map<string, RuleItem>();
  #next = 0;

  constructor(readonly sources: ReadonlyMap<string, Source>) {}

  requireEngine(version: Version, context: Context): void {
    const [need, have] = [versionText(version), versionText(ENGINE_VERSION)];
    refuse(
      !satisfies(ENGINE_VERSION, version),
      `Rules require engine version ${need}, but engine version is ${have}`,
      context,
    );
  }

  requirePlugin(alternatives: PluginNeed[], context: Context): void {
    const names = new Set<string>();
    const isMet = alternatives.map(({ name, version }) => {
      const need = parseVersion(version);
      refuse(!need, `Invalid required version '${version}' for plugin '${name}'`, context);
      refuse(names.has(name), `Defined multiple alternative version requirements for plugin '${name}'`, context);
      names.add(name);
      const have = PLUGINS.get(name);
      return have !== undefined && satisfies(have, need!);
    });
    const wanted = alternatives.map((a) => `${a.name} (>= ${a.version})`).join(" or ");
    refuse(!isMet.includes(true), `Plugin requirement not satisfied, must load one of: ${wanted}`, context);
  }

  defineList(list: ListItem): void {
    define(this.lists, list, this.#next++);
  }

  appendList(list: ListItem): void {
    const prev = this.lists.get(list.name);
    refuse(
      !prev,
      "List uses 'append' or 'override.items: append' but no list by that name already exists",
      list.context,
    );
    prev!.items.push(...list.items);
    prev!.visibility = this.#next++;
  }

  defineMacro(macro: MacroItem): void {
    define(this.macros, macro, this.#next++);
  }

  appendMacro(macro: MacroItem): void {
    const prev = this.macros.get(macro.name);
    refuse(
      !prev,
      "Macro uses 'append' or 'override.condition: append' but no macro by that name already exists",
      macro.context,
    );
    prev!.condition += ` ${macro.condition}`;
    prev!.visibility = this.#next++;
  }

  defineRule(rule: RuleItem, result: LoadResult): void {
    const prev = this.rules.get(rule.name);
    refuse(!!prev && prev.source !== rule.source, "Rule has been re-defined with a different source", rule.context);
    const source = this.sources.get(rule.source);
    rule.isSourceKnown = source !== undefined;
    if (!source) result.warn("LOAD_UNKNOWN_SOURCE", `Unknown source ${rule.source}, skipping`, rule.context);
    for (const exception of rule.exceptions) {
      const complaint = "Rule exception item must have fields property with a list of fields";
      refuse(exception.fields === null, complaint, exception.context);
      validateException(exception, source);
    }
    define(this.rules, rule, this.#next++);
  }

  appendRule(update: RuleUpdate): void {
    const prev = this.rules.get(update.name);
    refuse(
      !prev,
      "Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists",
      update.context,
    );
    const rule = prev!;
    const hasValue = update.condition ?? update.output ?? update.desc ?? update.tags ?? update.exceptions;
    refuse(hasValue === undefined, "Appended rule must have exceptions or condition property", update.context);
    if (update.condition) rule.condition += ` ${update.condition}`;
    if (update.output) rule.output += ` ${update.output}`;
    if (update.desc) rule.desc += ` ${update.desc}`;
    for (const tag of update.tags ?? []) rule.tags.add(tag);
    for (const exception of update.exceptions ?? []) this.#appendException(rule, exception);
    rule.visibility = this.#next++;
  }

  replaceInRule(update: RuleUpdate): void {
    const prev = this.rules.get(update.name);
    refuse(
      !prev,
      "An 'override.<key>: replace' to a rule was requested but no rule by that name already exists",
      update.context,
    );
    const { name, context, ...values } = update;
    for (const exception of update.exceptions ?? []) {
      refuse(
        exception.fields === null,
        "Rule exception item must have fields property with a list of fields",
        exception.context,
      );
      validateException(exception, this.sources.get(prev!.source));
    }
    Object.assign(prev!, values);
    prev!.visibility = this.#next++;
  }

  enableRule(name: string, enabled: boolean, context: Context): void {
    const prev = this.rules.get(name);
    refuse(!prev, "Rule has 'enabled' key but no rule by that name already exists", context);
    prev!.enabled = enabled;
  }

  #appendException(rule: RuleItem, exception: RuleException): void {
    const { context } = exception;
    const prev = rule.exceptions.find((e) => e.name === exception.name);
    if (prev) {
      refuse(exception.fields !== null, "Can not append exception fields to existing exception, only values", context);
      refuse(exception.comps !== null, "Can not append exception comps to existing exception, only values", context);
      prev.values.push(...exception.values);
      return;
    }
    refuse(exception.fields === null, "Rule exception must have fields property with a list of fields", context);
    refuse(exception.values.length === 0, "Rule exception must have values property with a list of values", context);
    validateException(exception, this.sources.get(rule.source));
    rule.exceptions.push(exception);
  }
}

function define<Item extends { name: string; index: number; visibility: number }>(
  items: Map<string, Item>,
  item: Item,
  id: number,
): void {
  item.index = items.get(item.name)?.index ?? id;
  item.visibility = id;
  items.set(item.name, item);
}

// Fills in the comparisons that are left out: `in` for one field, `=` for each of several.
function validateException(exception: RuleException, source: Source | undefined): void {
  const { context } = exception;
  const known = (field: string) => {
    refuse(!!source && !source.isField(field), `'${field}' is not a supported filter field`, context);
  };
  if (Array.isArray(exception.fields)) {
    const fields = exception.fields.map(String);
    exception.comps ??= fields.map(() => "=");
    const comps = exception.comps;
    refuse(
      !Array.isArray(comps) || comps.length !== fields.length,
      "Fields and comps lists must have equal length",
      context,
    );
    for (const comp of comps as string[]) {
      refuse(!isKnownOperator(comp), `'${comp}' is not a supported comparison operator`, context);
    }
    fields.forEach(known);
    return;
  }
  exception.comps ??= "in";
  const comp = exception.comps;
  refuse(Array.isArray(comp), "Fields and comps must both be strings", context);
  const isList = typeof comp === "string" && (SET_OPERATORS.has(comp) || (isKnownOperator(comp) && comp.includes(" ")));
  refuse(!isList, "When fields is a single value, comps must be one of (in, pmatch, intersects)", context);
  known(exception.fields as string);
}

const SET_OPERATORS = new Set(["in", "pmatch", "intersects"]);

function refuse(isWrong: boolean, message: string, context: Context): void {
  if (isWrong) throw new LoadError("LOAD_ERR_VALIDATE", message, context);
}
