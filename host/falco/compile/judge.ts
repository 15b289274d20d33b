// SPDX-License-Identifier: Apache-2.0
// One function for all rules of one type of event. It first finds the set of rules that match, and then
// raises their alerts in the rules' order. So it may evaluate conditions in the order that costs least.
//
// Rules are conjunctions. A condition that several rules share is evaluated once and guards them all. The
// condition that settles most rules for its price comes first. The rules that share it stand within it, the
// others behind it.
import { DESCRIPTOR_SIZE, type EventType, PROCESS_SIZE } from "../../../build/generated/events.js";
import { countUses, Emitter, NESTED_MAX } from "./emit.js";
import { call, FuncContext, get, i64, load, select, set, sym, tee } from "./func-context.js";
import { STATE } from "./layout.js";
import type { Node } from "./node.js";
import type { Program } from "./program.js";
import type { Func, Tree } from "./wasm.js";

/** A rule, and its condition for this type of event. */
export interface JudgedRule {
  readonly index: number; // in the policy's list
  readonly node: Node;
}

const WORD = 64;
const RULES_MAX = 256;

/** `matching`: raise all rules that match, or the first alone. `isShared` is false in measurements only. */
export interface JudgeOptions {
  readonly matching?: "all" | "first";
  readonly isShared?: boolean;
}

/** The function's name. Thousands of rules are several functions, one called behind the other. */
export function judge(program: Program, event: EventType, rules: readonly JudgedRule[], options: JudgeOptions): string {
  const parts: string[] = [];
  for (let at = 0; at < rules.length; at += RULES_MAX)
    parts.push(program.shared(judgeSome(program, event, rules.slice(at, at + RULES_MAX), options)).name);
  if (parts.length === 1) return parts[0]!;
  const f = FuncContext.ofEvent(`$judge_all_${event.id}`, ["$rec", "$index"], event.id);
  const before = f.local("$before");
  const hasTold: Tree = ["i32.ne", load(0, STATE.alerts), get(before)];
  const isFirst = options.matching === "first";
  const calls = parts.flatMap((part): Tree[] => [
    call(part, get("$rec"), get("$index")),
    ...(isFirst ? [["if", null, hasTold, [["return"]], null] as Tree] : []),
  ]);
  return program.shared(f.done([set(before, load(0, STATE.alerts)), ...calls], null)).name;
}

function judgeSome(program: Program, event: EventType, rules: readonly JudgedRule[], options: JudgeOptions): Func {
  const isShared = options.isShared ?? true;
  const f = FuncContext.ofEvent(`$judge_${event.id}_${rules[0]!.index}`, ["$rec", "$index"], event.id);
  const demands = rules.map(({ node }, place) => ({ place, rest: node.op === "and" ? node.kids : [node] }));
  const uses = isShared
    ? countUses(rules.flatMap(({ node }) => (node.op === "and" ? node.kids : [node])))
    : new Map<Node, number>();
  const emitter = new Emitter(f, uses, program);
  const words = Math.ceil(rules.length / WORD);
  const body = isShared
    ? group(f, emitter, demands)
    : rules.flatMap(({ node }, place): Tree[] => [["if", null, emitter.emit(node), [match(f, place)], null]]);
  let tell: Tree[] = [];
  for (let word = words - 1; word >= 0; word--) {
    const indexes = Uint16Array.from(rules.slice(word * WORD, (word + 1) * WORD), (rule) => rule.index);
    const table = program.constant(`rules ${indexes.join()}`, () =>
      program.data.place(new Uint8Array(indexes.buffer), 2),
    );
    const name = f.local(`$match${word}`, "i64");
    const told = call("$tell", get(name), table, get("$rec"));
    const isAny: Tree = ["i64.ne", get(name), i64(0)];
    // The first match ends it, where only the first counts.
    tell =
      options.matching === "first" ? [["if", null, isAny, [told], tell]] : [["if", null, isAny, [told], null], ...tell];
  }
  const prepared = f.before.splice(0);
  return f.done([...addresses(f), ...prepared, ...body, ...tell], null);
}

// Where the record's process and descriptor stand.
function addresses(f: FuncContext): Tree[] {
  for (const name of ["$p", "$pc", "$d", "$i"]) f.local(name);
  const entry: Tree = ["i32.add", load(0, STATE.processes), ["i32.mul", get("$i"), PROCESS_SIZE]];
  const descriptor: Tree = ["i32.add", load(0, STATE.descriptors), ["i32.mul", get("$i"), DESCRIPTOR_SIZE]];
  return [
    [
      "if",
      null,
      ["i32.lt_u", tee("$i", load(get("$rec"), 20)), load(0, STATE.processCount)],
      [set("$p", entry), set("$pc", ["i32.add", sym("PROCESS_CACHE"), ["i32.mul", get("$i"), sym("STRIDE")]])],
      [set("$p", sym("NULL_PROCESS")), set("$pc", sym("NULL_CACHE"))],
    ],
    set("$i", load(get("$rec"), 40)),
    set("$d", select(sym("NULL_DESCRIPTOR"), descriptor, ["i32.eq", get("$i"), -1])),
  ];
}

interface Demand {
  readonly place: number;
  readonly rest: readonly Node[];
}

function group(f: FuncContext, emitter: Emitter, demands: readonly Demand[]): Tree[] {
  const out = demands.filter((d) => d.rest.length === 0).map((d) => match(f, d.place));
  const open = new Set(demands.filter((d) => d.rest.length > 0));
  const counts = new Counts(open);
  for (let shared = counts.mostWorth(); shared !== undefined; shared = counts.mostWorth()) {
    const node = shared;
    const within = [...open].filter((d) => d.rest.includes(node));
    for (const demand of within) {
      open.delete(demand);
      counts.remove(demand);
    }
    const inner = within.map((d) => ({ ...d, rest: d.rest.filter((n) => n !== node) }));
    out.push(["if", null, emitter.emit(node), group(f, emitter, inner), null]);
  }
  for (const demand of open) out.push(...alone(f, emitter, demand));
  return out;
}

// How many rules share each demand.
class Counts {
  readonly #of = new Map<Node, number>();

  constructor(demands: Iterable<Demand>) {
    for (const { rest } of demands) for (const node of rest) this.#of.set(node, (this.#of.get(node) ?? 0) + 1);
    for (const [node, count] of this.#of) if (count < 2) this.#of.delete(node);
  }

  remove({ rest }: Demand): void {
    for (const node of rest) {
      const count = this.#of.get(node);
      if (count === undefined) continue;
      if (count > 2) this.#of.set(node, count - 1);
      else this.#of.delete(node);
    }
  }

  // The demand of several rules that saves most for its price; none when no two share one.
  mostWorth(): Node | undefined {
    let best: Node | undefined;
    let bestWorth = 0;
    for (const [node, count] of this.#of) {
      const worth = (count * (1.02 - node.chance)) / (node.cost + 1);
      if (worth > bestWorth) [best, bestWorth] = [node, worth];
    }
    return best;
  }
}

function alone(f: FuncContext, emitter: Emitter, { place, rest }: Demand): Tree[] {
  if (rest.length > NESTED_MAX) return [["if", null, emitter.flat("and", rest), [match(f, place)], null]];
  return rest.reduceRight<Tree[]>((inner, node) => [["if", null, emitter.emit(node), inner, null]], [match(f, place)]);
}

function match(f: FuncContext, place: number): Tree {
  const name = f.local(`$match${Math.floor(place / WORD)}`, "i64");
  return set(name, ["i64.or", get(name), i64(BigInt.asIntN(64, 1n << BigInt(place % WORD)))]);
}
