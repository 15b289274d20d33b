// SPDX-License-Identifier: Apache-2.0
// What a capture has to tell before its first event: processes, open descriptors and users that its events
// use and do not make. It is found by looking at all events once, with the same tables that a reader of the
// capture will have: what is missing there when an event needs it was there before.
import type { Batch } from "../../wire/batch.js";
import type { ContainerFacts } from "../../wire/container.js";
import { PROCESS_AT } from "../../wire/layout.js";
import { parentOf, processInt, streamOf } from "../../wire/process.js";
import { descriptorAt, eventOf, processAt, resultOf, tidOf, timeOf } from "../../wire/record.js";
import { readBytes } from "../../wire/slot.js";
import { pieceOf } from "./block.js";
import { changeAfter, changeBefore, descriptorOf } from "./change.js";
import { EventWriter, isKnown } from "./event-writer.js";
import { descriptorEntry, groupEntry, processEntry, userEntry } from "./list-writer.js";
import { readDescriptors, readProcesses } from "./lists.js";
import { EVENT_BLOCKS, type Form, RawEvent } from "./params.js";
import { State } from "./state.js";

/** The form in which events are written, but those with large parameters. */
export const EVENT_BLOCK = 0x216;
const FORM = EVENT_BLOCKS.get(EVENT_BLOCK) as Form;

/** The most bytes that the lists may have together, where nobody says less. */
const BYTES_MAX = 64 << 20;
const ANCESTORS_MAX = 256;
const USERS_BYTES_MAX = 512 << 10; // they must fit into one block
const NO_ID = 0xffffffff;
const STREAMS = [PROCESS_AT.stdin, PROCESS_AT.stdout, PROCESS_AT.stderr] as number[];
const BIRTHS = new Set(["clone", "clone3", "fork", "vfork"]);

/** Fills itself from all events, in order. Entries are as the lists of the file have them. */
export class Beginning {
  hostname = "";
  container: ContainerFacts | null = null;
  /** Of the first event; 0: there is none. */
  time = 0n;
  /** By thread. */
  readonly processes = new Map<number, Buffer>();
  /** By process, then by number. */
  readonly descriptors = new Map<number, Map<number, Buffer>>();
  readonly users = new Map<number, Buffer>();
  readonly groups = new Map<number, Buffer>();
  /** Entries for which there was no room. */
  leftOut = 0;
  #bytes = 0;
  #eventBytes = 0;
  #userBytes = 0;
  readonly #state = new State();
  readonly #raw = new RawEvent();
  readonly #writer = new EventWriter();
  readonly #seen = new Set<number>(); // threads
  readonly #read = new Set<number>(); // processes of this batch whose users are known
  readonly #bytesMax: number;

