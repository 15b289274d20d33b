// SPDX-License-Identifier: Apache-2.0
// What a tenant may see: processes for which all conditions of its scope hold. If all processes of a batch
// are in scope, the tenant gets the batch as it is. If none is, the tenant gets nothing. Otherwise the tenant
// gets a new batch with the records of its own processes, and with a process table, a descriptor table and
// strings made anew, so that nothing of anybody else is left in them. An ancestor that is out of scope is
// missing. In such a batch evt.num counts the tenant's own events.
import { DESCRIPTOR_SIZE, PROCESS_SIZE } from "../../build/generated/events.js";
import { Batch } from "../wire/batch.js";
import type { ContainerFacts } from "../wire/container.js";
import { encodeBatch } from "../wire/encode.js";
import {
  DESCRIPTOR_SPANS,
  EVENT_SPANS,
  NULL,
  PROCESS_AT,
  PROCESS_PARENTS,
  PROCESS_SPANS,
  PROCESS_STREAMS,
} from "../wire/layout.js";
import { type Glob, globMatches } from "./glob.js";

/** Empty lists are no condition; within a list one is enough. */
export interface Scope {
  /** The token of a tenant in a bus's subject: only what came under that. Undefined: whatever came. */
  readonly tenant?: string;
  /** container.id or container.name. */
  readonly containers: readonly Glob[];
  /** container.image.repository, or the image as it was asked for: of processes of that container only. */
  readonly images: readonly Glob[];
  /** ecs.task.family. */
  readonly families: readonly Glob[];
  readonly uids: readonly number[];
  /** proc.exepath. */
  readonly executables: readonly Glob[];
}

/** Views of one batch, one a scope: tenants of the same scope share one. */
export class ScopedViews {
  readonly #batch: Batch;
  readonly #views = new Map<string, Batch | null>();

  constructor(batch: Batch) {
    this.#batch = batch;
  }

  /** What `scope` may see of the batch; null: nothing. */
  view(scope: Scope | null): Batch | null {
    if (scope === null) return this.#batch;
    const key = scopeKey(scope);
    let view = this.#views.get(key);
    if (view === undefined) {
      view = makeView(this.#batch, scope);
      this.#views.set(key, view);
    }
    return view;
  }
}

const keys = new WeakMap<Scope, string>();

function scopeKey(scope: Scope): string {
  let key = keys.get(scope);
  if (key === undefined) {
    key = JSON.stringify(scope);
    keys.set(scope, key);
  }
  return key;
}

function makeView(batch: Batch, scope: Scope): Batch | null {
  if (scope.tenant !== undefined && batch.subject?.tenant !== scope.tenant) return null;
  if (!isContainerIn(batch.container, scope)) return null;
  const count = batch.processes.length / PROCESS_SIZE;
  const isIn = Array.from({ length: count }, (_, index) =>
    isProcessIn(batch.container, entryAt(batch, index * PROCESS_SIZE), scope),
  );
  if (count > 0 && isIn.every(Boolean)) return hasStray(batch) ? filtered(batch, isIn) : batch;
  return isIn.some(Boolean) ? filtered(batch, isIn) : null;
}

/** A record without a process belongs to no tenant. */
function hasStray(batch: Batch): boolean {
  return batch.offsets.some((offset) => batch.recordView.getUint32(offset + 20, true) === NULL);
}

/** Whether a container as a whole is in scope; which of its processes are, is another question. */
export function isScopeOf(scope: Scope, facts: ContainerFacts | null): boolean {
  if (!isContainerIn(facts, scope)) return false;
  return scope.containers.length === 0 || anyMatches(scope.containers, facts?.id, facts?.name);
}

/** Conditions on the container as a whole, where the orchestrator told what it is. */
function isContainerIn(facts: ContainerFacts | null, scope: Scope): boolean {
  if (scope.images.length > 0 && !anyMatches(scope.images, facts?.image, facts?.imageRepository)) return false;
  if (scope.families.length > 0 && !anyMatches(scope.families, facts?.taskFamily)) return false;
  return true;
}

/** What scopes ask of a process; each is read only where a scope asks for it. */
export interface ScopedProcess {
  /** The id of its own container, null on a plain host. */
  container(): string | null;
  uid(): bigint;
  exepath(): string | null;
}

/** Whether a process is in scope that an agent of the container `facts` told of. */
export function isInScope(scope: Scope, facts: ContainerFacts | null, process: ScopedProcess): boolean {
  return isContainerIn(facts, scope) && isProcessIn(facts, process, scope);
}

// A stream that comes from one container has its name and its image. An agent with `--strangers task` also
// tells of processes of the task's other containers. Those are known by their own id, and nobody knows their
// image.
function isProcessIn(container: ContainerFacts | null, process: ScopedProcess, scope: Scope): boolean {
  if (scope.containers.length > 0 || scope.images.length > 0) {
    const own = process.container();
    const isOf = container !== null && (own === null || own === container.id || container.id.startsWith(own));
    if (scope.images.length > 0 && !isOf) return false;
    const names = [own, isOf ? container.name : null, own === null ? container?.id : null];
    if (scope.containers.length > 0 && !anyMatches(scope.containers, ...names)) return false;
  }
  if (scope.uids.length > 0 && !scope.uids.some((uid) => BigInt(uid) === process.uid())) return false;
  return scope.executables.length === 0 || anyMatches(scope.executables, process.exepath());
}

function entryAt(batch: Batch, at: number): ScopedProcess {
  return {
    container: () => textAt(batch, at + (PROCESS_AT.container_id as number)),
    uid: () => batch.processView.getBigInt64(at + (PROCESS_AT.uid as number), true),
    exepath: () => textAt(batch, at + (PROCESS_AT.exepath as number)),
  };
}

function anyMatches(globs: readonly Glob[], ...texts: readonly (string | null | undefined)[]): boolean {
  return texts.some((text) => text !== null && text !== undefined && globs.some((glob) => globMatches(glob, text)));
}

function textAt(batch: Batch, slot: number): string | null {
  const offset = batch.processView.getUint32(slot, true);
  if (offset === NULL) return null;
  return batch.text.toString("utf8", offset, offset + batch.processView.getUint32(slot + 4, true));
}

function filtered(batch: Batch, isIn: readonly boolean[]): Batch {
  const made = new View(batch, isIn);
  const view = new Batch(
    encodeBatch({
      source: batch.source,
      seq: batch.seq,
      clock: batch.clock,
      first: batch.first + made.firstIndex,
      lost: batch.lost,
      count: made.count,
      processes: made.processes,
      descriptors: made.descriptors,
      strings: made.strings,
      records: made.records,
    }),
  );
  view.container = batch.container;
  view.subject = batch.subject;
  return view;
}

/** The parts of a batch that belong to some of its processes. */
class View {
  readonly processes: Uint8Array;
  readonly descriptors: Uint8Array;
  readonly strings: Uint8Array;
  readonly records: Uint8Array;
  count = 0;
  firstIndex = 0;
  readonly #batch: Batch;
  readonly #processOf: number[];
  readonly #descriptorOf = new Map<number, number>();
  readonly #descriptors: Uint8Array[] = [];
  readonly #strings: Uint8Array[] = [];
  readonly #spans = new Map<string, number>();
  #stringBytes = 0;

