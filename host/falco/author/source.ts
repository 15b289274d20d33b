// SPDX-License-Identifier: Apache-2.0
// The source of a policy that judges as one rule of Falco's does: macros as functions, lists as sets at the
// top, the rule's words in @rule. What the rule's types of events decide is decided here, and not in the
// source.
import { EVENTS, type EventType } from "../../../build/generated/events.js";
import type { Bound } from "../bind.js";
import type { Expr } from "../condition.js";
import type { LoadedRule, RuleWords } from "../load.js";
import { termText as textOfCheck } from "../terms.js";
import { type Constants, leafTerm } from "./checks.js";
import { EventClass, idOf, importable, importsOf } from "./sdk.js";
import { and, atom, compare, firstRefused, NO, not, or, refused, type Term, termText } from "./term.js";
import { comment, literal, longLiteral, Names } from "./words.js";

/** What a module's metadata may have (host/wasm/metadata.ts). */
const MOST = { name: 200, text: 4000, tag: 100, tags: 50 };
const WIDTH = 100;
/** A macro that is no longer than so many terms is told where it is used. */
const SHORT = 1;

/** A rule that cannot be told, and why. */
export class UntoldError extends Error {}

/** A policy's source, and what is to be known of it. */
export interface PolicySource {
  readonly text: string;
  /** Checks that were left out, since no event here has a value for them. */
  readonly leftOut: readonly string[];
}

/** The index.ts of a policy. Throws UntoldError where the rule has what no policy can say. */
export function policySource(rule: LoadedRule, words: RuleWords): PolicySource {
  refuseLong(rule);
  return new Source(rule, words).print();
}

function refuseLong({ name, output, tags }: LoadedRule): void {
  if (name.trim() === "") throw new UntoldError("it has no name");
  if (name.length > MOST.name) throw new UntoldError(`its name is longer than ${MOST.name} characters`);
  if (output.length > MOST.text) throw new UntoldError(`its output is longer than ${MOST.text} characters`);
  if (tags.length > MOST.tags || tags.some((tag) => tag.length > MOST.tag))
    throw new UntoldError("it has more tags than a policy may");
}

type Leaf = Extract<Expr, { kind: "check" | "exists" }>;

class Source implements Constants {
  readonly #rule: LoadedRule;
  readonly #words: RuleWords;
  readonly #events: readonly EventType[];
  readonly #class: EventClass;
  readonly #names = new Names(importable());
  readonly #constants = new Map<string, string>();
  readonly #functions = new Map<Expr, Term>();
  readonly #lists: ReadonlyMap<string, string>;
  readonly #text: string[] = [];
  readonly #leftOut = new Set<string>();
  #macro: string | null = null;

  constructor(rule: LoadedRule, words: RuleWords) {
    this.#rule = rule;
    this.#words = words;
    this.#events = EVENTS.filter((event) => rule.events.includes(event.name));
    this.#class = new EventClass(this.#events);
    this.#lists = new Map([...words.lists].map(([name, items]) => [keyOf(items.map(unquoted)), name]));
  }

