// SPDX-License-Identifier: Apache-2.0
// Compiles rules to one policy under ABI v1: a module that speaks bytes and integers (docs/abi/v1.md), with
// the rules' metadata in its custom section.
import {
  DESCRIPTOR_FIELDS,
  DESCRIPTOR_SIZE,
  EVENTS,
  type EventType,
  PROCESS_FIELDS,
  PROCESS_SIZE,
  SCHEMA,
  SCHEMA_MINOR,
} from "../../../build/generated/events.js";
import { VedetteError } from "../../errors.js";
import { isSpan } from "../../wire/layout.js";
import type { LoadedRule } from "../load.js";
import { type CheckOptions, ConditionNodes } from "./check-node.js";
import { call, FuncContext, get, load, load64, set } from "./func-context.js";
import { type JudgedRule, judge } from "./judge.js";
import {
  ARENA_BYTES,
  ARENA_RESERVE,
  CONSTANTS,
  FACTS_AT,
  FRAME_BYTES,
  layoutAfter,
  PROCESSES_MAX,
  STATE,
} from "./layout.js";
import { Graph, type Node } from "./node.js";
import { Program } from "./program.js";
import { RUNTIME } from "./runtime.js";
import { ABSENT } from "./source.js";
import { readFuncs } from "./text-form.js";
import { assemble, type Func, type Tree } from "./wasm.js";

/** What the policy is called, and how rules are compiled. */
export interface CompileOptions {
  readonly name: string;
  readonly version?: string;
  readonly matching?: "all" | "first";
  readonly isFalcoExact?: boolean;
  readonly isShared?: boolean; // false only to measure what sharing is worth
}

/** A module and what it judges. Rules that no event can match are not in it. */
export interface CompiledPolicy {
  readonly wasm: Uint8Array;
  readonly events: string[];
  readonly rules: LoadedRule[]; // in the order of the policy's rule numbers
}

const FRAME_MAGIC = 0x31464456;
/** The most pages that ABI v1 lets a memory have: 32 MiB. */
export const PAGES_MAX = 512; // the most that the ABI allows a memory to have
const SETTINGS_PAGES = 17;
const DESC_MAX = 4000;

