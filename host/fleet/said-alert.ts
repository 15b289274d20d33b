// SPDX-License-Identifier: Apache-2.0
// Reads an alert that somebody published on the bus. A server lets each task publish on its own subject
// alone, so the subject is believed, and what the message says must agree with it: its tenant, its task, and
// the rule of its finding. Everything else is read as any peer's words: bounded, in the one form.
import * as z from "zod";
import { SaidFinding } from "../engine/cell-finding.js";
import { PRIORITIES } from "../finding/priority.js";
import type { Alert } from "../output/alert.js";
import { subjectToken } from "../output/nats-subject.js";

/** Bytes of one message; the largest alert (docs/outputs.md, "How long an alert may be") has some 110,000. */
export const RECORD_BYTES_MAX = 256 << 10;

const text = (most: number) => z.string().max(most);
const SENTENCE_MAX = 20_000;
const executable = SaidFinding.shape.executable.unwrap().extend({
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});
const Finding = SaidFinding.extend({ executable: executable.nullable() });
const Record = z.strictObject({
  rule: text(512),
  priority: z.enum(PRIORITIES),
  tags: z.array(text(256)).max(32),
  source: text(64),
  time: z
    .string()
    .regex(/^\d{1,19}$/)
    .transform(BigInt),
  output: text(SENTENCE_MAX),
  outputFields: z
    .array(z.tuple([text(256), z.union([text(SENTENCE_MAX), z.number(), z.boolean(), z.null()])]))
    .max(256),
  hostname: text(256),
  policy: text(256).optional(),
  tenant: text(256).optional(),
  finding: Finding.optional(),
});

/** The alert; or, as a text, why it is none. */
export function saidAlert(subject: string, body: Uint8Array): Alert | string {
  if (body.length > RECORD_BYTES_MAX) return "it is too large";
  const read = Record.safeParse(jsonIn(body));
  if (!read.success) return "it has another form";
  const alert = read.data as Alert;
  const { tenant = "", hostname, rule, policy, finding } = alert;
  const [tenantToken, taskToken] = subject.split(".").slice(-2);
  if (tenantToken !== subjectToken(tenant)) return "it is of another tenant than its subject";
  if (taskToken !== subjectToken(finding?.task?.arn ?? hostname)) return "it is of another task than its subject";
  if (finding === undefined) return alert;
  const isOfRule = finding.rule === rule && finding.policy === policy && (finding.tenant ?? "") === tenant;
  return isOfRule ? alert : "its finding is of another rule";
}

function jsonIn(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return null;
  }
}
