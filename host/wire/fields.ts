// SPDX-License-Identifier: Apache-2.0
// Every field by Falco's name: `proc.name`, `proc.aname[2]`, `evt.arg.flags`, `fd.sip`. One table for the
// trace, for the %fields of alerts and for rules. The rows stand by class in fields/; a field that a class
// does not have is undefined here, a field that an event does not have is null in its row.
import { DNS_FIELDS } from "./fields/dns.js";
import { EVT_FIELDS } from "./fields/evt.js";
import { FD_FIELDS } from "./fields/fd.js";
import { FS_FIELDS } from "./fields/fs.js";
import { KIND_FIELDS } from "./fields/kind.js";
import { PROC_FIELDS } from "./fields/proc.js";
import type { FieldGetter, FieldRow, FieldRows } from "./fields/row.js";
import { SUBJECT_FIELDS } from "./fields/subject.js";
import { UNANSWERED_FIELDS } from "./fields/unanswered.js";
import type { Value } from "./value.js";

export type { FieldGetter };

const ROWS: FieldRows = {
  ...UNANSWERED_FIELDS,
  ...EVT_FIELDS,
  ...KIND_FIELDS,
  ...PROC_FIELDS,
  ...FD_FIELDS,
  ...FS_FIELDS,
  ...DNS_FIELDS,
  ...SUBJECT_FIELDS,
};

/** The fields there are, without arguments. */
export const FIELD_NAMES: readonly string[] = Object.keys(ROWS).sort();

/** The getter of a field, undefined if there is none of that name. */
export function fieldValue(name: string): FieldGetter | undefined {
  const { row, argument } = findRow(name);
  return argument === undefined ? row?.get : row?.with?.(argument);
}

/** How its value reads in a sentence; undefined: as it is. */
export function fieldText(name: string): ((value: Value) => string) | undefined {
  return findRow(name).row?.text;
}

/** `proc.aname[2]` is proc.aname with 2; `evt.arg.flags` is evt.arg with flags. */
function findRow(name: string): { row: FieldRow | undefined; argument: string | undefined } {
  if (Object.hasOwn(ROWS, name)) return { row: ROWS[name], argument: undefined };
  const [, base, argument] =
    /^([a-z0-9_.]+)\[([^\]]*)\]$/.exec(name) ??
    /^(evt\.(?:arg|rawarg|type\.is)|thread\.cgroup)\.(.+)$/.exec(name) ??
    [];
  return { row: base !== undefined && Object.hasOwn(ROWS, base) ? ROWS[base] : undefined, argument };
}
