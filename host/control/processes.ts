// SPDX-License-Identifier: Apache-2.0
// The processes that events have shown and that have not ended: what `ps` would show of the watched
// containers. The list is made from the batches' process tables. It is bounded: it first forgets the
// processes that no event has mentioned for longest.
import { EVENTS } from "../../build/generated/events.js";
import { OpenFiles } from "../activity/activity.js";
import { isInScope } from "../engine/scope.js";
import type { Batch } from "../wire/batch.js";
import type { ContainerFacts } from "../wire/container.js";
import { PROCESS_AT } from "../wire/layout.js";
import { commandLine, processInt, processText } from "../wire/process.js";
import { processAt, typeOf } from "../wire/record.js";
import type { Found } from "./found.js";
import { processKey } from "./process-key.js";
import type { Viewer } from "./viewer.js";

const MOST = 10_000;
const COMMAND_MAX = 1_000;
/** So many processes of an answer have their descriptors counted: each is asked of the kernel. */
const COUNTED_MAX = 200;
/** Of one process. */
const ANCESTORS_MAX = 64;
const CHILDREN_MAX = 100;
const EXIT = EVENTS.find(({ name }) => name === "procexit")!.id;
const EXECS = new Set(EVENTS.filter(({ name }) => name.startsWith("execve")).map(({ id }) => id));

/** One process, as /api/v1/processes shows it. It is as the newest event about it said. */
export interface ProcessItem {
  /** Its agent, pid and start: no other process has or will have it. */
  readonly key: string;
  readonly pid: number;
  /** Null: of the parent the viewer may not know. */
  readonly ppid: number | null;
  readonly name: string | null;
  readonly exepath: string | null;
  /** At most 1,000 characters. */
  readonly cmdline: string | null;
  readonly cwd: string | null;
  readonly uid: number | null;
  readonly user: string | null;
  readonly container: { readonly id: string; readonly name: string | null } | null;
  /** ns since the epoch. */
  readonly start: string;
  /** First process of the session by which it came in from outside, 0 for none. */
  readonly session: number;
}

/** With what was found of it. */
export interface ShownProcess extends ProcessItem {
  /** Key of the parent, where it lives and the viewer may know of it. */
  readonly parent: string | null;
  /** Open descriptors; null: the host cannot see the process, or too many were asked for. */
  readonly fds: number | null;
  /** Since Vedette began; null: it is not known, since too much was found. */
  readonly findings: number | null;
  /** Of the newest of them; null: there is none. */
  readonly incident: string | null;
}

interface Known {
  readonly item: ProcessItem;
  readonly own: string | null;
  readonly facts: ContainerFacts | null;
  readonly source: string;
}

/** What one viewer sees of them. */
interface Seen {
  readonly all: readonly Known[];
  readonly parentOf: (one: Known) => Known | null;
  readonly has: (source: string, pid: number | null) => boolean;
}

/** One page in the order of keys; null as `next`: it is the last. `more`: it does not end the list. */
export interface ProcessPage {
  readonly items: readonly ShownProcess[];
  readonly next: string | null;
  readonly more: boolean;
}

/** Processes that live, by what add() was given. At 10,000 it forgets those that it heard of longest ago. */
export class Processes {
  /** By key; who was heard of last stands last. */
  readonly #known = new Map<string, Known>();
  readonly #found: Pick<Found, "ofProcess">;
  readonly #files = new OpenFiles();

  constructor(found: Pick<Found, "ofProcess">) {
    this.#found = found;
  }

