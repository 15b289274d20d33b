// SPDX-License-Identifier: Apache-2.0
// Sources of dns.question.*: what a call asks a name server for. Twin of host/wire/fields/dns.ts.
import type { EventType } from "../../../build/generated/events.js";
import { DATAGRAMS, DNS_PORT, QUERY_CALLS, QUESTION_TYPES } from "../../wire/dns.js";
import { DESCRIPTOR_AT } from "../../wire/layout.js";
import { descriptorSource, OWN_DESCRIPTOR } from "./descriptor-source.js";
import { and, call, type FuncContext, get, i64, load64, set } from "./func-context.js";
import { namesSource } from "./names-source.js";
import { rawSpan } from "./param-source.js";
import type { Program } from "./program.js";
import { ABSENT, NONE, type Source } from "./source.js";
import { build, eventText, L, noText, P } from "./text-source.js";
import type { Tree } from "./wasm.js";

/** dns.question.name */
export function questionName(program: Program, event: EventType): Source {
  const question = questionIn(program, event);
  if (question === null) return NONE;
  return eventText(program, "dns.question.name", 60, (f) => {
    const at = f.local("$question");
    const made = build(f, [call("$put_question", get(at))]);
    return [set(at, question(f)), ["if", null, get(at), made, noText(f)]];
  });
}

/** dns.question.type */
export function questionType(program: Program, event: EventType): Source {
  const question = questionIn(program, event);
  if (question === null) return NONE;
  return namesSource(program, {
    key: "event dns.question.type",
    scope: "event",
    table: "types of questions",
    rows: QUESTION_TYPES,
    form: "value",
    value: (f) => {
      const at = f.local("$question");
      const type: Tree = ["if", "i64", get(at), [call("$question_type", get(at))], [i64(ABSENT)]];
      return ["block", f.label(), "i64", set(at, question(f)), type];
    },
  });
}

/** Where the question begins, 0 for nowhere; null for events that send nothing. */
function questionIn(program: Program, event: EventType): ((f: FuncContext) => Tree) | null {
  const data = event.params.find((param) => param.name === "data" && param.type === "bytes");
  const port = descriptorSource(program, "fd.sport", OWN_DESCRIPTOR);
  if (!QUERY_CALLS.has(event.name) || data === undefined || port?.kind !== "int") return null;
  const result = load64(get("$rec"), 24);
  const whole = event.name === "sendmmsg" ? i64((1n << 63n) - 1n) : result;
  const isStream: Tree = ["i64.ne", load64(get("$d"), DESCRIPTOR_AT.l4proto!), i64(BigInt(DATAGRAMS))];
  return (f) => {
    const isSent = and(["i64.eq", port.value(f), i64(BigInt(DNS_PORT))], ["i64.gt_s", result, i64(0)]);
    const query = call("$sent_query", get(P), get(L), whole, isStream);
    return ["if", "i32", isSent, [...rawSpan(event, data).make(f), query], [0]];
  };
}
