// SPDX-License-Identifier: Apache-2.0
// Makes the alerts of a policy's `prevent:` rows: about calls that the agent denied, or would have denied in
// monitor mode; and of rows that a response to one of its alerts has laid on a process tree, which are in its
// name, too. The alerts are the policy's own, with its tenant and its limits. No code of the policy runs
// for them, because the agent has judged already.
import { PRIORITIES, type Priority } from "../finding/priority.js";
import type { Alert } from "../output/alert.js";
import { compileFormat, type Format } from "../output/format.js";
import type { Batch } from "../wire/batch.js";
import { fieldValue } from "../wire/fields.js";
import { EVENT_OF_NAME } from "../wire/layout.js";
import type { LoadedPolicy } from "./policy.js";
import { preventingName } from "./prevention.js";

/** Id of the event `vedette.prevented`, by which an agent says that a row applied. */
export const PREVENTED = EVENT_OF_NAME.get("vedette.prevented")?.id ?? 0;

const FACTS =
  "call=%evt.arg.call subject=%evt.arg.subject action=%evt.arg.action process=%proc.name exe=%proc.exepath " +
  "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id";
/** What its limit calls those that are no rows of the policy. */
const OTHERS = "denied after an alert";
const DENIED: Priority = PRIORITIES[2];
const MONITORED: Priority = PRIORITIES[4];

/** An alert to be, and how its limit knows it. */
export interface Prevented {
  readonly index: number;
  readonly isEnforced: boolean;
  /** Where its record begins. */
  readonly offset: number;
  readonly alert: UnsignedAlert;
}

/** Without whose it is, and what it is about. */
export type UnsignedAlert = Omit<Alert, "hostname" | "policy" | "tenant" | "finding">;

/** Makes alerts of one policy's `vedette.prevented` events. */
export class PreventedAlerts {
  readonly #policy: LoadedPolicy;
  readonly #name: string;
  readonly #formats: Readonly<Record<"enforce" | "monitor", Format>>;
  readonly #policyOf = fieldValue("evt.arg.policy");
  readonly #ruleOf = fieldValue("evt.arg.rule");
  readonly #modeOf = fieldValue("evt.arg.mode");

  constructor(policy: LoadedPolicy) {
    this.#policy = policy;
    this.#name = preventingName(policy);
    this.#formats = {
      enforce: compileFormat(`A call was denied | ${FACTS}`),
      monitor: compileFormat(`A call would have been denied | ${FACTS}`),
    };
  }

  /** Name of the row that `index` of a limit stands for. */
  nameOf(index: number): string {
    return this.#policy.prevent?.[index]?.name ?? OTHERS;
  }

  *in(batch: Batch): Generator<Prevented> {
    for (const offset of batch.offsets) {
      if (batch.recordView.getUint16(offset, true) !== PREVENTED) continue;
      if (this.#policyOf?.(batch, offset) !== this.#name) continue;
      yield this.#prevented(batch, offset);
    }
  }

  /** A row that the policy does not have speaks all the same: something was denied. */
  #prevented(batch: Batch, offset: number): Prevented {
    const rule = String(this.#ruleOf?.(batch, offset) ?? "");
    const rows = this.#policy.prevent ?? [];
    const found = rows.findIndex(({ name }) => name === rule);
    const index = found >= 0 ? found : rows.length; // of a response, or of an older version of the policy
    const mode = this.#modeOf?.(batch, offset) === "monitor" ? "monitor" : "enforce";
    const { text, fields } = this.#formats[mode](batch, offset);
    return {
      index,
      isEnforced: mode === "enforce",
      offset,
      alert: {
        rule,
        priority: rows[index]?.priority ?? (mode === "enforce" ? DENIED : MONITORED),
        tags: rows[index]?.tags ?? [],
        source: "syscall",
        time: batch.recordView.getBigUint64(offset + 8, true),
        output: text,
        outputFields: fields,
      },
    };
  }
}
