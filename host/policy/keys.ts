// SPDX-License-Identifier: Apache-2.0
// Keys of ed25519 (RFC 8032) in PEM form: public ones, by which signatures are checked, and private ones, by
// which they are made.
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";

/** A key that tenants.yaml names. `id` is what a signature calls it. */
export interface PublicKey {
  readonly id: string;
  readonly key: KeyObject;
}

/** A private key. `own`: the public one of the pair. */
export interface SigningKey extends PublicKey {
  readonly own: PublicKey;
}

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

/** Makes a pair: the private key at this path, the public one at the same with `.pub`. */
export function makeKey(path: string): void {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  try {
    writeFileSync(path, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600, flag: "wx" });
    writeFileSync(`${path}.pub`, publicKey.export({ type: "spki", format: "pem" }));
  } catch (error) {
    throw new VedetteError("VEDETTE_KEY_UNREADABLE", { path, reason: reasonOf(error) }, { cause: error });
  }
}

/** A private key, and what its signatures call it. Throws VEDETTE_KEY_UNREADABLE. */
export function readPrivateKey(path: string): SigningKey {
  try {
    const key = createPrivateKey(readFileSync(path));
    if (key.asymmetricKeyType !== "ed25519") throw new Error(`it is of the kind ${key.asymmetricKeyType}`);
    const pem = createPublicKey(key).export({ type: "spki", format: "pem" });
    const { id, key: own } = readPublicKey(Buffer.from(pem));
    return { id, key, own: { id, key: own } };
  } catch (error) {
    throw new VedetteError("VEDETTE_KEY_UNREADABLE", { path, reason: reasonOf(error) }, { cause: error });
  }
}