  add(batch: Batch): void {
    const source = Buffer.from(batch.source).toString("hex");
    const fresh = new Map<number, string>();
    const ended: string[] = [];
    for (const at of batch.offsets) {
      const process = processAt(batch, at);
      if (process < 0) continue;
      const type = typeOf(batch, at);
      const key = fresh.get(process) ?? processKey(batch, source, process);
      // An entry of the table is as the process was at that record: after an exec it is another.
      if (!fresh.has(process) || EXECS.has(type)) this.#keep(key, batch, source, process);
      fresh.set(process, key);
      if (type === EXIT) ended.push(key);
    }
    for (const key of ended) this.#known.delete(key);
    for (const key of this.#known.keys()) {
      if (this.#known.size <= MOST) break;
      this.#known.delete(key);
    }
  }

  /** By key, from behind `after` on; with `only` the process of that key alone. */
  page(viewer: Viewer, limit: number, after: string, only?: string): ProcessPage {
    const seen = this.#seen(viewer);
    const items = seen.all
      .filter(({ item }) => (only === undefined ? item.key > after : item.key === only))
      .sort((a, b) => (a.item.key < b.item.key ? -1 : 1))
      .slice(0, limit + 1);
    const next = items.length > limit ? items[limit - 1]!.item.key : null;
    return { items: this.#shown(viewer, items.slice(0, limit), seen), next, more: next !== null };
  }

  /**
   * The process of that key: its ancestors before it, the furthest first, and its children behind it. `more`:
   * it has ancestors beyond the 64 nearest, or children beyond 100.
   */
  family(viewer: Viewer, key: string): ProcessPage {
    const seen = this.#seen(viewer);
    const own = seen.all.find(({ item }) => item.key === key);
    if (own === undefined) return { items: [], next: null, more: false };
    const line = [own];
    // Each once: parents may be a circle.
    const isNew = (one: Known | null): one is Known => one !== null && !line.includes(one);
    let further = seen.parentOf(own);
    for (; isNew(further) && line.length <= ANCESTORS_MAX; further = seen.parentOf(further)) line.push(further);
    const children = seen.all.filter((one) => seen.parentOf(one) === own && isNew(one));
    const more = isNew(further) || children.length > CHILDREN_MAX;
    const items = [...line.reverse(), ...children.slice(0, CHILDREN_MAX)];
    return { items: this.#shown(viewer, items, seen), next: null, more };
  }

  #seen(viewer: Viewer): Seen {
    const all = [...this.#known.values()].filter((one) => isSeen(viewer, one));
    const byPid = new Map(all.map((one) => [`${one.source}/${one.item.pid}`, one]));
    const parentOf = (one: Known): Known | null => {
      const parent = byPid.get(`${one.source}/${one.item.ppid}`);
      // Another one may have the number by now.
      if (parent === undefined || parent === one) return null;
      return BigInt(parent.item.start) > BigInt(one.item.start) ? null : parent;
    };
    return { all, parentOf, has: (source, pid) => byPid.has(`${source}/${pid}`) };
  }

  #shown(viewer: Viewer, items: readonly Known[], seen: Seen): ShownProcess[] {
    return items.map((one, index) => {
      const { item, source } = one;
      const knowsParent = viewer.kind === "operator" || seen.has(source, item.ppid);
      return {
        ...item,
        ppid: knowsParent ? item.ppid : null,
        parent: seen.parentOf(one)?.item.key ?? null,
        fds: index < COUNTED_MAX ? this.#files.of(String(item.pid), item.start) : null,
        ...this.#found.ofProcess(viewer, item.key),
      };
    });
  }

  #keep(key: string, batch: Batch, source: string, process: number): void {
    const text = (field: string): string | null => processText(batch, process, PROCESS_AT[field] as number);
    const number = (field: string): number => Number(processInt(batch, process, PROCESS_AT[field] as number) ?? 0);
    const own = text("container_id");
    const facts = batch.container;
    const container = facts ?? (own === null || own === "" ? null : { id: own, name: null });
    const item: ProcessItem = {
      key,
      pid: number("pid"),
      ppid: number("ppid"),
      name: text("name"),
      exepath: text("exepath"),
      cmdline: commandLine(batch, process)?.slice(0, COMMAND_MAX) ?? null,
      cwd: text("cwd"),
      uid: number("uid"),
      user: text("user"),
      container: container === null ? null : { id: container.id, name: container.name },
      start: String(processInt(batch, process, PROCESS_AT.start_time as number) ?? 0),
      session: number("session"),
    };
    this.#known.delete(key);
    this.#known.set(key, { item, own, facts, source });
  }
}

function isSeen(viewer: Viewer, { item, own, facts }: Known): boolean {
  return (
    viewer.kind === "operator" ||
    isInScope(viewer.scope, facts, {
      container: () => own,
      uid: () => BigInt(item.uid ?? -1),
      exepath: () => item.exepath,
    })
  );
}
