// SPDX-License-Identifier: Apache-2.0
// Which policies of a tenant run where: a list that the tenant signs, and that lies in a registry.
//
//   {"version": 1, "key": "5f1c...", "tenant": "payments", "serial": 1764190000, "expires": 1766782000,
//    "policies": [{"name": "card-data", "version": "1.3.0", "address": "oci://r.example/payments/card-data",
//                  "digest": "sha256:...", "percent": 10}, ...], "signature": "<base64>"}
//   signed text: "vedette releases 1\n", "TENANT\0SERIAL\0EXPIRES\n", then for each policy, in order,
//                "NAME\0VERSION\0ADDRESS\0DIGEST\0PERCENT\n"
//
// Of the policies of one name a task takes the first whose percent it is within. So a version that 10 percent
// get stands before the one that all others keep. Times are seconds since 1970.
import { createHash, type KeyObject, sign, verify } from "node:crypto";
import * as z from "zod";
import type { PublicKey } from "./keys.js";
import { PolicyName } from "./policy-file.js";

/** One policy of a list. `percent` of tasks, 0 to 100. */
export interface Release {
  readonly name: string;
  readonly version: string;
  /** Without a tag. */
  readonly address: string;
  readonly digest: string;
  readonly percent: number;
}

/** What is signed. */
export interface ReleaseList {
  readonly tenant: string;
  readonly serial: number;
  readonly expires: number;
  readonly policies: readonly Release[];
}

const FORM = 1;
const POLICIES_MAX = 1_000;
// Zero bytes part the signed text, so no part may hold one.
const Word = z
  .string()
  .max(500)
  .regex(/^[^\0]*$/);
const Entry = z.strictObject({
  name: PolicyName,
  version: Word,
  address: Word,
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  percent: z.number().int().min(0).max(100),
});
const time = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const SignedList = z.strictObject({
  version: z.literal(FORM),
  key: z.string().max(64),
  tenant: Word,
  serial: time,
  expires: time,
  policies: z.array(Entry).max(POLICIES_MAX),
  signature: z.string().max(1_000),
});

/** The list as it is pushed. */
export function signList(list: ReleaseList, id: string, key: KeyObject): Buffer {
  const signature = sign(null, signedText(list), key).toString("base64");
  return Buffer.from(`${JSON.stringify({ version: FORM, key: id, ...list, signature })}\n`);
}

/** Throws an Error in words where none of the keys has signed it, or it is another tenant's. */
export function readList(body: Buffer, tenant: string, keys: readonly PublicKey[]): ReleaseList {
  const read = SignedList.safeParse(jsonIn(body));
  if (!read.success) throw new Error("it is no list of releases that this version of Vedette reads");
  const { version: _, key: id, signature, ...list } = read.data;
  const key = keys.find((one) => one.id === id);
  if (key === undefined) throw new Error(`it is signed with the key ${JSON.stringify(id)}, which is not the tenant's`);
  if (!verify(null, signedText(list), key.key, Buffer.from(signature, "base64")))
    throw new Error("its signature is not of this key");
  if (list.tenant !== tenant) throw new Error(`it is a list of the tenant ${JSON.stringify(list.tenant)}`);
  return list;
}

/** What runs in this task: one of each name. `task` null: what is for all. */
export function releasesFor(task: string | null, { tenant, policies }: ReleaseList): Release[] {
  const found = new Map<string, Release>();
  for (const release of policies) {
    const { name, percent } = release;
    const isWithin = percent === 100 || (task !== null && shareOf(task, tenant, name) < percent);
    if (isWithin && !found.has(name)) found.set(name, release);
  }
  return [...found.values()];
}

/** From 0 to 99, and the same for all versions: who has a version at 10 percent has it at 50, too. */
function shareOf(task: string, tenant: string, name: string): number {
  return createHash("sha256").update(`${task}\0${tenant}\0${name}`).digest().readUInt32BE(0) % 100;
}

function signedText({ tenant, serial, expires, policies }: ReleaseList): Buffer {
  const lines = policies.map(
    ({ name, version, address, digest, percent }) => `${[name, version, address, digest, percent].join("\0")}\n`,
  );
  return Buffer.from(`vedette releases 1\n${tenant}\0${serial}\0${expires}\n${lines.join("")}`);
}

function jsonIn(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return null;
  }
}
