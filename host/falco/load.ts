// SPDX-License-Identifier: Apache-2.0
// Loads rule files in order and compiles what they hold together. Lists and exceptions are put into the text,
// the text is parsed, macros are put into the tree, and the tree is checked. Like Falco, this compiles the
// whole collection after each file, so each file's result says what is wrong once that file is added. `run`
// stops at the first file that cannot be loaded. `policy check` reports all of them.

import type { Priority } from "../finding/priority.js";
import type { Grouping } from "../wasm/metadata.js";
import { BindError, Binder, type Bound, isOperand } from "./bind.js";
import { Collector } from "./collector.js";
import type { Expr } from "./condition.js";
import { DIRECTION } from "./doubts.js";
import { capturedTypes, countEventCodes } from "./event-types.js";
import { type ExpandedList, expandLists, substituteLists, withExceptions } from "./expand.js";
import { NO_STATICS, type Statics } from "./fields.js";
import type { RuleItem } from "./items.js";
import { LoadError, LoadResult } from "./load-result.js";
import { Context } from "./location.js";
import { type Macro, MacroError, resolveMacros } from "./macros.js";
import { type Extra, type ExtraField, fieldsOf, outputComplaint, withExtras, withStatics } from "./output-format.js";
import { parseCondition } from "./parse.js";
import { readRules } from "./reader.js";
import { ConditionError } from "./scan.js";

/** One file. `name` is what results call it. */
export interface RuleFile {
  readonly name: string;
  readonly content: string | null; // null: it could not be read, for the reason that `complaint` tells
  readonly complaint?: string;
}

/** How files are loaded. */
export interface LoadOptions {
  readonly isFalcoExact?: boolean; // also where Falco is wrong
  readonly extras?: readonly Extra[]; // what is appended to outputs
  readonly statics?: Statics;
  readonly isCheck?: boolean; // go on after a file that cannot be loaded
}

/** A rule with its condition parsed and bound. `events` names the event types that it can match. */
export interface LoadedRule {
  readonly name: string;
  desc: string;
  readonly source: string;
  output: string;
  readonly fields: ExtraField[]; // in output_fields alone
  priority: Priority;
  tags: string[];
  enabled: boolean;
  expr: Expr;
  readonly bound: Bound;
  readonly events: string[];
  readonly captures: boolean; // asks for a file of the events around it
  readonly captureMs: number | null; // and of how long after it; null: as is usual
  readonly grouping?: Grouping; // what it says of how its alerts are grouped
}

/** What all files gave together. */
export interface Loaded {
  readonly results: LoadResult[];
  readonly rules: LoadedRule[]; // of the last file that could be loaded, in order
  readonly contents: Map<string, string>;
  readonly ok: boolean;
  readonly words: RuleWords;
}

/** What the author of the rules called things, for who tells the rules in another language. */
export interface RuleWords {
  readonly macros: ReadonlyMap<Expr, string>; // by the trees that stand in conditions
  readonly lists: ReadonlyMap<string, readonly string[]>;
  readonly places: ReadonlyMap<string, { readonly path: string; readonly line: number }>; // of rules' conditions
}

const EVENT_CODES_MAX = 100;

/** Never throws for what is wrong in a file: the results say it. */
export function loadRules(files: readonly RuleFile[], options: LoadOptions = {}): Loaded {
  const isField = (text: string): boolean => isOperand(text, options.statics);
  const collector = new Collector(new Map([["syscall", { isField }]]));
  const results: LoadResult[] = [];
  const contents = new Map<string, string>();
  const found = new Found(options.statics ?? NO_STATICS);
  let rules: LoadedRule[] = [];
  let words: RuleWords = { macros: new Map(), lists: new Map(), places: new Map() };
  for (const file of files) {
    const result = new LoadResult(file.name);
    results.push(result);
    if (file.content === null) {
      result.error("LOAD_ERR_FILE_READ", file.complaint ?? "cannot be read", Context.file(file.name));
    } else {
      contents.set(file.name, file.content);
      if (readRules(file.content, result, collector)) {
        const compilation = new Compilation(collector, result, options, found);
        rules = compilation.run();
        words = compilation.words;
      }
    }
    if (!result.successful && !options.isCheck) break;
  }
  return { results, rules, contents, ok: results.every((r) => r.successful), words };
}

