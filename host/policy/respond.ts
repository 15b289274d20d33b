// SPDX-License-Identifier: Apache-2.0
// Which alerts are answered, and how: rows of the operator's own file. Nothing is answered without a row, and
// a row that does not say `mode: enforce` only tells what it would do.
//
// tenants.yaml may have the same rows for a tenant's own rules.
//
//   respond:
//     - {rules: [Reverse shell], action: kill-tree, mode: enforce, limit: {per_minute: 5, then: off}}
//     - {rules: [Reverse shell], action: deny, calls: [{deny: connect, to: [0.0.0.0/0, "::/0"]}, {deny: exec}], for: 1h}
//     - {rules: [Reverse shell], action: isolate, except: {addresses: [10.0.0.53]}}
//     - {rules: [Crypto miner], action: stop-task, mode: enforce}
import * as z from "zod";
import { RESPONSE_ACTIONS } from "../capture/agent.js";
import { globMatches } from "../engine/glob.js";
import type { DenyRow } from "../engine/prevent-row.js";
import { nameOfTenants, type WireRow, wireRow } from "../engine/prevention.js";
import type { Finding } from "../finding/finding.js";
import type { YamlPath } from "./issue.js";
import { checkAddress, DeniedCalls, deniedRowsOf } from "./prevent.js";
import { readYaml } from "./yaml.js";

/** What a row may ask for: of an agent, where `isolate` is a ready-made `deny`; and of the host itself. */
export const ROW_ACTIONS = [...RESPONSE_ACTIONS, "isolate", "capture", "stop-task"] as const;
/** One of them. */
export type RowAction = (typeof ROW_ACTIONS)[number];

/** One row, checked and complete. */
export interface ResponseRow {
  /** Names of rules of whoever's row it is: of the operator's own policies, or of one tenant's. */
  readonly rules: readonly string[];
  readonly action: RowAction;
  readonly mode: "dry-run" | "enforce";
  /** Globs of executables that are left alone; of `isolate`, whom the tree may speak to. */
  readonly except: { readonly programs: readonly string[]; readonly addresses: readonly string[] };
  /** Of one container: what happens when there would be more. */
  readonly limit: { readonly perMinute: number; readonly after: "off" | "pause" };
  /** Of `freeze`, `deny` and `isolate`: how long, in seconds; 0: until the tree ends. */
  readonly for: number;
  /** Of `deny` and `isolate`: what is denied. */
  readonly calls: readonly DenyRow[];
  /** The workload's first process may be meant too. */
  readonly first_process: boolean;
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };
const DAY_S = 86_400;

const text = z.string().min(1).max(256);
const duration = z
  .string()
  .refine((said) => isDuration(said), "it must be a time like 30s, 10m or 2h, at most 24h")
  .transform(secondsOf)
  .optional();
const FREEZE_S = 600;

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
    z
      .strictObject({
        rules: z.array(text).min(1).max(64),
        action: z.enum(ROW_ACTIONS),
        mode: z.enum(["dry-run", "enforce"]).default("dry-run"),
        calls: DeniedCalls,
        except: z
          .strictObject({
            programs: z.array(text.startsWith("/")).max(64).default([]),
            addresses: z.array(text).max(64).default([]),
          })
          .prefault({}),
        limit,
        for: duration,
        first_process: z.boolean().default(false),
      })
      .transform((row, context): ResponseRow => {
        try {
          return { ...row, for: row.for ?? (row.action === "freeze" ? FREEZE_S : 0), calls: callsOf(row) };
        } catch (error) {
          if (!(error instanceof Fault)) throw error;
          context.addIssue({ code: "custom", path: [...error.path], message: error.message });
          return z.NEVER;
        }
      }),
  )
  .max(64);

/** What agents are to deny, in the name of the policy whose alert it was. */
export function deniedOf({ calls }: ResponseRow, tenant: string | null, policy: string): WireRow[] {
  return calls.map((row) => wireRow(nameOfTenants(tenant, policy), row));
}

/**
 * Whether a row leaves this program alone, where the host decides it. As for an agent, a program that was
 * written since the container started is on no list.
 */
export function excepts({ except: { programs } }: ResponseRow, executable: Finding["executable"]): boolean {
  if (executable === null || !executable.isOfImage) return false;
  return programs.some((glob) => globMatches(glob, executable.path ?? ""));
}

/** Reads a file of rows. Throws VEDETTE_RESPOND_FILE. */
export function readResponseRows(path: string): readonly ResponseRow[] {
  return readYaml(path, z.strictObject({ respond: ResponseRows }), "VEDETTE_RESPOND_FILE").value.respond;
}

/** What is wrong in a row, below its own place. */
class Fault extends Error {
  readonly path: YamlPath;

  constructor(path: YamlPath, reason: string) {
    super(reason);
    this.path = path;
  }
}

interface Said {
  readonly action: RowAction;
  readonly calls: z.infer<typeof DeniedCalls>;
  readonly except: ResponseRow["except"];
}

/** Throws a Fault. */
function callsOf({ action, calls, except }: Said): readonly DenyRow[] {
  const complain = (path: YamlPath, reason: string): Fault => new Fault(path, reason);
  if (action === "deny" && calls.length === 0)
    throw complain(["action"], "deny needs `calls`: rows as of a policy's `prevent:`, such as {deny: exec}");
  if (action !== "deny" && calls.length > 0) throw complain(["calls"], `calls means nothing for ${action}`);
  if (action !== "isolate" && except.addresses.length > 0)
    throw complain(["except", "addresses"], `except.addresses means nothing for ${action}`);
  for (const [i, address] of except.addresses.entries()) checkAddress(address, ["except", "addresses", i], complain);
  return action === "isolate" ? isolating(except.addresses) : deniedRowsOf(calls, complain);
}

/** No word to anybody, nor through a neighbour's memory or a file system of the network. */
function isolating(addresses: readonly string[]): DenyRow[] {
  const none = { priority: null, tags: [], ports: [], files: [], programs: [] } as const;
  const rest = { name: "A response isolates", action: "eperm", mode: "enforce", ...none } as const;
  return [
    { ...rest, deny: "network", networks: addresses },
    { ...rest, deny: "ptrace", networks: [] },
    { ...rest, deny: "mount", networks: [] },
  ];
}

function isDuration(said: string): boolean {
  const seconds = /^\d{1,5}[smh]$/.test(said) ? secondsOf(said) : 0;
  return seconds > 0 && seconds <= DAY_S;
}

function secondsOf(said: string): number {
  return Number(said.slice(0, -1)) * (SECONDS[said.slice(-1)] ?? 0);
}