  constructor(batch: Batch, isIn: readonly boolean[]) {
    this.#batch = batch;
    let next = 0;
    this.#processOf = isIn.map((is) => (is ? next++ : NULL));
    const processes = isIn.flatMap((is, index) => (is ? [this.#process(index)] : []));
    const records: Uint8Array[] = [];
    for (const [index, offset] of batch.offsets.entries()) {
      const process = batch.recordView.getUint32(offset + 20, true);
      if (process === NULL || isIn[process] !== true) continue;
      if (this.count++ === 0) this.firstIndex = index;
      records.push(this.#record(offset, this.#processOf[process] as number));
    }
    this.processes = Buffer.concat(processes);
    this.records = Buffer.concat(records);
    this.descriptors = Buffer.concat(this.#descriptors);
    this.strings = Buffer.concat(this.#strings);
  }

  #record(offset: number, process: number): Uint8Array {
    const { recordView } = this.#batch;
    const bytes = Uint8Array.from(
      this.#batch.records.subarray(offset, offset + recordView.getUint32(offset + 4, true)),
    );
    const view = new DataView(bytes.buffer);
    view.setUint32(20, process, true);
    view.setUint32(40, this.#descriptor(view.getUint32(40, true)), true);
    this.#moveSpans(view, EVENT_SPANS[view.getUint16(0, true)] ?? []);
    return bytes;
  }

  #process(index: number): Uint8Array {
    const bytes = Uint8Array.from(this.#batch.processes.subarray(index * PROCESS_SIZE, (index + 1) * PROCESS_SIZE));
    const view = new DataView(bytes.buffer);
    for (const slot of PROCESS_PARENTS) this.#moveIndex(view, slot, (parent) => this.#processOf[parent] ?? NULL);
    for (const slot of PROCESS_STREAMS) this.#moveIndex(view, slot, (descriptor) => this.#descriptor(descriptor));
    this.#moveSpans(view, PROCESS_SPANS);
    return bytes;
  }

  /** The new index of a descriptor, which is taken over when it is first asked for. */
  #descriptor(index: number): number {
    if (index === NULL) return NULL;
    const known = this.#descriptorOf.get(index);
    if (known !== undefined) return known;
    const bytes = Uint8Array.from(
      this.#batch.descriptors.subarray(index * DESCRIPTOR_SIZE, (index + 1) * DESCRIPTOR_SIZE),
    );
    this.#moveSpans(new DataView(bytes.buffer), DESCRIPTOR_SPANS);
    const moved = this.#descriptors.push(bytes) - 1;
    this.#descriptorOf.set(index, moved);
    return moved;
  }

  /** "None" may stand as NULL or as INT64_MIN. */
  #moveIndex(view: DataView, slot: number, move: (index: number) => number): void {
    const index = view.getBigInt64(slot, true);
    view.setBigInt64(slot, BigInt(index < 0n || index >= BigInt(NULL) ? NULL : move(Number(index))), true);
  }

  #moveSpans(view: DataView, slots: readonly number[]): void {
    for (const slot of slots) {
      const offset = view.getUint32(slot, true);
      if (offset === NULL) continue;
      const size = view.getUint32(slot + 4, true);
      view.setUint32(slot, this.#string(offset, size), true);
    }
  }

  /**
   * Where the text stands now. Texts that lie over one another could become more than they were: then they
   * are dropped.
   */
  #string(offset: number, size: number): number {
    const key = `${offset}:${size}`;
    const known = this.#spans.get(key);
    if (known !== undefined) return known;
    if (this.#stringBytes + size > this.#batch.strings.length) return NULL;
    const moved = this.#stringBytes;
    this.#spans.set(key, moved);
    this.#strings.push(this.#batch.strings.subarray(offset, offset + size));
    this.#stringBytes += size;
    return moved;
  }
}
