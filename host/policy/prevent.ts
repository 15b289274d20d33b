// SPDX-License-Identifier: Apache-2.0
// Reads `prevent:` of policy.yaml: what agents are to deny. Vedette takes a row only if no thread can change
// what decides it between the decision and the call. For rows that people ask for and that cannot hold, the
// error gives the reason, not just "not known".
//
//   prevent:
//     - {name: Only what came with the image, deny: exec, except: {files: [/app/plugins/*]}}
//     - {name: No task credentials, deny: connect, to: [169.254.170.2/32], except: {programs: [/app/server]}, action: kill}
//     - {name: No debuggers, deny: ptrace, mode: monitor}
import { isIP, isIPv4 } from "node:net";
import * as z from "zod";
import { ACTIONS, DENIES, MODES, type PreventRow } from "../engine/prevent-row.js";
import { VedetteError } from "../errors.js";
import { PRIORITIES } from "../finding/priority.js";
import type { YamlPath } from "./issue.js";
import type { YamlFile } from "./yaml.js";

const ROWS_MAX = 50;
const ITEMS_MAX = 200;
const PORT_MAX = 65535;

const Globs = z.array(z.string().min(1).max(300)).max(ITEMS_MAX).default([]);
const Row = z.strictObject({
  name: z.string().min(1).max(100),
  deny: z.string(),
  to: z.array(z.string().max(300)).max(ITEMS_MAX).default([]),
  ports: z.array(z.number().int().min(1).max(PORT_MAX)).max(ITEMS_MAX).default([]),
  except: z.strictObject({ files: Globs, programs: Globs }).prefault({}),
  action: z.enum(ACTIONS).default("eperm"),
  mode: z.enum(MODES).default("enforce"),
  priority: z.enum(PRIORITIES).optional(),
  tags: z.array(z.string()).default([]),
  // Known only to be refused with the reason.
  args: z.unknown().optional(),
  scripts: z.unknown().optional(),
  datagrams: z.unknown().optional(),
});
/** The schema of `prevent:`. */
export const PreventSection = z.array(Row).max(ROWS_MAX).default([]);
type Row = z.infer<typeof Row>;

/** The schema of the calls that a response denies: the same rows, as far as they are not the response's. */
export const DeniedCalls = z
  .array(
    z.strictObject({
      ...Row.omit({ mode: true, priority: true, tags: true }).shape,
      name: Row.shape.name.optional(),
    }),
  )
  .max(ROWS_MAX)
  .default([]);

/** Says what is wrong with a row: what is none, and what nobody can have. */
interface Complaints {
  wrong(path: YamlPath, reason: string): Error;
  refused(path: YamlPath, what: string, reason: string): Error;
}

const BY_NAME =
  "the kernel looks a name up after us, and another thread, or whoever may rename, can make it mean another file in between";
const AT_A_GATE = "the call is recorded where it is made, at full speed, and never stops for an answer";
const SENDS =
  "sends are recorded where they are made, at full speed, and never stop for an answer, which is what keeps an address from other threads; deny connect, and leave datagrams to the security group";

/** Why a call is not denied, for those that are asked for. */
const REFUSED_CALLS: Readonly<Record<string, string>> = {
  ...each(
    "open openat openat2 creat file-open unlink unlinkat rename renameat link symlink chmod chown mkdir",
    BY_NAME,
  ),
  ...each("read write pread pwrite readv writev recv recvfrom recvmsg accept close stat fstat dup", AT_A_GATE),
  ...each("send sendto sendmsg sendmmsg udp dns datagram", SENDS),
};
/** Why a key is not taken. */
const REFUSED_KEYS = {
  args: "arguments lie in memory that another thread, or the program itself, can change; deny the program",
  scripts:
    "an interpreter opens its script again, by a name that can be changed meanwhile, and reads any file it is told to; scripts are judged by name, as well as that goes, without a promise",
  datagrams: SENDS,
} as const;

/** Which keys mean something for which row. */
const MEANING: Readonly<Record<PreventRow["deny"], readonly string[]>> = {
  exec: ["files"],
  "memfd-exec": [],
  connect: ["to", "ports", "programs"],
  ptrace: [],
  mount: [],
};

/**
 * The rows of a policy's file. Throws VEDETTE_POLICY_YAML for what is wrong, VEDETTE_PREVENT_REFUSED for what
 * cannot be had.
 */
export function preventRowsOf(rows: readonly Row[], file: YamlFile<unknown>): PreventRow[] {
  const complaints: Complaints = {
    wrong: (path, reason) => file.wrong(path, reason),
    refused: (path, what, reason) => refusal(file, path, what, reason),
  };
  return rows.map((row, i) => rowOf(row, ["prevent", i], rows.slice(0, i), complaints));
}

