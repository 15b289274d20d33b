// SPDX-License-Identifier: Apache-2.0
// The views of events, one row each: what a line of it is about, its columns, and where Enter leads. Views
// and columns are csysdig's where csysdig has them. This table is plain data: the host counts by it, and a
// terminal draws by it.

/** What a column's values are, and so how they are written and sorted. */
export type Unit = "text" | "count" | "rate" | "bytes" | "ns" | "time" | "state";

/** One column. `rank`: where lines are too short, the columns of the highest rank go first; 0 stays. */
export interface Column {
  readonly name: string;
  readonly unit: Unit;
  /** In cells of a terminal; the last column takes what is left. */
  readonly width: number;
  readonly rank: number;
}

/** Where Enter leads: to a view of the events in which `field` has what this row has in `column`. */
export interface Drill {
  readonly column: string;
  readonly field: string;
  readonly to: ViewId;
}

/** One view. */
export interface ViewFacts {
  readonly id: string;
  /** Chooses it in the list of views. */
  readonly key: string;
  readonly title: string;
  /** One sentence. */
  readonly about: string;
  readonly columns: readonly Column[];
  /** The column by which it is sorted at first, the highest value first; null: in the order of time. */
  readonly sort: string | null;
  readonly drill: Drill | null;
}

const column = (name: string, unit: Unit, width: number, rank = 0): Column => ({ name, unit, width, rank });
const pid = column("PID", "text", 7);
const container = column("CONTAINER", "text", 12, 5);
const rate = column("EV/S", "rate", 7);
const [bytesIn, bytesOut] = [column("IN", "bytes", 6, 1), column("OUT", "bytes", 6, 1)];
const errors = column("ERRORS", "count", 6, 2);
const findings = column("FINDINGS", "count", 8, 2);
const time = column("TIME", "time", 12);
const result = column("RES", "text", 9, 1);
const command = column("COMMAND", "text", 20);

/** Views of events, in the order of the list of views. */
export const VIEWS = [
  {
    id: "processes",
    key: "p",
    title: "Processes",
    about: "Who makes the calls.",
    columns: [
      ...[pid, column("PPID", "text", 7, 6), column("VPID", "text", 7, 7), column("USER", "text", 9, 3), rate],
      ...[column("EVENTS", "count", 7, 4), bytesIn, bytesOut, errors, column("FDS", "count", 5, 5), findings],
      ...[column("SESSION", "text", 7, 8), container, command],
    ],
    sort: "EV/S",
    drill: { column: "PID", field: "proc.pid", to: "files" },
  },
  {
    id: "files",
    key: "f",
    title: "Files",
    about: "Files by what is read from them and written to them.",
    columns: [
      ...[bytesIn, bytesOut, column("OPS", "count", 7), column("OPENS", "count", 6, 3), errors, container],
      column("FILE", "text", 24),
    ],
    sort: "OPS",
    drill: { column: "FILE", field: "fd.name", to: "processes" },
  },
  {
    id: "connections",
    key: "n",
    title: "Connections",
    about: "Network connections by what goes through them.",
    columns: [
      ...[column("PROTO", "text", 5, 4), column("LIP", "text", 15, 3), column("LPORT", "text", 5, 3)],
      ...[column("RIP", "text", 15), column("RPORT", "text", 5), bytesIn, bytesOut, column("OPS", "count", 7, 2)],
      ...[container, command],
    ],
    sort: "OPS",
    drill: { column: "RIP", field: "fd.ip", to: "events" },
  },
  {
    id: "containers",
    key: "c",
    title: "Containers",
    about: "What the containers do, all processes of one together.",
    columns: [
      ...[column("ID", "text", 12), rate, column("EVENTS", "count", 8), bytesIn, bytesOut, errors, findings],
      column("NAME", "text", 16),
    ],
    sort: "EV/S",
    drill: { column: "ID", field: "container.id", to: "processes" },
  },
  {
    id: "syscalls",
    key: "s",
    title: "System calls",
    about: "Calls by how often they are made, and how long they take.",
    columns: [
      ...[column("CALLS/S", "rate", 8), column("CALLS", "count", 8), errors, column("TIME", "ns", 8, 1)],
      ...[column("AVG", "ns", 8, 1), column("CALL", "text", 16)],
    ],
    sort: "CALLS/S",
    drill: { column: "CALL", field: "evt.type", to: "processes" },
  },
  {
    id: "errors",
    key: "r",
    title: "Errors",
    about: "Calls that fail, and with which error.",
    columns: [
      ...[column("COUNT/S", "rate", 8, 1), column("COUNT", "count", 8), column("ERROR", "text", 16)],
      column("CALL", "text", 16),
    ],
    sort: "COUNT",
    drill: { column: "ERROR", field: "evt.res", to: "processes" },
  },
  {
    id: "users",
    key: "u",
    title: "Spy users",
    about: "Programs that are executed, the newest first.",
    columns: [time, column("USER", "text", 9, 2), pid, column("SHELL", "text", 10, 3), container, command],
    sort: null,
    drill: { column: "PID", field: "proc.pid", to: "events" },
  },
  {
    id: "opens",
    key: "o",
    title: "File opens",
    about: "Files that are opened, the newest first.",
    columns: [time, result, column("PROCESS", "text", 12, 3), pid, column("FILE", "text", 24)],
    sort: null,
    drill: { column: "PID", field: "proc.pid", to: "events" },
  },
  {
    id: "connects",
    key: "w",
    title: "New connections",
    about: "Connections that are made and taken, the newest first.",
    columns: [time, column("CALL", "text", 8, 2), result, column("PROCESS", "text", 12), pid, column("FD", "text", 24)],
    sort: null,
    drill: { column: "PID", field: "proc.pid", to: "events" },
  },
  {
    id: "echo",
    key: "e",
    title: "Echo of I/O",
    about: "What is read and written, the newest first.",
    columns: [
      ...[time, pid, column("CALL", "text", 8, 1), column("BYTES", "text", 7, 2), column("FD", "text", 16, 3)],
      column("DATA", "text", 24),
    ],
    sort: null,
    drill: { column: "PID", field: "proc.pid", to: "events" },
  },
  {
    id: "events",
    key: "d",
    title: "Dig",
    about: "Every event, the newest first.",
    columns: [time, pid, column("EVENT", "text", 30)],
    sort: null,
    drill: null,
  },
] as const satisfies readonly ViewFacts[];

/** Names a view of events. */
export type ViewId = "processes" | "files" | "connections" | "containers" | "syscalls" | "errors" | Log;
/** Views in the order of time. */
export type Log = "users" | "opens" | "connects" | "echo" | "events";

/** Its row in VIEWS. */
export function viewOf(id: string): ViewFacts | undefined {
  return VIEWS.find((view) => view.id === id);
}
