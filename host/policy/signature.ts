// SPDX-License-Identifier: Apache-2.0
// Signed policies: policy.sig beside a policy holds the digests of its files and an ed25519 signature over
// them (RFC 8032). What is signed is every file that loading reads, so nothing can be added, changed or taken
// away; it works without a network. The serial grows with each signing, so that an older list in place of the
// newest can be told (serials.ts).
//
//   {"version": 2, "key": "<first 16 hex digits of the public key's SHA-256>", "serial": 1764190000,
//    "policy": {"name": "one", "version": "1"}, "files": {"index.ts": "<sha256>", "policy.yaml": "<sha256>"}, "signature": "<base64>"}
//   signed text: "vedette policy 2\n", "SERIAL\0NAME\0VERSION\n", then for each file in order of name "NAME\0SHA256\n"
import { createHash, sign, verify } from "node:crypto";
import { existsSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { VedetteError } from "../errors.js";
import type { Bundle } from "./bundle.js";
import { makeKey, type PublicKey, readPrivateKey } from "./keys.js";
import { readPolicyFile } from "./policy-file.js";
import { reading } from "./readable.js";
import { takeSnapshot } from "./snapshot.js";

/** Name of the file in a policy's folder. */
export const SIGNATURE_FILE = "policy.sig";

/** Form 1 was 0.1's: it had no serial. */
const FORM = 2;
const OtherForm = z.looseObject({ version: z.number().int() });
const Signature = z.strictObject({
  version: z.literal(FORM),
  key: z.string(),
  serial: z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER),
  policy: z.strictObject({ name: z.string(), version: z.string() }),
  files: z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/)),
  signature: z.string(),
});

type Signed = Pick<z.infer<typeof Signature>, "serial" | "policy" | "files">;

/** What signPolicy() did. */
export interface Signing {
  /** Of the key. */
  readonly id: string;
  readonly isNewKey: boolean;
  readonly serial: number;
}

/**
 * Signs the policy in `folder`. Where there is no key, a pair is made: the path, and the path with `.pub`.
 */
export function signPolicy(folder: string, keyPath: string): Signing {
  const isNewKey = !existsSync(keyPath);
  if (isNewKey) makeKey(keyPath);
  const { id, key } = readPrivateKey(keyPath);
  const bundle = reading(folder, () => takeSnapshot(realpathSync(folder)));
  const signed: Signed = { serial: nextSerial(bundle), policy: policyOf(bundle), files: digests(bundle) };
  const signature = sign(null, signedText(signed), key).toString("base64");
  writeFileSync(join(folder, SIGNATURE_FILE), `${JSON.stringify({ version: FORM, key: id, ...signed, signature })}\n`);
  return { id, isNewKey, serial: signed.serial };
}

/** The seconds since 1970, or one more than the list that is there: nobody has to remember the last one. */
function nextSerial(bundle: Bundle): number {
  const before = Signature.safeParse(parseJson(bundle));
  return Math.max(Math.floor(Date.now() / 1000), before.success ? before.data.serial + 1 : 0);
}

function policyOf(bundle: Bundle): Signed["policy"] {
  const { name, version } = readPolicyFile(bundle).value;
  return { name, version };
}

/**
 * Gives the signed name, the serial and the key's id. Throws VEDETTE_SIGNATURE_MISSING or _WRONG unless one
 * of the keys has signed all that the bundle holds.
 */
export function checkSignature(
  bundle: Bundle,
  keys: readonly PublicKey[],
): { name: string; serial: number; key: string } {
  const path = bundle.origin.place;
  if (!bundle.has(SIGNATURE_FILE)) throw new VedetteError("VEDETTE_SIGNATURE_MISSING", { path });
  const wrong = (reason: string): VedetteError => new VedetteError("VEDETTE_SIGNATURE_WRONG", { path, reason });
  const parsed = Signature.safeParse(parseJson(bundle));
  if (!parsed.success) throw wrong(`${SIGNATURE_FILE} ${unexpected(parseJson(bundle))}; sign it again`);
  const { key: id, serial, policy, files, signature } = parsed.data;
  const key = keys.find((one) => one.id === id);
  if (key === undefined) throw wrong(`it is of the key ${JSON.stringify(id.slice(0, 40))}, which is not the tenant's`);
  if (!verify(null, signedText({ serial, policy, files }), key.key, Buffer.from(signature, "base64")))
    throw wrong("it is not of this key");
  const now = digests(bundle);
  for (const name of new Set([...Object.keys(files), ...Object.keys(now)])) {
    if (now[name] === undefined) throw wrong(`${name} is missing`);
    if (files[name] === undefined) throw wrong(`${name} was added`);
    if (now[name] !== files[name]) throw wrong(`${name} was changed`);
  }
  const { name, version } = policyOf(bundle);
  if (name !== policy.name || version !== policy.version) throw wrong(`it is of ${policy.name} ${policy.version}`);
  return { name, serial, key: id };
}

/** Another version of Vedette may have signed it. */
function unexpected(content: unknown): string {
  const other = OtherForm.safeParse(content);
  if (!other.success || other.data.version === FORM) return "is not as expected";
  return `has form ${other.data.version}, and this version of Vedette reads form ${FORM} alone`;
}

function digests(bundle: Bundle): Record<string, string> {
  const names = bundle.names().filter((name) => name !== SIGNATURE_FILE);
  const digest = (name: string): string => createHash("sha256").update(bundle.read(name)).digest("hex");
  return Object.fromEntries(names.map((name) => [name, digest(name)]));
}

function signedText({ serial, policy, files }: Signed): Buffer {
  const lines = Object.keys(files)
    .sort()
    .map((name) => `${name}\0${files[name]}\n`);
  return Buffer.from(`vedette policy 2\n${serial}\0${policy.name}\0${policy.version}\n${lines.join("")}`);
}

function parseJson(bundle: Bundle): unknown {
  try {
    return JSON.parse(Buffer.from(bundle.read(SIGNATURE_FILE)).toString());
  } catch {
    return null;
  }
}
