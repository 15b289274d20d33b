// SPDX-License-Identifier: Apache-2.0
// The memory of a policy compiled from Falco rules.
//
//        0  nothing (so that no address is 0)
//       64  state: where the sections of the current frame begin, and how far the arena is filled (STATE)
//      512  values of the current event (EVENT_CACHE): texts that had to be made, 8 bytes each
//     8192  facts: what the host says of the container, when it is another than before
//    12288  constants: texts, dictionaries, automata, the null process and descriptor
//        P  process cache: for each entry of the process table what was found out about it (ProcessCache)
//        F  frame: the host writes it
//        A  arena: texts that had to be made, until the batch ends
//
// Loads read up to 16 bytes past a text, so that every region is followed by slack.
import { PROCESS_SIZE } from "../../../build/generated/events.js";
import { FACTS_SIZE } from "../../wasm/facts.js";

/** Addresses of the state's words, in bytes. */
export const STATE = {
  strings: 64, // addresses of the sections
  processes: 68,
  descriptors: 72,
  arena: 76, // the next free byte
  cleared: 80, // whether the process cache was cleared for this batch
  first: 88, // u64: evt.num of record 0
  alerts: 96, // u32: alerts of this batch
  processCount: 100,
  made: 128, // bits: which texts of the event cache are made
};
/** Address of the first cached text. */
export const EVENT_CACHE = 512;
/** How many texts one event caches. */
export const EVENT_TEXTS_MAX = 960; // as many as have room before FACTS_AT
/** Address of the facts. */
export const FACTS_AT = 8192;
/** Address of the first constant. */
export const CONSTANTS = FACTS_AT + FACTS_SIZE;
/** Bytes of the frame, as docs/abi/v1.md asks for. */
export const FRAME_BYTES = (1 << 20) + 4096;
/** Bytes of the arena. */
export const ARENA_BYTES = 1 << 20;
/**
 * An event finds at least this much room; when there is less, the arena starts anew and the process cache is
 * cleared.
 */
export const ARENA_RESERVE = 1 << 19;
/** The most entries that a batch's process table can have. */
export const PROCESSES_MAX = Math.floor((1 << 20) / PROCESS_SIZE) + 1;
/** Bytes behind each region. */
export const SLACK = 64;
/** Bytes of a page of WebAssembly memory. */
export const PAGE = 65536;

/** Addresses of the regions that depend on the rules, and how many pages all take. */
export interface Layout {
  readonly processCache: number;
  readonly frame: number;
  readonly arena: number;
  readonly end: number;
  readonly pages: number;
}

/** `processStride` is in bytes, for one process. */
export function layoutAfter(constantsEnd: number, processStride: number): Layout {
  const align = (at: number) => (at + 63) & ~63;
  const processCache = align(constantsEnd + SLACK);
  // One entry more, for the null process.
  const frame = align(processCache + (PROCESSES_MAX + 1) * processStride + SLACK);
  const arena = align(frame + FRAME_BYTES + SLACK);
  const end = arena + ARENA_BYTES + SLACK;
  return { processCache, frame, arena, end, pages: Math.ceil(end / PAGE) };
}

/** A chain of parents longer than this is a circle. */
export const ANCESTORS_MAX = 256;
