// SPDX-License-Identifier: Apache-2.0
// The word by which an agent says what its container uses (docs/wire.md), and the question for it. Amounts
// are known by their names; a name that a newer agent has is left out.
import { Packr } from "msgpackr";
import { VedetteError } from "../errors.js";
import { unpack } from "./hello.js";

/** Amounts that an agent may tell, each a whole number. */
export const AMOUNTS = [
  ...["cpu_user_us", "cpu_system_us", "cpu_periods", "cpu_throttled_periods", "cpu_throttled_us", "cpu_quota_us"],
  ...["cpu_period_us", "memory", "memory_limit", "memory_inactive_file", "oom_kills", "io_read", "io_written"],
  ...["processes", "threads", "threads_limit", "descriptors", "descriptors_permille"],
  ...["listen_overflows", "listen_drops"],
] as const;
/** The name of one. */
export type AmountName = (typeof AMOUNTS)[number];

/** A socket that listens: connections that wait there, and how many may. */
export interface AgentListener {
  readonly port: number;
  readonly waiting: number;
  readonly most: number;
}

/** What a container uses. What the kernel does not tell there is left out. */
export interface AgentUsage {
  readonly amounts: Readonly<Partial<Record<AmountName, number>>>;
  readonly listeners: readonly AgentListener[];
}

const LISTENERS_MAX = 64;
const PORT_MAX = 65_535;
const packr = new Packr({ useRecords: false });

/** The frame that asks for it. */
export const usageFrame = (): Uint8Array => packr.pack(["usage"]);

/** Reads such a word. Throws VEDETTE_FRAME_UNEXPECTED. */
export function readUsage(frame: Uint8Array): AgentUsage {
  const [, amounts, listeners] = unpack(frame, 3);
  if (typeof amounts !== "object" || amounts === null || !Array.isArray(listeners)) return unreadable();
  const said = amounts as Readonly<Record<string, unknown>>;
  const known = AMOUNTS.filter((name) => Object.hasOwn(said, name)).map((name) => [name, amount(said[name])]);
  return {
    amounts: Object.fromEntries(known) as AgentUsage["amounts"],
    listeners: listeners.slice(0, LISTENERS_MAX).map(listenerOf),
  };
}

function listenerOf(said: unknown): AgentListener {
  if (!Array.isArray(said) || said.length < 3) return unreadable();
  const [port, waiting, most] = said.map(amount) as [number, number, number];
  return port > PORT_MAX ? unreadable() : { port, waiting, most };
}

/** A number that is larger than JavaScript counts exactly is as large as that. */
function amount(said: unknown): number {
  const number = typeof said === "bigint" ? Number(said) : said;
  if (typeof number !== "number" || !(number >= 0) || !Number.isInteger(number)) return unreadable();
  return Math.min(number, Number.MAX_SAFE_INTEGER);
}

function unreadable(): never {
  const reason = "its word on what the container uses does not read";
  throw new VedetteError("VEDETTE_FRAME_UNEXPECTED", { peer: "an agent", reason });
}