/** What is found out about conditions. Each file compiles those of the files before it again. */
class Found {
  readonly binder: Binder;
  readonly #parsed = new Map<string, Expr>();

  constructor(statics: Statics) {
    this.binder = new Binder(statics);
  }

  parsed(text: string): Expr {
    let expr = this.#parsed.get(text);
    if (expr === undefined) {
      expr = parseCondition(text);
      this.#parsed.set(text, expr);
    }
    return expr;
  }
}

class Compilation {
  readonly #lists: Map<string, ExpandedList>;
  readonly #macros = new Map<string, Macro>();
  readonly #statics: Statics;
  #isDirectionTold = false;
  readonly #collector: Collector;
  readonly #result: LoadResult;
  readonly #options: LoadOptions;
  readonly #found: Found;

  constructor(collector: Collector, result: LoadResult, options: LoadOptions, found: Found) {
    this.#collector = collector;
    this.#result = result;
    this.#options = options;
    this.#found = found;
    this.#lists = expandLists(collector.lists, options.isFalcoExact ? "one" : "all");
    this.#statics = options.statics ?? NO_STATICS;
  }

  run(): LoadedRule[] {
    try {
      this.#compileMacros();
      const rules = [...this.#collector.rules.values()].flatMap((rule) => this.#compileRule(rule) ?? []);
      this.#warnOfUnused();
      return rules;
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      this.#result.error(error.code, error.message, error.context);
      return [];
    }
  }

  get words(): RuleWords {
    const places = [...this.#collector.rules.values()].map(({ name, conditionContext: { source, steps } }) => {
      return [name, { path: source, line: (steps.at(-1)?.at.line ?? 0) + 1 }] as const;
    });
    return {
      macros: new Map([...this.#macros.values()].map(({ name, expr }) => [expr, name])),
      lists: new Map([...this.#lists.values()].map(({ name, items }) => [name, items])),
      places: new Map(places),
    };
  }

  #compileMacros(): void {
    const items = this.#collector.macros;
    for (const item of items.values()) {
      this.#macros.set(item.name, {
        name: item.name,
        expr: this.#parse(item.condition, item.conditionContext),
        isUsed: false,
      });
    }
    for (const item of items.values()) {
      const macro = this.#macros.get(item.name)!;
      const visible = (name: string) => (this.#isVisible(name, item.visibility) ? this.#macros.get(name) : undefined);
      macro.expr = this.#resolve(macro.expr, visible, item.condition, item.context);
    }
  }

  #isVisible(name: string, visibility: number): boolean {
    const item = this.#collector.macros.get(name);
    return item !== undefined && item.index < visibility;
  }

  #compileRule(rule: RuleItem): LoadedRule | null {
    if (!rule.isSourceKnown) return null;
    const condition = withExceptions(rule.condition, rule.exceptions);
    const output = this.#output(rule);
    if (output === null) return null;
    const parsed = this.#parse(condition, rule.conditionContext);
    const expr = this.#resolve(parsed, (name) => this.#macros.get(name), condition, rule.context);
    const bound = this.#bind(expr, condition, rule);
    if (!bound) return null;
    const codes = countEventCodes(expr);
    if (rule.warnEventTypes && (codes === 0 || codes > EVENT_CODES_MAX)) {
      const complaint = "Rule matches too many evt.type values. This has a significant performance penalty.";
      this.#result.warn("LOAD_NO_EVTTYPE", complaint, rule.context);
    }
    const { name, desc, source, priority, enabled, captures, captureMs } = rule;
    const events = capturedTypes(expr).map((event) => event.name);
    const tags = [...rule.tags].sort();
    const grouping = this.#grouping(rule);
    const told = { name, desc, source, ...output, priority, tags, enabled, expr, bound, events, captures, captureMs };
    return grouping === null ? told : { ...told, grouping };
  }

