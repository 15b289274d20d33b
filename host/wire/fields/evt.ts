// SPDX-License-Identifier: Apache-2.0
// evt.*: what happened. Times are ns since the epoch; evt.res is SUCCESS or the error's name, evt.rawres the
// kernel's word.
import type { EventType, Field } from "../../../build/generated/events.js";
import type { Batch } from "../batch.js";
import { nameOf, typeCharOf } from "../descriptor.js";
import { EVENT_NAMES, PARAMETER_NAMES } from "../known-names.js";
import { EVENT_OF_NAME, RecordFlag } from "../layout.js";
import { errnoName } from "../names.js";
import { PerEvent } from "../per-event.js";
import {
  descriptorAt,
  eventOf,
  flagsOf,
  hasFailed,
  latencyOf,
  numberOf,
  resultOf,
  tierOf,
  timeOf,
  typeOf,
} from "../record.js";
import { bytesText, paramBytes, paramInt, paramText, paramValue } from "../render.js";
import { clockText, dateClockText, durationText, isoText } from "../time.js";
import type { Value } from "../value.js";
import type { FieldGetter, FieldRows } from "./row.js";

const O_ACCMODE = 3;
const O_WRONLY = 1;
const O_CREAT = 0x40;
const O_TMPFILE = 0x410000;
const S_IXUGO = 0o111;
const SECOND = 1_000_000_000n;

/** A getter that reads the parameter which `find` picks from each event; null where the event has none. */
function byParameter(
  find: (event: EventType) => Field | undefined,
  read: (event: EventType, param: Field) => FieldGetter,
): FieldGetter {
  const getters = new PerEvent<FieldGetter>((event) => {
    const param = find(event);
    return param === undefined ? () => null : read(event, param);
  });
  return (batch, at) => getters.of(batch, at)(batch, at);
}

const named = (name: string) => (event: EventType) => event.params.find((param) => param.name === name);
const PAYLOADS = ["data", "value", "img"];
const payloadOf = (event: EventType): Field | undefined =>
  event.params.find((param) => param.type === "bytes" && PAYLOADS.includes(param.name));

/** By name or by position; a name that neither our events nor Falco's have is no field. */
function argument(read: (event: EventType, param: Field) => FieldGetter) {
  return (name: string): FieldGetter | undefined => {
    if (/^\d+$/.test(name)) return byParameter((event) => event.params[Number(name)], read);
    return PARAMETER_NAMES.has(name) ? byParameter(named(name), read) : undefined;
  };
}

const READS = new Set(
  "read pread readv preadv preadv2 recvfrom recvmsg recvmmsg getdents64 process_vm_readv".split(" "),
);
const WRITES = new Set(
  "write pwrite writev pwritev pwritev2 sendto sendmsg sendmmsg sendfile copy_file_range splice tee vmsplice process_vm_writev".split(
    " ",
  ),
);
const OPENS = new Set("open openat openat2 open_by_handle_at".split(" "));

/**
 * Fields for the bytes that a call moved: which calls and which descriptors, by fd.typechar, each speaks of.
 */
export const SIZES: Readonly<Record<string, { readonly events: ReadonlySet<string>; readonly chars: string | null }>> =
  {
    "evt.buflen": { events: new Set([...READS, ...WRITES]), chars: null },
    "evt.buflen.in": { events: READS, chars: null },
    "evt.buflen.out": { events: WRITES, chars: null },
    "evt.buflen.file": { events: new Set([...READS, ...WRITES]), chars: "f" },
    "evt.buflen.file.in": { events: READS, chars: "f" },
    "evt.buflen.file.out": { events: WRITES, chars: "f" },
    "evt.buflen.net": { events: new Set([...READS, ...WRITES]), chars: "46" },
    "evt.buflen.net.in": { events: READS, chars: "46" },
    "evt.buflen.net.out": { events: WRITES, chars: "46" },
  };

/**
 * The result, not the size of what was captured; nothing where the call failed or its descriptor is not
 * known.
 */
function sizeGetter({ events, chars }: (typeof SIZES)[string]): FieldGetter {
  return (batch, at) => {
    const [size, char] = [resultOf(batch, at), typeCharOf(batch, descriptorAt(batch, at))];
    const isMeant = events.has(eventOf(batch, at).name) && char !== null && (chars?.includes(char) ?? true);
    return isMeant && size !== null && size >= 0 ? size : null;
  };
}

const isRead = (batch: Batch, at: number): boolean => READS.has(eventOf(batch, at).name);
const isWrite = (batch: Batch, at: number): boolean => WRITES.has(eventOf(batch, at).name);
const isIo = (batch: Batch, at: number): boolean => isRead(batch, at) || isWrite(batch, at);
/** Part of a descriptor's name that makes it the system log. */
export const SYSTEM_LOG = "/dev/log";
const isSyslog = (batch: Batch, at: number): boolean =>
  isWrite(batch, at) && (nameOf(batch, descriptorAt(batch, at))?.includes(SYSTEM_LOG) ?? false);

/** Open flags, undefined when the event opens nothing. creat opens for writing. */
function openFlags(batch: Batch, at: number): number | undefined {
  const event = eventOf(batch, at);
  if (event.name === "creat") return O_WRONLY | O_CREAT;
  if (!OPENS.has(event.name)) return undefined;
  return Number(paramInt(named("flags")(event) as Field)(batch, at) ?? 0);
}

function openAs(test: (flags: number) => boolean): FieldGetter {
  return (batch, at) => {
    const flags = openFlags(batch, at);
    return flags !== undefined && test(flags);
  };
}