/** Throws VEDETTE_FALCO_TOO_MUCH where the rules need more memory than that. */
export function compilePolicy(rules: readonly LoadedRule[], options: CompileOptions): CompiledPolicy {
  const program = new Program();
  const enabled = rules.filter((rule) => rule.enabled);
  const check: CheckOptions = { isFalcoExact: options.isFalcoExact ?? false };
  const nodesOf = new Map<EventType, { rule: LoadedRule; node: Node }[]>();
  const eventsOf = new Map<LoadedRule, string[]>();
  // All nodes first: dictionaries and searches are complete before code reads their addresses.
  for (const event of EVENTS) {
    const graph = new Graph();
    const nodes = new ConditionNodes(program, graph, event, check);
    const judged: { rule: LoadedRule; node: Node }[] = [];
    for (const rule of enabled) {
      if (!rule.events.includes(event.name)) continue;
      const node = nodes.node(rule.bound);
      if (node.op === "const" && !node.value) continue;
      judged.push({ rule, node });
      eventsOf.set(rule, [...(eventsOf.get(rule) ?? []), event.name]);
    }
    if (judged.length > 0) nodesOf.set(event, judged);
  }
  // A rule that no event of ours can match is not part of the policy.
  const told = enabled.filter((rule) => eventsOf.has(rule));
  const indexes = new Map(told.map((rule, index) => [rule, index]));
  const judgeOf = new Map<EventType, string>();
  for (const [event, judged] of nodesOf) {
    const numbered: JudgedRule[] = judged.map(({ rule, node }) => ({ index: indexes.get(rule)!, node }));
    judgeOf.set(event, judge(program, event, numbered, options));
  }
  const nullProcess = program.data.place(absentEntry(PROCESS_FIELDS, PROCESS_SIZE));
  const nullDescriptor = program.data.place(absentEntry(DESCRIPTOR_FIELDS, DESCRIPTOR_SIZE));
  const option = program.data.place(new Uint8Array(8));
  const family = program.data.text("family ");
  const layout = layoutAfter(program.data.end, program.stride);
  if (layout.pages > PAGES_MAX) {
    const reason = `they would need ${layout.pages} pages of memory, and a policy has ${PAGES_MAX} at most (32 MiB)`;
    throw new VedetteError("VEDETTE_FALCO_TOO_MUCH", { reason });
  }
  const symbols = new Map([
    ["NULL_PROCESS", nullProcess],
    ["NULL_DESCRIPTOR", nullDescriptor],
    ["NULL_CACHE", layout.processCache + PROCESSES_MAX * program.stride],
    ["PROCESS_CACHE", layout.processCache],
    ["STRIDE", program.stride],
    ["FRAME", layout.frame],
    ["ARENA", layout.arena],
    ["ARENA_END", layout.arena + ARENA_BYTES],
    ["OPTION", option],
    ["FAMILY", family],
  ]);
  const events = [...nodesOf.keys()];
  const wasm = assemble({
    pagesMin: Math.max(layout.pages, SETTINGS_PAGES),
    pagesMax: PAGES_MAX,
    imports: [
      { module: "vedette", field: "alert", name: "$alert", params: ["i32", "i32", "i32", "i32"], result: null },
    ],
    funcs: [...RUNTIME, ...program.funcs, ...frameFunctions(program, judgeOf, options.matching ?? "all")],
    globals: [
      { name: "vedette_abi", value: 1 },
      { name: "vedette_frame", value: layout.frame },
      { name: "vedette_facts", value: FACTS_AT },
      { name: "vedette_frame_size", value: FRAME_BYTES },
    ],
    data: [{ at: CONSTANTS, bytes: program.data.content }],
    custom: [{ name: "vedette.policy", bytes: metadata(told, eventsOf, options) }],
    symbols,
  });
  return { wasm, events: events.map((event) => event.name), rules: told };
}

// An entry that has no values: what a record without a process, or a process without a parent, points to.
function absentEntry(fields: readonly { name: string; type: string; slot: number }[], size: number): Uint8Array {
  const out = new DataView(new ArrayBuffer(size));
  for (const field of fields) {
    const isIndex = field.type === "process" || field.type === "descriptor";
    if (isIndex) out.setBigInt64(field.slot * 8, 0xffffffffn, true);
    else if (isSpan(field as never)) out.setUint32(field.slot * 8, 0xffffffff, true);
    else out.setBigInt64(field.slot * 8, ABSENT, true);
  }
  return new Uint8Array(out.buffer);
}

function metadata(
  rules: readonly LoadedRule[],
  events: ReadonlyMap<LoadedRule, string[]>,
  options: CompileOptions,
): Uint8Array {
  const described = rules.map((rule) => {
    const { name, desc, priority, output, tags, fields, grouping } = rule;
    const extra = { ...(fields.length > 0 && { fields }), ...(grouping && { grouping }) };
    return { name, desc: desc.slice(0, DESC_MAX), priority, output, tags, events: events.get(rule), ...extra };
  });
  const { name, version = "1" } = options;
  const schema = SCHEMA.toString(16).padStart(16, "0");
  const section = { abi: 1, schema, minor: SCHEMA_MINOR, name, version, rules: described, parameters: [], state: "" };
  return Buffer.from(JSON.stringify(section));
}

function frameFunctions(program: Program, judges: ReadonlyMap<EventType, string>, matching: "all" | "first"): Func[] {
  const made = Math.ceil(program.eventTextCount / 32);
  const clear = Array.from({ length: made }, (_, i): Tree => ["i32.store", STATE.made + 4 * i, 0, 0]);
  return [
    { name: "$clear_made", params: [], result: null, locals: [], body: clear },
    ...readFuncs(TELL(matching)),
    onBatch(judges),
    { name: "vedette_init", params: [["$size", "i32"]], result: "i32", locals: [], body: [0], isExported: true },
  ];
}

