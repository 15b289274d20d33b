// SPDX-License-Identifier: Apache-2.0
// What every event has. An Event is the address of a record in the frame (docs/wire.md draws it); the classes
// of generated/events.ts add the parameters of each type. Names are Falco's where it has the field, and
// camelCase where it is ours. Take a parameter of type Event, with `events: [...]` in @rule, to judge several
// types alike.
import { Descriptor } from "./descriptor";
import { Process } from "./process";
import { recordNumber } from "./wire/cursor";
import { descriptorAt, processAt } from "./wire/frame";

/** One event of any type. It is good until the batch is judged. */
// @ts-ignore: decorator
@unmanaged
export class Event {
  /** Which type it is: EventId.openat ... */
  // @ts-ignore: decorator
  @inline get evt_type(): u32 { return <u32>load<u16>(changetype<usize>(this)); }
  /** Counts from 1 for each agent. */
  // @ts-ignore: decorator
  @inline get evt_num(): u64 { return recordNumber(); }
  /** When the call returned, ns since the epoch. */
  // @ts-ignore: decorator
  @inline get time(): u64 { return load<u64>(changetype<usize>(this), 8); }
  /** The thread. */
  // @ts-ignore: decorator
  @inline get tid(): i64 { return load<u32>(changetype<usize>(this), 16); }
  /** What the kernel returned: 0 or more, or -errno. */
  // @ts-ignore: decorator
  @inline get res(): i64 { return load<i64>(changetype<usize>(this), 24); }
  /** Whether the call failed. A call that never returned did not succeed either. */
  // @ts-ignore: decorator
  @inline get failed(): bool { return this.res < 0; }
  /** Whether the call failed with this error: `e.failedWith(Errno.EACCES)`. */
  // @ts-ignore: decorator
  @inline failedWith(errno: u64): bool { return this.res == -<i64>errno; }
  /** How long the call took, in ns. */
  // @ts-ignore: decorator
  @inline get latency(): u64 { return load<u32>(changetype<usize>(this), 32); }
  /** How it was captured: 0 trace, 1 inline, 2 notify, 3 witness. */
  // @ts-ignore: decorator
  @inline get tier(): u32 { return <u32>load<u16>(changetype<usize>(this), 2) & 3; }
  /** Number of the descriptor that the call is about; -1 where there is none. */
  // @ts-ignore: decorator
  @inline get fd_num(): i32 { return load<i32>(changetype<usize>(this), 36); }
  /** The process, as it was at that moment. */
  // @ts-ignore: decorator
  @inline get proc(): Process { return changetype<Process>(processAt(load<u32>(changetype<usize>(this), 20))); }
  /** The descriptor, as it was at that moment. */
  // @ts-ignore: decorator
  @inline get fd(): Descriptor { return changetype<Descriptor>(descriptorAt(load<u32>(changetype<usize>(this), 40))); }
}