/** The rows that a response denies by, in the same words. Throws what `complain` makes of a fault. */
export function deniedRowsOf(
  calls: z.infer<typeof DeniedCalls>,
  complain: (path: YamlPath, reason: string) => Error,
): PreventRow[] {
  const complaints: Complaints = {
    wrong: complain,
    refused: (path, what, reason) => complain(path, `${what} cannot be denied: ${reason}`),
  };
  const rows = calls.map(
    (call): Row => ({
      ...{ ...call, mode: "enforce", priority: undefined, tags: [] },
      name: call.name ?? `A response denies ${call.deny}`,
    }),
  );
  return rows.map((row, i) => rowOf(row, ["calls", i], rows.slice(0, i), complaints));
}

/** Of one address or range of them. Throws what `complain` makes of a fault. */
export function checkAddress(text: string, path: YamlPath, complain: (path: YamlPath, reason: string) => Error): void {
  checkNetwork(text, path, { wrong: complain, refused: (at, what, reason) => complain(at, `${what}: ${reason}`) });
}

function rowOf(row: Row, path: YamlPath, before: readonly Row[], file: Complaints): PreventRow {
  const refuse = (at: YamlPath, what: string, reason: string): Error => file.refused(at, what, reason);
  const unwanted = REFUSED_CALLS[row.deny];
  if (unwanted !== undefined) throw refuse([...path, "deny"], row.deny, unwanted);
  if (!isDeny(row.deny)) throw file.wrong([...path, "deny"], `"${row.deny}" is none of ${DENIES.join(", ")}`);
  for (const [key, reason] of Object.entries(REFUSED_KEYS)) {
    if (row[key as keyof typeof REFUSED_KEYS] !== undefined) throw refuse([...path, key], key, reason);
  }
  if (before.some(({ name }) => name === row.name))
    throw file.wrong([...path, "name"], `two rows have the name "${row.name}"`);
  checkMeaning(row, row.deny, path, file);
  if (row.deny === "connect" && row.to.length === 0)
    throw file.wrong([...path, "deny"], "connect needs `to`: addresses or ranges of them, such as 169.254.170.2/32");
  for (const [i, text] of row.to.entries()) checkNetwork(text, [...path, "to", i], file);
  const { name, deny, action, mode, priority = null, tags, to: networks, ports, except } = row;
  return { name, deny: deny as PreventRow["deny"], action, mode, priority, tags, networks, ports, ...except };
}

function checkMeaning(row: Row, deny: PreventRow["deny"], path: YamlPath, file: Complaints): void {
  if (deny === "exec" && row.except.programs.length > 0)
    throw file.refused(
      [...path, "except", "programs"],
      "exec by some programs only",
      "when the kernel says what was executed, who executed it is gone; except files",
    );
  const given: [key: string, path: YamlPath, isGiven: boolean][] = [
    ["to", ["to"], row.to.length > 0],
    ["ports", ["ports"], row.ports.length > 0],
    ["files", ["except", "files"], row.except.files.length > 0],
    ["programs", ["except", "programs"], row.except.programs.length > 0],
  ];
  for (const [key, at, isGiven] of given) {
    if (isGiven && !MEANING[deny].includes(key))
      throw file.wrong([...path, ...at], `${at.join(".")} means nothing for ${deny}`);
  }
}

function checkNetwork(text: string, path: YamlPath, file: Complaints): void {
  const [, address = "", bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const isBounded = bits === undefined || Number(bits) <= (isIPv4(address) ? 32 : 128);
  if (isIP(address) !== 0 && !address.includes("%") && isBounded) return;
  if (text.startsWith("/") || text.startsWith("@"))
    throw file.refused(path, `connecting to the socket ${text}`, BY_NAME);
  if (/^[a-z0-9*.-]*[a-z*][a-z0-9*.-]*$/i.test(text))
    throw file.refused(
      path,
      `connecting to the name ${text}`,
      "names are resolved by the program, and the kernel hears of addresses only; give those",
    );
  throw file.wrong(path, `"${text}" is no address and no range of addresses: write 10.0.0.0/8, 1.2.3.4 or fd00::/8`);
}

function isDeny(text: string): text is PreventRow["deny"] {
  return (DENIES as readonly string[]).includes(text);
}

/**
 * The same place as any error of the file, under a code of its own: the author has to think again, not to
 * write again.
 */
function refusal(file: YamlFile<unknown>, path: YamlPath, what: string, reason: string): VedetteError {
  const { path: name, line, column } = file.place(path);
  return new VedetteError("VEDETTE_PREVENT_REFUSED", { path: name, line, column, what, reason });
}

function each(names: string, reason: string): Record<string, string> {
  return Object.fromEntries(names.split(" ").map((name) => [name, reason]));
}
