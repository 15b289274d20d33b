// SPDX-License-Identifier: Apache-2.0
// Signed policies: policy.sig beside a policy holds the digests of its files and an ed25519 signature over them (RFC 8032). What
// is signed is every file that loading reads, so nothing can be added, changed or taken away; it works without a network.
//
//   {"version": 1, "key": "<first 16 hex digits of the public key's SHA-256>",
//    "files": {"index.ts": "<sha256>", "policy.yaml": "<sha256>"}, "signature": "<base64>"}
//   signed text: "vedette policy 1\n", then for each file in order of name "NAME\0SHA256\n"
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import { reading } from "./readable.js";
import { policyFiles } from "./snapshot.js";

export const SIGNATURE_FILE = "policy.sig";

export interface PublicKey {
  readonly id: string;
  readonly key: KeyObject;
}

const Signature = z.strictObject({
  version: z.literal(1),
  key: z.string(),
  files: z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/)),
  signature: z.string(),
});

/** A public key in PEM form; an Error in words when it is none, or of another kind. */
export function readPublicKey(pem: Uint8Array): PublicKey {
  const text = Buffer.from(pem).toString();
  // Node would make the public one of it; but a private key has no business where policies are checked.
  if (text.includes("PRIVATE KEY-----")) throw new Error("it is a private key; name the public one beside it (.pub)");
  if (!text.includes("-----BEGIN PUBLIC KEY-----")) throw new Error("it is no public key in PEM form");
  const key = publicKeyOf(text);
  if (key.asymmetricKeyType !== "ed25519") throw new Error(`it is of the kind ${key.asymmetricKeyType}, not ed25519`);
  const id = createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest("hex")
    .slice(0, 16);
  return { id, key };
}

function publicKeyOf(pem: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch {
    throw new Error("what it says is no key");
  }
}

/** Signs the policy in `folder`. Where there is no key, a pair is made: the path, and the path with `.pub`. Gives the key's id. */
export function signPolicy(folder: string, keyPath: string): { id: string; isNewKey: boolean } {
  const isNewKey = !existsSync(keyPath);
  if (isNewKey) makeKey(keyPath);
  const key = readPrivateKey(keyPath);
  const { id } = readPublicKey(Buffer.from(createPublicKey(key).export({ type: "spki", format: "pem" })));
  const files = digests(folder);
  const signature = sign(null, signedText(files), key).toString("base64");
  writeFileSync(join(folder, SIGNATURE_FILE), `${JSON.stringify({ version: 1, key: id, files, signature })}\n`);
  return { id, isNewKey };
}

/** Throws VEDETTE_SIGNATURE_MISSING or _WRONG unless one of the keys has signed all that stands in the folder. */
export function checkSignature(folder: string, keys: readonly PublicKey[], path: string = folder): void {
  const file = join(folder, SIGNATURE_FILE);
  if (!existsSync(file)) throw new VedetteError("VEDETTE_SIGNATURE_MISSING", { path });
  const wrong = (reason: string): VedetteError => new VedetteError("VEDETTE_SIGNATURE_WRONG", { path, reason });
  const parsed = Signature.safeParse(parseJson(file));
  if (!parsed.success) throw wrong(`${SIGNATURE_FILE} is not as expected`);
  const { key: id, files, signature } = parsed.data;
  const key = keys.find((one) => one.id === id);
  if (key === undefined) throw wrong(`it is of the key ${JSON.stringify(id.slice(0, 40))}, which is not the tenant's`);
  if (!verify(null, signedText(files), key.key, Buffer.from(signature, "base64"))) throw wrong("it is not of this key");
  const now = digests(folder);
  for (const name of new Set([...Object.keys(files), ...Object.keys(now)])) {
    if (now[name] === undefined) throw wrong(`${name} is missing`);
    if (files[name] === undefined) throw wrong(`${name} was added`);
    if (now[name] !== files[name]) throw wrong(`${name} was changed`);
  }
}

function digests(folder: string): Record<string, string> {
  const names = reading(folder, () => policyFiles(folder)).filter((name) => name !== SIGNATURE_FILE);
  const digest = (name: string): string =>
    createHash("sha256")
      .update(readFileSync(join(folder, name)))
      .digest("hex");
  return reading(folder, () => Object.fromEntries(names.map((name) => [name, digest(name)])));
}

function signedText(files: Readonly<Record<string, string>>): Buffer {
  const lines = Object.keys(files)
    .sort()
    .map((name) => `${name}\0${files[name]}\n`);
  return Buffer.from(`vedette policy 1\n${lines.join("")}`);
}

function makeKey(path: string): void {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  try {
    writeFileSync(path, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600, flag: "wx" });
    writeFileSync(`${path}.pub`, publicKey.export({ type: "spki", format: "pem" }));
  } catch (error) {
    throw new VedetteError("VEDETTE_KEY_UNREADABLE", { path, reason: reasonOf(error) }, { cause: error });
  }
}

function readPrivateKey(path: string): KeyObject {
  try {
    const key = createPrivateKey(readFileSync(path));
    if (key.asymmetricKeyType !== "ed25519") throw new Error(`it is of the kind ${key.asymmetricKeyType}`);
    return key;
  } catch (error) {
    throw new VedetteError("VEDETTE_KEY_UNREADABLE", { path, reason: reasonOf(error) }, { cause: error });
  }
}

function parseJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return null;
  }
}