  #output(rule: RuleItem): { output: string; fields: ExtraField[] } | null {
    if (rule.output.includes("%container.info")) {
      const complaint =
        "%container.info is deprecated and no more useful. The fields of the container are added to the output by themselves.";
      this.#result.warn("LOAD_DEPRECATED_ITEM", complaint, rule.context);
    }
    const { extras = [] } = this.#options;
    const output = withExtras(rule.output.replaceAll("%container.info", ""), rule, extras);
    const complaint = outputComplaint(output, this.#statics);
    if (complaint === null) {
      if (output.includes("evt.dir")) this.#warnOfDirection(rule);
      const fields = fieldsOf(output, rule, extras, this.#statics);
      for (const { name, format } of fields) this.#checkField(rule, format ?? `%${name}`);
      return { output: withStatics(output, this.#statics), fields };
    }
    if (!rule.skipIfUnknownFilter) throw new LoadError("LOAD_ERR_COMPILE_OUTPUT", complaint, rule.outputContext);
    this.#result.warn("LOAD_UNKNOWN_FILTER", complaint, rule.outputContext);
    return null;
  }

  /** A field of the configuration is the same in every alert, so it tells none apart. */
  #grouping({ customs }: RuleItem): Grouping | null {
    const unknown = customs?.said.dedup?.find((field) => !isOperand(field, NO_STATICS));
    if (unknown === undefined) return customs?.said ?? null;
    const complaint = `dedup names '${unknown}', which is no field of an event; \`vedette fields\` lists them`;
    throw new LoadError("LOAD_ERR_VALIDATE", complaint, customs!.context);
  }

  #warnOfDirection(rule: RuleItem): void {
    if (this.#isDirectionTold) return;
    this.#isDirectionTold = true;
    const complaint = "usage of deprecated field 'evt.dir' has been detected in the rule output";
    this.#result.warn("LOAD_DEPRECATED_ITEM", complaint, rule.outputContext);
  }

  #checkField(rule: RuleItem, format: string): void {
    const complaint = outputComplaint(format.replaceAll("%%", ""), this.#statics);
    if (complaint !== null) throw new LoadError("LOAD_ERR_COMPILE_OUTPUT", complaint, rule.outputContext);
  }

  #parse(condition: string, context: Context): Expr {
    const text = substituteLists(condition, this.#lists.values());
    return this.#placed("LOAD_ERR_COMPILE_CONDITION", text, context, () => this.#found.parsed(text));
  }

  #resolve(expr: Expr, visible: (name: string) => Macro | undefined, condition: string, context: Context): Expr {
    return this.#placed("LOAD_ERR_VALIDATE", condition, context, () => resolveMacros(expr, visible));
  }

  #bind(expr: Expr, condition: string, rule: RuleItem): Bound | null {
    const context = rule.conditionContext;
    try {
      const { bound, warnings } = this.#placed("LOAD_ERR_COMPILE_CONDITION", condition, context, () =>
        this.#found.binder.bind(expr),
      );
      for (const { message, at } of warnings) {
        const code = message === DIRECTION ? "LOAD_DEPRECATED_ITEM" : "LOAD_COMPILE_CONDITION";
        this.#result.warn(code, message, context.inCondition(at, condition));
      }
      return bound;
    } catch (error) {
      const isUnknown = error instanceof LoadError && UNKNOWN.some((part) => error.message.includes(part));
      if (!isUnknown || !rule.skipIfUnknownFilter) throw error;
      this.#result.warn("LOAD_UNKNOWN_FILTER", error.message, error.context);
      return null;
    }
  }

  #placed<T>(code: LoadError["code"], condition: string, context: Context, make: () => T): T {
    try {
      return make();
    } catch (error) {
      const hasPlace = error instanceof ConditionError || error instanceof MacroError || error instanceof BindError;
      if (!hasPlace) throw error;
      throw new LoadError(code, error.message, context.inCondition(error.at, condition));
    }
  }

  #warnOfUnused(): void {
    for (const macro of this.#macros.values()) {
      if (macro.isUsed) continue;
      const { context } = this.#collector.macros.get(macro.name)!;
      this.#result.warn("LOAD_UNUSED_MACRO", "Macro not referred to by any other rule/macro", context);
    }
    for (const list of this.#lists.values()) {
      if (list.isUsed) continue;
      const { context } = this.#collector.lists.get(list.name)!;
      this.#result.warn("LOAD_UNUSED_LIST", "List not referred to by any other rule/macro", context);
    }
  }
}

// The errors that skip-if-unknown-filter turns into a warning.
const UNKNOWN = ["nonexistent field", "invalid formatting token", "unknown event type", "unknown filter:"];
