// SPDX-License-Identifier: Apache-2.0
// The event that tells of a container: JSON, as Falco's container plugin and older libs read it. Its sizes
// have 32 bits. What the orchestrator said to Vedette stands in it too, under a name that only Vedette reads.
//
// Whoever builds an image writes its labels. So they are bounded, by number and by bytes: readers of captures
// take blocks of 64 KiB, and refuse the file where one is larger.
import type { ContainerFacts } from "../../wire/container.js";

/** The type of the event's block. */
export const LARGE_EVENT_BLOCK = 0x221;
const CONTAINER_JSON = 324;
const HEAD = 2 + 26 + 4;
const CODE_AT = 2 + 20;
const UNKNOWN_ENGINE = 0xffff;
const JSON_MAX = 1 << 19;
const LABELS_MAX = 100;
/** Of their JSON, which stands there twice. */
const LABELS_BYTES_MAX = 16 << 10;
/** Of any other text's JSON; one that has more is cut to so many characters, of at most 6 bytes each. */
const TEXT_BYTES_MAX = 1_000;
const CUT_TO = 160;
const CUT = "...";

/**
 * The block's body, of less than 64 KiB, and how many labels it leaves out. `tid`: a thread of the container.
 */
export function containerEvent(all: ContainerFacts, time: bigint, tid: number): { body: Buffer; leftOut: number } {
  const { facts, leftOut } = bounded(all);
  const json = Buffer.from(`${JSON.stringify({ container: { ...asFalco(facts), vedette: facts } })}\0`);
  const head = Buffer.alloc(HEAD);
  head.writeBigUInt64LE(time, 2);
  head.writeBigUInt64LE(BigInt(tid), 10);
  head.writeUInt32LE(HEAD - 2 + json.length, 18);
  head.writeUInt16LE(CONTAINER_JSON, CODE_AT);
  head.writeUInt32LE(1, 24);
  head.writeUInt32LE(json.length, 28);
  return { body: Buffer.concat([head, json]), leftOut };
}

/** The first labels that fit, each whole; and other texts cut. */
function bounded(all: ContainerFacts): { facts: ContainerFacts; leftOut: number } {
  const labels: Record<string, string> = {};
  const given = Object.entries(all.labels ?? {});
  let [count, bytes] = [0, 0];
  for (const [name, value] of given) {
    const size = Buffer.byteLength(JSON.stringify({ [name]: value }));
    if (count === LABELS_MAX || bytes + size > LABELS_BYTES_MAX) continue; // a shorter one may still fit
    Object.defineProperty(labels, name, { value, enumerable: true }); // also one that is called __proto__
    count++;
    bytes += size;
  }
  const texts = Object.entries(all).map(([name, value]) => [name, typeof value === "string" ? cut(value) : value]);
  const facts = { ...(Object.fromEntries(texts) as unknown as ContainerFacts), labels: all.labels && labels };
  return { facts, leftOut: given.length - count };
}

function cut(text: string): string {
  const fits = Buffer.byteLength(JSON.stringify(text)) <= TEXT_BYTES_MAX;
  return fits ? text : `${text.slice(0, CUT_TO)}${CUT}`;
}

function asFalco(facts: ContainerFacts): object {
  return {
    id: facts.id,
    full_id: facts.id,
    type: UNKNOWN_ENGINE,
    name: facts.name ?? "",
    image: facts.image ?? "",
    imageid: facts.imageId ?? "",
    imagerepo: facts.imageRepository ?? "",
    imagetag: facts.imageTag ?? "",
    imagedigest: facts.imageDigest ?? "",
    ip: facts.ip ?? "0.0.0.0",
    labels: facts.labels ?? {},
  };
}

/** What Vedette wrote there. Null for another event, and for what another program wrote. */
export function containerIn(data: Buffer, start: number, end: number): ContainerFacts | null {
  if (start + HEAD > end || end - start > JSON_MAX || data.readUInt16LE(start + CODE_AT) !== CONTAINER_JSON)
    return null;
  const size = Math.min(data.readUInt32LE(start + 28), end - start - HEAD);
  const text = data.toString("utf8", start + HEAD, start + HEAD + size).replace(/\0.*$/s, "");
  try {
    const { vedette } = (JSON.parse(text) as { container?: { vedette?: unknown } }).container ?? {};
    return isFacts(vedette) ? vedette : null;
  } catch {
    return null; // no JSON
  }
}

const TEXTS = [
  "name",
  "image",
  "imageId",
  "imageRepository",
  "imageTag",
  "imageDigest",
  "ip",
  "cluster",
  "service",
  "taskArn",
  "taskFamily",
  "taskRevision",
  "containerArn",
  "availabilityZone",
] as const;

// The file may come from anybody.
function isFacts(value: unknown): value is ContainerFacts {
  if (typeof value !== "object" || value === null) return false;
  const facts = value as Record<string, unknown>;
  const { labels } = facts;
  const hasLabels = labels === null || (typeof labels === "object" && Object.values(labels as object).every(isText));
  return isText(facts.id) && isText(facts.type) && hasLabels && TEXTS.every((name) => isText(facts[name] ?? ""));
}

const isText = (value: unknown): boolean => typeof value === "string";
