// SPDX-License-Identifier: Apache-2.0
// Which rows of `prevent:` speak of the events of a test: what the agent would deny if these calls were made
// (capture/prevent/table.h). In a test a program is of the image unless its event says otherwise, and an exec
// is told as it is after it: its process runs the file that was executed.
import { BlockList, isIPv4 } from "node:net";
import { globMatches } from "../engine/glob.js";
import type { PreventRow } from "../engine/prevent-row.js";
import type { Batch } from "../wire/batch.js";
import { fieldValue } from "../wire/fields.js";
import { type Value, valueText } from "../wire/value.js";

/** A row that speaks of an event. */
export interface Denial {
  readonly row: string;
  /** When the event happened. */
  readonly time: bigint;
}

const MOUNTS =
  "mount umount2 pivot_root open_tree open_tree_attr move_mount fsopen fsconfig fsmount fspick mount_setattr";
/** Calls that a row is about. */
export const CALLS: Readonly<Record<PreventRow["deny"], readonly string[]>> = {
  exec: ["execve", "execveat"],
  "memfd-exec": ["execve", "execveat"],
  connect: ["connect"],
  ptrace: ["ptrace", "process_vm_readv", "process_vm_writev"],
  mount: MOUNTS.split(" "),
};

/** All of them, in the order of events and rows. */
export function denialsIn(rows: readonly PreventRow[], batches: readonly Batch[]): Denial[] {
  return batches.flatMap((batch) =>
    [...batch.offsets].flatMap((at) => {
      const time = batch.recordView.getBigUint64(at + 8, true);
      return rows.filter((row) => speaksOf(row, batch, at)).map((row) => ({ row: row.name, time }));
    }),
  );
}

function speaksOf(row: PreventRow, batch: Batch, at: number): boolean {
  const value = (name: string): Value => fieldValue(name)?.(batch, at) ?? null;
  const type = value("evt.type");
  if (!CALLS[row.deny].includes(String(type))) return false;
  if (row.deny.endsWith("exec") && value("evt.failed") === true) return false; // its process runs what it ran
  const path = textOf(value("proc.exepath"));
  const isMemfd = value("proc.is_exe_from_memfd") === true;
  const isForeign = isMemfd || value("vedette.exe_of_image") === false;
  switch (row.deny) {
    case "exec":
      return isForeign && !anyMatches(row.files, path);
    case "memfd-exec":
      return isMemfd;
    case "connect":
      return lists(row, textOf(value("evt.arg.addr"))) && (isForeign || !anyMatches(row.programs, path));
    case "mount":
      return type !== "open_tree" || textOf(value("evt.arg.flags")).includes("OPEN_TREE_CLONE");
    case "ptrace":
      return true;
  }
}

const textOf = (value: Value): string => (value === null ? "" : valueText(value));

const anyMatches = (globs: readonly string[], text: string): boolean => globs.some((glob) => globMatches(glob, text));

/** `address` is 10.0.0.1:80 or [fd00::1]:80, or 10.0.0.1->... of an event that has both ends. */
function lists({ networks, ports }: PreventRow, address: string): boolean {
  const [, host = "", port = ""] = /(?:^|->)\[?([0-9a-f.:]+?)\]?:(\d+)$/i.exec(address) ?? [];
  if (host === "" || (ports.length > 0 && !ports.includes(Number(port)))) return false;
  const reached = reachedBy(host);
  const list = new BlockList();
  for (const network of networks) {
    const [base = "", bits] = network.split("/");
    const family = isIPv4(base) ? "ipv4" : "ipv6";
    list.addSubnet(base, bits === undefined ? (family === "ipv4" ? 32 : 128) : Number(bits), family);
  }
  if (!isIPv4(reached)) return list.check(reached, "ipv6");
  return list.check(reached, "ipv4") || list.check(`::ffff:${reached}`, "ipv6");
}

/** "Any" is the loopback to connect(2), and an IPv4 address that IPv6 wraps is that address. */
function reachedBy(host: string): string {
  const plain = /^::ffff:([\d.]+)$/i.exec(host)?.[1] ?? host;
  return { "0.0.0.0": "127.0.0.1", "::": "::1" }[plain] ?? plain;
}
