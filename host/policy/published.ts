// SPDX-License-Identifier: Apache-2.0
// Policies in a registry: pushed from a folder, pulled into one. What is pulled has a signature that somebody
// vouches for by a key, unless its user says otherwise:
//
//   key of ed25519     policy.sig, which is one of the policy's own files (signature.ts)
//   key of P-256       cosign's signature beside the artifact (cosign.ts)
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { VedetteError } from "../errors.js";
import { makeFolder } from "../own-folder.js";
import { reasonOf } from "../reason.js";
import { artifactOf } from "./artifact.js";
import { ArtifactPlace } from "./artifact-place.js";
import { MemoryBundle, MODULE_FILE, policyFiles } from "./bundle.js";
import { type CosignKey, cosignKeyIn } from "./cosign.js";
import { type PublicKey, readPublicKey } from "./keys.js";
import { POLICY_FILE, readPolicyFile } from "./policy-file.js";
import { reading } from "./readable.js";
import { SHARED_PREFIX } from "./shared-code.js";
import { checkSignature, SIGNATURE_FILE } from "./signature.js";
import { takeSnapshot } from "./snapshot.js";

/** Whose signatures are trusted. */
export interface TrustedKeys {
  readonly own: readonly PublicKey[];
  readonly cosign: readonly CosignKey[];
}

/** A policy that was read from a registry, whole, and as its signature says where one was asked for. */
export interface Published {
  readonly bundle: MemoryBundle;
  readonly name: string;
  readonly version: string;
  /** Of the manifest. */
  readonly digest: string;
  /** In words; null: nobody was asked. */
  readonly signer: string | null;
}

/** Throws VEDETTE_KEY_UNREADABLE where a file has no public key of one of the two kinds. */
export function trustedKeys(paths: readonly string[]): TrustedKeys {
  const own: PublicKey[] = [];
  const cosign: CosignKey[] = [];
  for (const path of paths) {
    try {
      const pem = readFileSync(path);
      const key = cosignKeyIn(pem);
      if (key === null) own.push(readPublicKey(pem));
      else cosign.push(key);
    } catch (cause) {
      throw new VedetteError("VEDETTE_KEY_UNREADABLE", { path, reason: reasonOf(cause) }, { cause });
    }
  }
  return { own, cosign };
}

/**
 * Pushes the policy's folder, and gives the digest. Throws VEDETTE_ARTIFACT_FORM, _ADDRESS or _FAILED, and
 * what is wrong with the folder.
 */
export async function pushPolicy(folder: string, address: string, environment: NodeJS.ProcessEnv): Promise<string> {
  const place = new ArtifactPlace(address, environment, "pull,push");
  const bundle = reading(folder, () => takeSnapshot(resolve(folder)));
  const { name, version } = readPolicyFile(bundle).value;
  const names = bundle.names();
  if (names.some((one) => one.startsWith(SHARED_PREFIX))) {
    const reason = `it imports from lib/ beside it; push a folder with ${POLICY_FILE} and the module that \`vedette policy build\` makes`;
    throw new VedetteError("VEDETTE_ARTIFACT_FORM", { address: folder, reason });
  }
  return place.push(artifactOf("policy", new Map(names.map((one) => [one, bundle.read(one)])), name, version));
}

/**
 * Reads a policy. `keys` null: with no signature, or anybody's. Throws VEDETTE_ARTIFACT_ADDRESS, _FAILED,
 * _FORM or _UNSIGNED, VEDETTE_SIGNATURE_WRONG, and what is wrong with its policy.yaml.
 */
export async function fetchPolicy(
  address: string,
  keys: TrustedKeys | null,
  environment: NodeJS.ProcessEnv,
): Promise<Published> {
  const place = new ArtifactPlace(address, environment);
  const { digest, files } = await place.pull("policy");
  if (!files.has(POLICY_FILE)) throw place.wrong(`it has no ${POLICY_FILE}`);
  const bundle = new MemoryBundle({ kind: "memory", place: address }, files);
  const signer = keys === null ? null : await signerOf(place, digest, bundle, keys);
  const { name, version } = readPolicyFile(bundle).value;
  return { bundle, name, version, digest, signer };
}

/** One of them is enough. */
async function signerOf(
  place: ArtifactPlace,
  digest: string,
  bundle: MemoryBundle,
  { own, cosign }: TrustedKeys,
): Promise<string> {
  const found = cosign.length === 0 ? null : await place.cosignedBy(digest, cosign);
  if (found !== null) return `cosign's key ${found.id}`;
  if (own.length > 0 && bundle.has(SIGNATURE_FILE)) {
    const { serial, key } = checkSignature(bundle, own);
    return `the key ${key}, serial ${serial}`;
  }
  const reason = own.length > 0 ? `it has no ${SIGNATURE_FILE}` : "cosign has not signed it with this key";
  throw new VedetteError("VEDETTE_ARTIFACT_UNSIGNED", { address: place.address, reason });
}

/**
 * Writes the policy's files to `folder`: whole where there is no such folder, else each file by itself, with
 * the signature last. Files of the version before go. So the worst that a host sees, which watches the
 * folder, is a state that its signature does not fit; it goes on with the version before. Throws
 * VEDETTE_OUTPUT_UNWRITABLE.
 */
export function writePolicy(bundle: MemoryBundle, folder: string): void {
  const path = resolve(folder);
  try {
    if (existsSync(path)) replaceIn(path, bundle);
    else makeAt(path, bundle);
  } catch (cause) {
    throw new VedetteError("VEDETTE_OUTPUT_UNWRITABLE", { path: folder, reason: reasonOf(cause) }, { cause });
  }
}

function makeAt(path: string, bundle: MemoryBundle): void {
  makeFolder(dirname(path));
  const draft = mkdtempSync(join(dirname(path), `.${basename(path)}.`));
  try {
    for (const name of bundle.names()) writeAt(join(draft, name), bundle.read(name));
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    throw error;
  }
}

function replaceIn(path: string, bundle: MemoryBundle): void {
  if (!existsSync(join(path, POLICY_FILE))) throw new Error("it is there, and is no policy's folder");
  if (lstatSync(path).uid !== process.geteuid?.()) throw new Error("it belongs to another user"); // who could put links there
  const names = bundle.names().toSorted((a, b) => LAST.indexOf(a) - LAST.indexOf(b));
  const old = policyFiles(path).filter((name) => !bundle.has(name));
  for (const name of names) {
    const draft = join(path, `${name}.draft`);
    rmSync(draft, { force: true });
    writeAt(draft, bundle.read(name));
    renameSync(draft, join(path, name));
  }
  for (const name of old) rmSync(join(path, name), { force: true });
}

/** In this order, behind all others. */
const LAST = [POLICY_FILE, MODULE_FILE, SIGNATURE_FILE];

function writeAt(path: string, bytes: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes, { flag: "wx" });
}