/** O_CREAT, and the open succeeded. Whether the file was new, no call says. */
function isOpenCreate(batch: Batch, at: number): boolean {
  const flags = openFlags(batch, at);
  return flags !== undefined && (flags & O_CREAT) !== 0 && Number(resultOf(batch, at) ?? -1) >= 0;
}

/** A file made with an executable mode: what Falco calls is_open_exec. */
function isOpenExec(batch: Batch, at: number): boolean {
  const flags = openFlags(batch, at);
  if (flags === undefined || ((flags & O_CREAT) === 0 && (flags & O_TMPFILE) !== O_TMPFILE)) return false;
  const mode = named("mode")(eventOf(batch, at));
  return mode !== undefined && (Number(paramInt(mode)(batch, at) ?? 0) & S_IXUGO) !== 0;
}

function result(batch: Batch, at: number): Value {
  const value = resultOf(batch, at);
  if (value === null) return null;
  return value >= 0 ? "SUCCESS" : (errnoName(Number(value)) ?? value.toString());
}

/** `fd=3 name=/etc/hosts flags=O_RDONLY`: Falco's evt.args. */
const argumentTexts = new PerEvent((event) =>
  event.params.map((param) => ({ name: param.name, text: paramText(event, param) })),
);
function argumentLine(batch: Batch, at: number): string {
  return argumentTexts
    .of(batch, at)
    .map(({ name, text }) => `${name}=${text(batch, at) ?? "<NA>"}`)
    .join(" ");
}

/** How each evt.* field is read. evt.category and the fields that count failures are in kind.ts. */
export const EVT_FIELDS: FieldRows = {
  "evt.num": { get: numberOf },
  "evt.time": { get: timeOf, text: (value) => clockText(value as bigint) },
  "evt.time.s": { get: timeOf, text: (value) => clockText(value as bigint, 0) },
  "evt.time.iso8601": { get: (batch, at) => isoText(timeOf(batch, at)) },
  "evt.datetime": { get: (batch, at) => dateClockText(timeOf(batch, at)) },
  "evt.datetime.s": { get: (batch, at) => dateClockText(timeOf(batch, at), 0) },
  "evt.rawtime": { get: timeOf },
  "evt.rawtime.s": { get: (batch, at) => Number(timeOf(batch, at) / SECOND) },
  "evt.rawtime.ns": { get: (batch, at) => Number(timeOf(batch, at) % SECOND) },
  "evt.latency": { get: latencyOf },
  "evt.latency.s": { get: (batch, at) => Math.floor(latencyOf(batch, at) / 1e9) },
  "evt.latency.ns": { get: (batch, at) => latencyOf(batch, at) % 1e9 },
  "evt.latency.human": { get: (batch, at) => durationText(latencyOf(batch, at)) },
  "evt.outputtime": { get: timeOf, text: (value) => clockText(value as bigint) },
  "evt.dir": { get: () => "<" },
  "evt.type": { get: (batch, at) => eventOf(batch, at).name },
  "evt.type.is": {
    with: (name) => {
      const wanted = EVENT_OF_NAME.get(name)?.id;
      if (wanted === undefined) return EVENT_NAMES.has(name) ? () => 0 : undefined;
      return (batch, at) => (typeOf(batch, at) === wanted ? 1 : 0);
    },
  },
  "syscall.type": { get: (batch, at) => eventOf(batch, at).calls[0] ?? null },
  "evt.args": { get: argumentLine },
  "evt.info": { get: argumentLine },
  "evt.arg": { with: argument(paramText) },
  "evt.rawarg": { with: argument(paramValue) },
  "evt.buffer": {
    get: byParameter(payloadOf, (_event, param) => {
      const read = paramBytes(param);
      return (batch, at) => {
        const bytes = read(batch, at);
        return bytes === null ? null : bytesText(bytes);
      };
    }),
  },
  ...Object.fromEntries(Object.entries(SIZES).map(([name, size]) => [name, { get: sizeGetter(size) }])),
  "evt.res": { get: result },
  "evt.rawres": { get: resultOf },
  "evt.failed": { get: hasFailed },
  "evt.count": { get: () => 1 },
  "evt.count.exit": { get: () => 1 },
  "evt.count.procinfo": { get: () => 0 },
  "evt.count.threadinfo": { get: () => 0 },
  "evt.is_io": { get: isIo },
  "evt.is_io_read": { get: isRead },
  "evt.is_io_write": { get: isWrite },
  "evt.io_dir": { get: (batch, at) => (isRead(batch, at) ? "read" : isWrite(batch, at) ? "write" : null) },
  "evt.is_wait": { get: () => false },
  "evt.is_syslog": { get: isSyslog },
  "evt.is_open_read": { get: openAs((flags) => (flags & O_ACCMODE) !== O_WRONLY) },
  "evt.is_open_write": { get: openAs((flags) => (flags & O_ACCMODE) !== 0) },
  "evt.is_open_create": { get: isOpenCreate },
  "evt.is_open_exec": { get: isOpenExec },
  "evt.source": { get: () => "syscall" },
  "evt.is_async": { get: () => false },
  "vedette.tier": { get: tierOf },
  "vedette.truncated": { get: (batch, at) => (flagsOf(batch, at) & RecordFlag.truncated) !== 0 },
  "vedette.fault": { get: (batch, at) => (flagsOf(batch, at) & RecordFlag.fault) !== 0 },
  "vedette.refused": { get: (batch, at) => (flagsOf(batch, at) & RecordFlag.refused) !== 0 },
  "vedette.inflight": { get: (batch, at) => (flagsOf(batch, at) & RecordFlag.inFlight) !== 0 },
};
