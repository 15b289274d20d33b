// SPDX-License-Identifier: Apache-2.0
// The memory of a policy compiled from Falco rules.
//
//        0  nothing (so that no address is 0)
//       64  state: where the sections of the current frame begin, and how far the arena is filled (kState)
//      512  values of the current event (kEventCache): texts that had to be made, 8 bytes each
//     8192  facts: what the host says of the container, when it is another than before
//    12288  constants: texts, dictionaries, automata, the null process and descriptor
//        P  process cache: for each entry of the process table what was found out about it (ProcessCache)
//        F  frame: the host writes it
//        A  arena: texts that had to be made, until the batch ends
//
// Loads read up to 16 bytes past a text, so that every region is followed by slack.
import { PROCESS_SIZE } from "../../../build/generated/events.js";
import { FACTS_SIZE } from "../../wasm/facts.js";

export const kState = {
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
export const kEventCache = 512;
export const kEventTextsMax = 512;
export const kFacts = 8192;
export const kConstants = kFacts + FACTS_SIZE;
export const kFrameBytes = (1 << 20) + 4096;
export const kArenaBytes = 1 << 20;
// An event finds at least this much room; when there is less, the arena starts anew and the process cache is cleared.
export const kArenaReserve = 1 << 19;
export const kProcessesMax = Math.floor((1 << 20) / PROCESS_SIZE) + 1;
export const kSlack = 64;
export const kPage = 65536;

export interface Layout {
  processCache: number;
  frame: number;
  arena: number;
  end: number;
  pages: number;
}

export function layoutAfter(constantsEnd: number, processStride: number): Layout {
  const align = (at: number) => (at + 63) & ~63;
  const processCache = align(constantsEnd + kSlack);
  // One entry more, for the null process.
  const frame = align(processCache + (kProcessesMax + 1) * processStride + kSlack);
  const arena = align(frame + kFrameBytes + kSlack);
  const end = arena + kArenaBytes + kSlack;
  return { processCache, frame, arena, end, pages: Math.ceil(end / kPage) };
}

// A chain of parents longer than this is a circle.
export const kAncestorsMax = 256;