// Tells of the rules whose bits are set, the first rule first.
const TELL = (matching: "all" | "first") => `
(func $tell (param $rules i64) (param $table i32) (param $rec i32)
  (loop $next
    (call $alert
      (i32.load16_u (i32.add $table (i32.shl (i32.wrap_i64 (i64.ctz $rules)) 1)))
      $rec 0 0)
    (i32.store offset=${STATE.alerts} 0 (i32.add (i32.load offset=${STATE.alerts} 0) 1))
    ${matching === "first" ? "(return)" : ""}
    (set $rules (i64.and $rules (i64.sub $rules (i64.const 1))))
    (br_if $next (i64.ne $rules (i64.const 0)))))

;; makes the caches new: at the batch's first event of interest, and when the arena is nearly full
(func $renew
  (memory.fill (sym PROCESS_CACHE) 0 (i32.mul (i32.load offset=${STATE.processCount} 0) (sym STRIDE)))
  (memory.fill (sym NULL_CACHE) 0 (sym STRIDE))
  (i32.store offset=${STATE.arena} 0 (sym ARENA))
  (i32.store offset=${STATE.cleared} 0 1))
`;

function onBatch(judges: ReadonlyMap<EventType, string>): Func {
  const events = [...judges.keys()];
  const f = new FuncContext("vedette_on_batch", [["$size", "i32"]]);
  for (const name of ["$rec", "$end", "$index", "$type"]) f.local(name);
  const at = (offset: number): Tree => load(["sym", "FRAME"], offset);
  const address = (offset: number): Tree => ["i32.add", ["sym", "FRAME"], at(offset)];
  const store = (to: number, value: Tree): Tree => ["i32.store", to, 0, value];
  const labels = events.map((event) => `$of_${event.id}`);
  const last = Math.max(0, ...events.map((event) => event.id));
  const targets = Array.from({ length: last + 1 }, (_, id) =>
    events.some((e) => e.id === id) ? `$of_${id}` : "$next",
  );
  const isFull: Tree = ["i32.gt_u", load(0, STATE.arena), ["i32.sub", ["sym", "ARENA_END"], ARENA_RESERVE]];
  const renew: Tree = ["if", null, ["i32.or", ["i32.eqz", load(0, STATE.cleared)], isFull], [call("$renew")], null];
  // A block for each type, each within the next; behind its end stands its call.
  let dispatch: Tree[] = [["br_table", targets, "$next", get("$type")]];
  for (const [i, label] of labels.entries()) {
    const judged = call(judges.get(events[i]!)!, get("$rec"), get("$index"));
    dispatch = [["block", label, null, ...dispatch], renew, judged, ["br", "$next"]];
  }
  return f.done(
    [
      ["if", null, ["i32.ne", at(0), FRAME_MAGIC], [["return", 0]], null],
      store(STATE.strings, address(16)),
      store(STATE.processes, address(24)),
      store(STATE.descriptors, address(32)),
      store(STATE.processCount, ["i32.div_u", at(28), PROCESS_SIZE]),
      store(STATE.cleared, 0),
      store(STATE.alerts, 0),
      ["i64.store", STATE.first, 0, load64(["sym", "FRAME"], 48)],
      set("$rec", address(8)),
      set("$end", ["i32.add", get("$rec"), at(12)]),
      [
        "block",
        "$done",
        null,
        [
          "loop",
          "$records",
          null,
          ["br_if", "$done", ["i32.ge_u", get("$rec"), get("$end")]],
          set("$type", ["i32.load16_u", 0, get("$rec")]),
          ["block", "$next", null, ...dispatch],
          set("$rec", ["i32.add", get("$rec"), load(get("$rec"), 4)]),
          set("$index", ["i32.add", get("$index"), 1]),
          ["br", "$records"],
        ],
      ],
      load(0, STATE.alerts),
    ],
    "i32",
    true,
  );
}
