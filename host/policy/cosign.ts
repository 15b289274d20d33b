// SPDX-License-Identifier: Apache-2.0
// Signatures that cosign made with a key, in the form of its version 2: beside the artifact, under a tag made
// of its digest, lies a manifest. Each layer of it is a text that names the digest, and an annotation of the
// layer is the signature over that text, ECDSA of P-256 with SHA-256. cosign also writes a reference into the
// text; nobody checks it, and neither do we: what holds is the digest.
//
// https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import * as z from "zod";
import type { Repository } from "../registry/repository.js";

const LAYER_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURE = "dev.cosignproject.cosign/signature";
const TYPE = "cosign container image signature";
const TEXT_BYTES_MAX = 64 << 10;
/** Of one artifact. */
const SIGNATURES_MAX = 50;

/** `id`: the first 16 hexadecimal digits of its SHA-256. */
export interface CosignKey {
  readonly id: string;
  readonly key: KeyObject;
}

const Manifest = z.object({
  layers: z.array(
    z.object({
      mediaType: z.string(),
      digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
      size: z.number().int().nonnegative(),
      annotations: z.record(z.string(), z.string()).default({}),
    }),
  ),
});
const Text = z.object({
  critical: z.object({ type: z.literal(TYPE), image: z.object({ "docker-manifest-digest": z.string() }) }),
});

/** A public key as cosign.pub has it; null: it is of another kind. */
export function cosignKeyIn(pem: Buffer): CosignKey | null {
  if (!pem.includes("-----BEGIN PUBLIC KEY-----")) return null;
  const key = createPublicKey(pem);
  if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") return null;
  const der = key.export({ type: "spki", format: "der" });
  return { id: createHash("sha256").update(der).digest("hex").slice(0, 16), key };
}

/** Whose signature the artifact of this digest has; null: of none of these keys. Throws an Error in words. */
export async function cosignedBy(
  repository: Repository,
  digest: string,
  keys: readonly CosignKey[],
): Promise<CosignKey | null> {
  const manifest = await repository.manifestIfAny(`${digest.replace(":", "-")}.sig`);
  if (manifest === null) return null;
  const read = Manifest.safeParse(JSON.parse(manifest.toString()));
  const layers = read.success ? read.data.layers.filter(({ mediaType }) => mediaType === LAYER_TYPE) : [];
  for (const { digest: of, size, annotations } of layers.slice(0, SIGNATURES_MAX)) {
    const signature = Buffer.from(annotations[SIGNATURE] ?? "", "base64");
    if (size > TEXT_BYTES_MAX) continue;
    const text = await repository.blob(of);
    const key = keys.find((one) => verify("sha256", text, one.key, signature));
    if (key !== undefined && isAbout(text, digest)) return key;
  }
  return null;
}

/** A key may have signed other things, too. */
function isAbout(text: Buffer, digest: string): boolean {
  const read = Text.safeParse(JSON.parse(text.toString()));
  return read.success && read.data.critical.image["docker-manifest-digest"] === digest;
}