  constructor(bytesMax = BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  /** False: the events are more than `eventBytes` by now, and no more of them were looked at. */
  take(batch: Batch, eventBytes = Number.POSITIVE_INFINITY): boolean {
    this.#read.clear();
    for (const at of batch.offsets) {
      if (this.#eventBytes >= eventBytes) return false;
      this.#record(batch, at);
    }
    return true;
  }

  #record(batch: Batch, at: number): void {
    const body = this.#writer.write(batch, at);
    if (typeof body === "string" || !this.#raw.read(pieceOf(body), 0, body.length, FORM)) return;
    this.#eventBytes += body.length;
    if (this.time === 0n) this.time = timeOf(batch, at);
    const [process, tid, raw] = [processAt(batch, at), tidOf(batch, at), this.#raw];
    if (process >= 0) this.#meet(batch, process, tid, BIRTHS.has(raw.event.name) && resultOf(batch, at) === 0);
    changeBefore(this.#state, this.#state.thread(tid), raw);
    const thread = this.#state.thread(tid);
    const { fd, entry } = descriptorOf(thread, raw);
    const descriptor = descriptorAt(batch, at);
    if (fd >= 0 && entry === null && isKnown(batch, descriptor) && !makesDescriptor(batch, at))
      this.#addDescriptor(thread.pid, fd, batch, descriptor);
    changeAfter(this.#state, thread, raw);
  }

  /** A process that is born here was not there before, but its parent was. */
  #meet(batch: Batch, process: number, tid: number, isBorn: boolean): void {
    if (!this.#read.has(process)) {
      this.#read.add(process);
      this.#readUsers(batch, process);
    }
    if (this.#seen.has(tid)) return;
    this.#meetParents(batch, process);
    if (!isBorn && !this.#state.threads.has(tid)) {
      const pid = Number(processInt(batch, process, PROCESS_AT.pid as number) ?? tid);
      if (!this.#state.threads.has(pid)) this.#addProcess(batch, process, pid);
      if (pid !== tid) this.#addProcess(batch, process, tid);
    }
    this.#seen.add(tid);
  }

  #meetParents(batch: Batch, process: number): void {
    let at = parentOf(batch, process);
    for (let i = 0; at >= 0 && i < ANCESTORS_MAX; i++, at = parentOf(batch, at)) {
      const pid = Number(processInt(batch, at, PROCESS_AT.pid as number) ?? 0);
      if (this.#seen.has(pid)) return;
      this.#seen.add(pid);
      if (!this.#state.threads.has(pid)) this.#addProcess(batch, at, pid);
    }
  }

  #addProcess(batch: Batch, process: number, tid: number): void {
    const entry = processEntry(batch, process, tid);
    const [thread] = readProcesses(entry, 9);
    if (!this.#hasRoom(entry) || thread === undefined) return;
    const main = this.#state.threads.get(thread.pid);
    if (main !== undefined) thread.descriptors = main.descriptors;
    this.#state.add(thread);
    this.processes.set(tid, entry);
    this.#seen.add(tid);
    if (main !== undefined) return;
    for (const [fd, field] of STREAMS.entries()) {
      const descriptor = streamOf(batch, process, field);
      if (isKnown(batch, descriptor)) this.#addDescriptor(thread.pid, fd, batch, descriptor);
    }
  }

  /** Of a process that was not there before, it is not known where a descriptor comes from. */
  #addDescriptor(pid: number, fd: number, batch: Batch, descriptor: number): void {
    const known = this.descriptors.get(pid) ?? new Map<number, Buffer>();
    const entry = descriptorEntry(batch, descriptor, fd);
    const id = Buffer.alloc(8);
    id.writeBigUInt64LE(BigInt(pid));
    const [[, read] = []] = readDescriptors(Buffer.concat([id, entry]), 2).descriptors;
    if (read !== undefined) this.#state.thread(pid).descriptors.set(fd, read);
    if (!this.processes.has(pid) || known.has(fd) || !this.#hasRoom(entry)) return;
    known.set(fd, entry);
    this.descriptors.set(pid, known);
  }

  #readUsers(batch: Batch, process: number): void {
    const id = (field: string) => Number(processInt(batch, process, PROCESS_AT[field] as number) ?? NO_ID);
    const bytes = (field: string) => readBytes(batch, batch.processView, process + (PROCESS_AT[field] as number));
    const [uid, gid, loginuid] = [id("uid"), id("gid"), id("loginuid")];
    const [user, group, login] = [bytes("user"), bytes("group"), bytes("loginname")];
    if (user !== null) this.#addUser(this.users, uid, () => userEntry(uid, gid, user, bytes("home"), bytes("shell")));
    if (group !== null) this.#addUser(this.groups, gid, () => groupEntry(gid, group));
    if (login !== null) this.#addUser(this.users, loginuid, () => userEntry(loginuid, NO_ID, login, null, null));
  }

  #addUser(list: Map<number, Buffer>, id: number, entry: () => Buffer): void {
    if (list.has(id) || id < 0 || id >= NO_ID || this.#userBytes > USERS_BYTES_MAX) return;
    const made = entry();
    this.#userBytes += made.length;
    list.set(id, made);
  }

  #hasRoom(entry: Buffer): boolean {
    if (this.#bytes + entry.length > this.#bytesMax) {
      this.leftOut++;
      return false;
    }
    this.#bytes += entry.length;
    return true;
  }
}

/** Whether the call's result is the descriptor. */
function makesDescriptor(batch: Batch, at: number): boolean {
  return eventOf(batch, at).params.some(({ from, type }) => from === "res" && type === "fd");
}
