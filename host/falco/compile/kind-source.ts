// SPDX-License-Identifier: Apache-2.0
// Sources of evt.category and evt.count.error.*. Twin of host/wire/fields/kind.ts: most of it is settled by
// the type of the event, the rest by the character of its descriptor.
import type { EventType } from "../../../build/generated/events.js";
import { categoryOf, FAILURE_CHARS, FAILURES, isOfMemory } from "../../wire/category.js";
import { DESCRIPTOR_AT } from "../../wire/layout.js";
import { descriptorSource, OWN_DESCRIPTOR } from "./descriptor-source.js";
import { and, type FuncContext, get, i64, load, load64, select } from "./func-context.js";
import type { Program } from "./program.js";
import { ABSENT, type IntSource, NONE, type Source } from "./source.js";
import type { Tree } from "./wasm.js";

/** The source of evt.category: fixed by the type, or by the descriptor's. */
export function categorySource(program: Program, event: EventType): Source {
  const word = categoryOf(event.name);
  if (word !== null) return { kind: "fixed", value: word };
  return descriptorSource(program, "evt.category", OWN_DESCRIPTOR) ?? NONE;
}

const result = (): Tree => load64(get("$rec"), 24);
/** None is below 0 too. */
export const hasFailed = (): Tree => ["i64.lt_s", result(), i64(0)];
/** Whether the call returned. An i32, 0 or 1. */
export const hasReturned = (): Tree => ["i64.ne", result(), i64(ABSENT)];

/**
 * The source of evt.count.error.KIND: 1 for a failure of this kind, 0 for a call that did not fail, else no
 * value.
 */
export function failureSource(event: EventType, kind: keyof typeof FAILURES | "memory" | "any"): Source {
  if (kind === "any") return counted(kind, () => 1);
  if (kind === "memory") return isOfMemory(event.name) ? counted(kind, () => 1) : NONE;
  const { isOf, without } = FAILURES[kind];
  const type = (): Tree => load(get("$d"), DESCRIPTOR_AT.type!);
  const is = (chars: readonly string[]): Tree =>
    chars.map((char): Tree => ["i32.eq", type(), char.charCodeAt(0)]).reduce((a, b) => ["i32.or", a, b], 0);
  const isNone: Tree = ["i32.eqz", type()];
  const [meant, others] = [FAILURE_CHARS.filter(isOf), FAILURE_CHARS.filter((char) => !isOf(char))];
  // A character that no kind names is of the kind that names none.
  const isKnown: Tree = isOf("") ? ["i32.eqz", ["i32.or", isNone, is(others)]] : is(meant);
  return counted(kind, () => (without(event.name) ? ["i32.or", isNone, isKnown] : isKnown));
}

function counted(kind: string, isMeant: () => Tree): IntSource {
  const value = (_: FuncContext): Tree =>
    select(["i64.extend_i32_u", hasFailed()], i64(ABSENT), and(isMeant(), hasReturned()));
  return { kind: "int", key: `event error ${kind}`, scope: "event", isCheap: true, value };
}
