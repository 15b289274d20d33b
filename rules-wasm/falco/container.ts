// SPDX-License-Identifier: Apache-2.0
// What is known of the container that an event came from: what the orchestrator says, where there is one
// (ECS, docs/abi/v1.md "The facts"), else what the agent found. Without an orchestrator an image has no
// name.
import { Process } from "../process";
import { Str } from "../str";
import { beginsWith, utf8Size } from "../text";
import { Room, Word } from "./room";

/** Bytes of the facts. The host writes them here, since the module exports the address. */
const FACTS_SIZE: i32 = 4096;
/** Behind them a load of eight bytes may reach. */
export const FACTS: usize = memory.data(FACTS_SIZE + 8, 8);
const HEADER: usize = 8;
const ENTRY: usize = 8;
const ABSENT: u32 = 0xffffffff;

/** The places of the facts. */
const ID: u32 = 0, NAME: u32 = 1, TYPE: u32 = 2, IMAGE: u32 = 3, IMAGE_ID: u32 = 4, REPOSITORY: u32 = 5, TAG: u32 = 6,
  DIGEST: u32 = 7, LABELS: u32 = 8, IP: u32 = 9;
const EQUALS: u8 = 0x3d;

// @ts-ignore: decorator
@lazy const fact: Room = new Room();
// @ts-ignore: decorator
@lazy const host: Word = new Word("host");

/** container.id: "host" outside a container. */
export function containerId(process: Process): Str {
  return idOr(process, process.container_id);
}

/** container.full_id: the whole id. */
export function containerFullId(process: Process): Str {
  return idOr(process, process.container_full_id);
}

/** container.name: "host" outside a container. */
export function containerName(process: Process): Str {
  return factOrHost(process, NAME);
}

/** container.type: "host" outside a container. */
export function containerType(process: Process): Str {
  return factOrHost(process, TYPE);
}

/** container.image */
export function containerImage(): Str { return told(IMAGE); }
/** container.image.id */
export function containerImageId(): Str { return told(IMAGE_ID); }
/** container.image.repository */
export function containerRepository(): Str { return told(REPOSITORY); }
/** container.image.tag */
export function containerTag(): Str { return told(TAG); }
/** container.image.digest */
export function containerDigest(): Str { return told(DIGEST); }
/** container.ip */
export function containerIp(): Str { return told(IP); }

/**
 * container.label[name]: the value of one label, by its whole name. It has no value where the container has
 * no such label, and where its labels do not fit into the facts (4 KiB of all facts together).
 */
export function containerLabel(name: string): Str {
  const labels = told(LABELS), wanted = utf8Size(name);
  for (let begin: u32 = 0; begin < labels.size; ) {
    const equals = endOf(labels, begin, EQUALS), end = endOf(labels, equals, 0);
    if (equals - begin == wanted && beginsWith(labels.address + begin, wanted, name)) return labels.slice(equals + 1, end);
    begin = end + 1;
  }
  return fact.none();
}

/** Where the next such byte stands; behind the last where there is none. */
function endOf(text: Str, from: u32, byte: u8): u32 {
  let end = from;
  while (end < text.size && load<u8>(text.address + end) != byte) end++;
  return end;
}

function idOr(process: Process, own: Str): Str {
  if (isTold()) return told(ID);
  if (own.exists) return own;
  return process.exists ? host.text : fact.none();
}

function factOrHost(process: Process, which: u32): Str {
  if (isTold()) return told(which);
  return containerId(process) == "host" ? host.text : fact.none();
}

function isTold(): bool {
  return load<u32>(FACTS) != 0;
}

function told(which: u32): Str {
  const entry = FACTS + HEADER + which * ENTRY;
  const at = load<u32>(entry);
  return !isTold() || at == ABSENT ? fact.none() : fact.at(FACTS + at, load<u32>(entry, 4));
}