  print(): PolicySource {
    const { name } = this.#rule;
    if (this.#events.length === 0) throw new UntoldError("it can never fire here: no event of its types is recorded");
    const term = this.#term(this.#rule.expr, this.#rule.bound);
    const reason = firstRefused(term);
    if (reason !== null) throw new UntoldError(reason);
    if (term === NO) throw new UntoldError("it can never fire here: its condition is false for every event");
    const rule = this.#ruleText(this.#names.ofFunction(name), term);
    const body = [...this.#constantLines(), ...this.#text, rule].join("\n");
    const leftOut = [...this.#leftOut];
    const head = [
      comment(
        `Falco's rule "${name}", told by \`vedette policy new --from\` as \`vedette falco\` judges it. A starting point: change it.`,
      ),
      ...(this.#rule.enabled ? [] : ["// The rule file has it switched off."]),
      ...(leftOut.length === 0 ? [] : ["// No event here has a value for these, so that they are left out:"]),
      ...leftOut.map((text) => comment(`  ${text}`)),
      importsOf(`${body}\nPriority rule`),
    ];
    return { text: `${[...head, "", body].join("\n")}\n`, leftOut };
  }

  /** A tree of the condition. `bound` has the same form, but for what binding makes of evt.around. */
  #term(expr: Expr, bound: Bound): Term {
    const known = this.#functions.get(expr);
    if (known !== undefined) return known;
    const name = this.#words.macros.get(expr);
    if (name === undefined) return this.#inside(expr, bound);
    const outer = this.#macro;
    this.#macro = name;
    const term = this.#inside(expr, bound);
    this.#macro = outer;
    const said = this.#asFunction(name, term);
    this.#functions.set(expr, said);
    return said;
  }

  #inside(expr: Expr, bound: Bound): Term {
    if ((expr.kind === "and" || expr.kind === "or") && bound.kind === expr.kind) {
      const terms = expr.children.map((child, i) => this.#term(child, bound.children[i] as Bound));
      return expr.kind === "and" ? and(...terms) : or(...terms);
    }
    if (expr.kind === "not" && bound.kind === "not") return not(this.#term(expr.child, bound.child));
    if (expr.kind === "macro") throw new Error(`macro ${expr.name} is not resolved`);
    return this.#leaves(expr as Leaf, bound);
  }

  #leaves(expr: Leaf, bound: Bound): Term {
    if (bound.kind === "and") return and(...bound.children.map((child) => this.#leaves(expr, child)));
    if (bound.kind !== "check" && bound.kind !== "exists") throw new Error(`a check is bound as ${bound.kind}`);
    const { left } = bound;
    if (left.kind === "field" && !left.use.isAnswered) this.#leftOut.add(textOfCheck(expr));
    const term = this.#byType((event) => leafTerm(bound, event, this.#class, this));
    return term.op === "refused" ? refused(`\`${textOfCheck(expr)}\`: ${term.reason}`) : term;
  }

  /** The same question of each type, put once for all types that it is the same for. */
  #byType(ask: (event: EventType) => Term): Term {
    const groups = new Map<string, { term: Term; events: EventType[] }>();
    for (const event of this.#events) {
      const term = ask(event);
      const key = JSON.stringify(term);
      const group = groups.get(key) ?? { term, events: [] };
      group.events.push(event);
      groups.set(key, group);
    }
    return or(...[...groups.values()].map(({ term, events }) => (term === NO ? NO : and(this.#isOneOf(events), term))));
  }

  #isOneOf(events: readonly EventType[]): Term {
    const others = this.#events.filter((event) => !events.includes(event));
    const is =
      (sign: "==" | "!=") =>
      (event: EventType): Term =>
        compare("e.evt_type", sign, idOf(event.name));
    return others.length < events.length ? and(...others.map(is("!="))) : or(...events.map(is("==")));
  }

  #asFunction(name: string, term: Term): Term {
    const isLong = (term.op === "and" || term.op === "or") && term.terms.length > SHORT;
    // Whole macros of what cannot be said would double with each macro that names two of them.
    const reason = firstRefused(term);
    if (reason !== null) return refused(reason);
    if (!isLong) return term;
    const said = this.#names.ofFunction(name);
    const body = termText(term, 4);
    this.#text.push(
      `${comment(`Falco's macro ${name}.`)}\nfunction ${said}(e: ${this.#class.name}): bool {\n  ${returned(body)}\n}\n`,
    );
    return atom(`${said}(e)`);
  }

  name(kind: string, texts: readonly string[], field: string): string {
    const made = `new ${kind}(${listText(kind, texts)})`;
    const known = this.#constants.get(made);
    if (known !== undefined) return known;
    const wanted = this.#lists.get(keyOf(texts)) ?? `${this.#macro ?? field}${texts.length > 1 ? "" : ` ${kind}`}`;
    const name = this.#names.ofConstant(wanted);
    this.#constants.set(made, name);
    return name;
  }

  isList(texts: readonly string[]): boolean {
    return this.#lists.has(keyOf(texts));
  }

  #constantLines(): string[] {
    const lines = [...this.#constants].map(([made, name]) => `const ${name} = ${made};`);
    return lines.length === 0 ? [] : [...lines, ""];
  }

  #ruleText(name: string, term: Term): string {
    const { name: title, desc, priority, tags, output, grouping, events } = this.#rule;
    const { dedup, threshold, window, runbook } = grouping ?? {};
    const words = [
      `name: ${literal(title)}`,
      ...(desc.trim() === "" ? [] : [`desc: ${longLiteral(desc.trim().slice(0, MOST.text), 4)}`]),
      `priority: Priority.${priority}`,
      ...(tags.length === 0 ? [] : [`tags: ${textsLiteral(tags, 2)}`]),
      ...(dedup === undefined ? [] : [`dedup: ${textsLiteral(dedup, 2)}`]),
      ...(threshold === undefined ? [] : [`threshold: ${threshold}`]),
      ...(window === undefined ? [] : [`window: ${window}`]),
      ...(runbook === undefined ? [] : [`runbook: ${literal(runbook)}`]),
      ...(this.#class.name === "Event" ? [`events: ${textsLiteral(events, 2)}`] : []),
      `output: ${longLiteral(output, 4)}`,
    ];
    const spec = words.map((word) => `  ${word},`).join("\n");
    return `// @ts-ignore: decorator\n@rule({\n${spec}\n})\nexport function ${name}(e: ${this.#class.name}): bool {\n  ${returned(termText(term, 4))}\n}`;
  }
}

const returned = (body: string): string => (body.includes("\n") ? `return (\n    ${body}\n  );` : `return ${body};`);
const keyOf = (texts: readonly string[]): string => JSON.stringify(texts);

/** An item of a list, as a condition has it once the list stands there. */
function unquoted(item: string): string {
  return /^(["'])(.*)\1$/s.exec(item)?.[2] ?? item;
}

function listText(kind: string, texts: readonly string[]): string {
  return kind === "Glob" || kind === "Regex" ? literal(texts[0] as string) : textsLiteral(texts);
}

/** `["a", "b"]`, in lines that are not too long. */
function textsLiteral(texts: readonly string[], indent = 0): string {
  const line = `[${texts.map(literal).join(", ")}]`;
  if (line.length <= WIDTH - 30) return line;
  const lines: string[] = [];
  for (const text of texts.map(literal)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + text.length + 2 <= WIDTH) lines[lines.length - 1] = `${last} ${text},`;
    else lines.push(`${" ".repeat(indent + 2)}${text},`);
  }
  return `[\n${lines.join("\n")}\n${" ".repeat(indent)}]`;
}
