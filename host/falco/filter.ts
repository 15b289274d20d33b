// SPDX-License-Identifier: Apache-2.0
// A condition by itself: which records of a batch it matches. It is compiled like a rule's.
import { VedetteError } from "../errors.js";
import { type Admitted, admit, WIDE_LIMITS } from "../wasm/admission.js";
import { PolicyInstance } from "../wasm/instance.js";
import type { Batch } from "../wire/batch.js";
import { BindError, type Bound, bind } from "./bind.js";
import { compilePolicy } from "./compile/policy.js";
import { type Expr, fieldText } from "./condition.js";
import { fieldsOf } from "./dead-rules.js";
import { capturedTypes } from "./event-types.js";
import { MacroError, resolveMacros } from "./macros.js";
import { parseCondition } from "./parse.js";
import { ConditionError } from "./scan.js";

const NAME = "filter";

/** A compiled condition as plain data, so that another thread can compile it. */
export interface CompiledFilter {
  /** Null: no event of ours can match. */
  readonly admitted: Admitted | null;
  /** What it asks for, without arguments: `proc.aname`. */
  readonly fields: ReadonlySet<string>;
  /** Types of events that it can be true of. */
  readonly events: ReadonlySet<string>;
}

/** A compiled condition. Use it from one thread. */
export class Filter {
  #found: number[] = [];
  readonly #instance: PolicyInstance | null;
  readonly fields: CompiledFilter["fields"];
  readonly events: CompiledFilter["events"];

  constructor({ admitted, fields, events }: CompiledFilter) {
    this.fields = fields;
    this.events = events;
    const onAlert = (_rule: number, record: number) => void this.#found.push(record);
    this.#instance = admitted === null ? null : PolicyInstance.start(admitted, {}, { onAlert, onLog: () => {} });
  }

  /** Throws VEDETTE_FALCO_CONDITION where the condition is wrong. */
  static async of(condition: string): Promise<Filter> {
    return new Filter(await Filter.compile(condition));
  }

  /**
   * Takes a minute for a condition that is made for it. `answered`: names of the fields that it may read;
   * undefined: all. Throws VEDETTE_FALCO_CONDITION where the condition is wrong, VEDETTE_FALCO_TOO_MUCH.
   */
  static async compile(condition: string, answered?: ReadonlySet<string>): Promise<CompiledFilter> {
    const { expr, bound } = understand(condition);
    const fields = fieldsOf(expr);
    const other = answered === undefined ? undefined : fields.find(({ name }) => !answered.has(name));
    if (other !== undefined) {
      const reason = `${fieldText(other)} is not kept of what is asked here, which has ${[...answered!].sort().join(" ")}`;
      throw new VedetteError("VEDETTE_FALCO_CONDITION", { column: other.at.column, reason });
    }
    const events = capturedTypes(expr).map((event) => event.name);
    const rule = {
      name: NAME,
      desc: "",
      source: "syscall",
      output: "",
      fields: [],
      priority: "Debug" as const,
      tags: [],
      enabled: true,
      expr,
      bound,
      captures: false,
      captureMs: null,
      events,
    };
    const { wasm, rules } = compilePolicy([rule], { name: NAME });
    const names = new Set(fields.map(({ name }) => name));
    const admitted = rules.length === 0 ? null : await admit(wasm, NAME, WIDE_LIMITS);
    return { admitted, fields: names, events: new Set(events) };
  }

  /** The offsets of the records that it matches, in order. */
  matching(batch: Batch): readonly number[] {
    this.#found = [];
    const trap = this.#instance?.judge(batch, { index: 0, offset: 0 }) ?? null;
    if (trap !== null) throw trap;
    return this.#found;
  }
}

function understand(condition: string): { expr: Expr; bound: Bound } {
  try {
    const expr = resolveMacros(parseCondition(condition), () => undefined);
    return { expr, bound: bind(expr) };
  } catch (error) {
    if (!(error instanceof ConditionError || error instanceof MacroError || error instanceof BindError)) throw error;
    const { at, message } = error;
    throw new VedetteError("VEDETTE_FALCO_CONDITION", { column: at.column, reason: message }, { cause: error });
  }
}
