// SPDX-License-Identifier: Apache-2.0
// dns.question.*: what a call asks a name server for, by OpenTelemetry's names. Null where it asks for
// nothing, or not all of the question was kept.
import { QUESTION_TYPES, questionOf } from "../dns.js";
import type { FieldRows } from "./row.js";

const TYPE_NAMES = new Map(QUESTION_TYPES.map(({ name, value }) => [Number(value), name]));

/** How each field of a question is read. */
export const DNS_FIELDS: FieldRows = {
  "dns.question.name": { get: (batch, at) => questionOf(batch, at)?.name ?? null },
  "dns.question.type": {
    get: (batch, at) => {
      const type = questionOf(batch, at)?.type;
      return type === undefined ? null : (TYPE_NAMES.get(type) ?? String(type));
    },
  },
};
