// SPDX-License-Identifier: Apache-2.0
// Which alerts are answered, and how: rows of the operator's own file. Nothing is answered without a row, and
// a row that does not say `mode: enforce` only tells what it would do.
//
// tenants.yaml may have the same rows for a tenant's own rules.
//
//   respond:
//     - {rules: [Reverse shell], action: kill-tree, mode: enforce, limit: {per_minute: 5, then: off}}
import * as z from "zod";
import { RESPONSE_ACTIONS } from "../capture/agent.js";
import { readYaml } from "./yaml.js";

/** What a row may ask for: of an agent, and of the host itself. */
export const ROW_ACTIONS = [...RESPONSE_ACTIONS, "capture"] as const;
/** One of them. */
export type RowAction = (typeof ROW_ACTIONS)[number];

/** One row, checked and complete. */
export interface ResponseRow {
  /** Names of rules of whoever's row it is: of the operator's own policies, or of one tenant's. */
  readonly rules: readonly string[];
  readonly action: RowAction;
  readonly mode: "dry-run" | "enforce";
  /** Globs of executables that are left alone. */
  readonly except: { readonly programs: readonly string[] };
  /** Of one container: what happens when there would be more. */
  readonly limit: { readonly perMinute: number; readonly after: "off" | "pause" };
  /** Of `freeze`: how long, in seconds. */
  readonly for: number;
  /** The workload's first process may be meant too. */
  readonly first_process: boolean;
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };
const DAY_S = 86_400;

const text = z.string().min(1).max(256);
const duration = z
  .string()
  .refine((said) => isDuration(said), "it must be a time like 30s, 10m or 2h, at most 24h")
  .default("10m")
  .transform(secondsOf);

/** An object that has it is taken for a promise, so the rows that we hand out call it `after`. */
const THEN = "then";
const limit = z
  .strictObject({
    per_minute: z.number().int().min(1).max(1000).default(5),
    [THEN]: z.enum(["off", "pause"]).default("off"),
  })
  .prefault({})
  .transform(({ per_minute: perMinute, [THEN]: after }) => ({ perMinute, after }));

/** As it stands in the file. */
export const ResponseRows = z
  .array(
    z.strictObject({
      rules: z.array(text).min(1).max(64),
      action: z.enum(ROW_ACTIONS),
      mode: z.enum(["dry-run", "enforce"]).default("dry-run"),
      except: z.strictObject({ programs: z.array(text.startsWith("/")).max(64).default([]) }).default({ programs: [] }),
      limit,
      for: duration,
      first_process: z.boolean().default(false),
    }),
  )
  .max(64);

/** Reads a file of rows. Throws VEDETTE_RESPOND_FILE. */
export function readResponseRows(path: string): readonly ResponseRow[] {
  return readYaml(path, z.strictObject({ respond: ResponseRows }), "VEDETTE_RESPOND_FILE").value.respond;
}

function isDuration(said: string): boolean {
  const seconds = /^\d{1,5}[smh]$/.test(said) ? secondsOf(said) : 0;
  return seconds > 0 && seconds <= DAY_S;
}

function secondsOf(said: string): number {
  return Number(said.slice(0, -1)) * (SECONDS[said.slice(-1)] ?? 0);
}
