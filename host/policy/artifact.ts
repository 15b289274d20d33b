// SPDX-License-Identifier: Apache-2.0
// A policy as an OCI artifact: a manifest, and a layer for each file under the file's own name. So the tools
// of registries (oras, skopeo) can look at it and copy it too. Two pushes of the same files have one digest.
//
//   {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
//    "artifactType": "application/vnd.vedette.policy.v1",
//    "config": {"mediaType": "application/vnd.wasm.config.v0+json", ...},
//    "layers": [{"mediaType": "application/wasm", "digest": "sha256:...", "size": 5120,
//                "annotations": {"org.opencontainers.image.title": "policy.wasm"}}, ...],
//    "annotations": {"org.opencontainers.image.title": "NAME", "org.opencontainers.image.version": "1.2.0"}}
//
// https://github.com/opencontainers/image-spec/blob/main/manifest.md (1.1: artifactType, the empty config),
// https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/ (the config of a module)
import * as z from "zod";
import { digestOf } from "../registry/repository.js";
import { isPolicyFile, MODULE_FILE } from "./bundle.js";
import { POLICY_FILE } from "./policy-file.js";
import { SIGNATURE_FILE } from "./signature.js";
import { POLICY_BYTES_MAX, POLICY_FILES_MAX } from "./snapshot.js";

/** What a registry calls the manifest. */
export const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
const POLICY_TYPE = "application/vnd.vedette.policy.v1";
const TITLE = "org.opencontainers.image.title";
const VERSION = "org.opencontainers.image.version";
const LAYER_TYPES: Readonly<Record<string, string>> = {
  [MODULE_FILE]: "application/wasm",
  [POLICY_FILE]: "application/vnd.vedette.policy.v1+yaml",
  [SIGNATURE_FILE]: "application/vnd.vedette.policy.signature.v1+json",
};
const OTHER_TYPE = "application/vnd.vedette.policy.file.v1";

/** What is pushed: the manifest last. */
export interface Artifact {
  readonly manifest: Buffer;
  readonly blobs: readonly Buffer[];
}

/** A file of a policy that lies in a registry. `size` in bytes. */
export interface Layer {
  readonly name: string;
  readonly digest: string;
  readonly size: number;
}

/** `files` by their names; `name` and `version` are the policy's. */
export function artifactOf(files: ReadonlyMap<string, Uint8Array>, name: string, version: string): Artifact {
  const names = [...files.keys()].sort();
  const blobs = names.map((one) => Buffer.from(files.get(one) as Uint8Array));
  const layers = names.map((one, at) => ({
    ...described(LAYER_TYPES[one] ?? OTHER_TYPE, blobs[at] as Buffer),
    annotations: { [TITLE]: one },
  }));
  const config = configOf(layers.filter(({ mediaType }) => mediaType === LAYER_TYPES[MODULE_FILE]));
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    artifactType: POLICY_TYPE,
    config: described(config.mediaType, config.body),
    layers,
    annotations: { [TITLE]: name, [VERSION]: version },
  };
  return { manifest: Buffer.from(JSON.stringify(manifest)), blobs: [config.body, ...blobs] };
}

function described(mediaType: string, body: Buffer): { mediaType: string; digest: string; size: number } {
  return { mediaType, digest: digestOf(body), size: body.length };
}

/** A policy of sources alone has the empty one. */
function configOf(modules: readonly { digest: string }[]): { mediaType: string; body: Buffer } {
  if (modules.length === 0) return { mediaType: "application/vnd.oci.empty.v1+json", body: Buffer.from("{}") };
  const config = { architecture: "wasm", os: "wasip1", layerDigests: modules.map(({ digest }) => digest) };
  return { mediaType: "application/vnd.wasm.config.v0+json", body: Buffer.from(JSON.stringify(config)) };
}

const Manifest = z.object({
  artifactType: z.literal(POLICY_TYPE, "it is an artifact of another kind"),
  layers: z
    .array(
      z.object({
        digest: z.string().regex(/^sha256:[0-9a-f]{64}$/, "a layer has no SHA-256"),
        size: z.number().int().nonnegative(),
        annotations: z.object({
          [TITLE]: z.string().refine(isPolicyFile, { error: ({ input }) => `${shown(input)} is no policy's file` }),
        }),
      }),
    )
    .max(POLICY_FILES_MAX, `it has more than ${POLICY_FILES_MAX} files`),
});

/**
 * The files that a manifest names. Throws an Error in words where it is no policy's, or one that is too
 * large.
 */
export function layersOf(manifest: Buffer): Layer[] {
  const { layers } = parsed(manifest);
  const files = layers.map(({ digest, size, annotations }) => ({ name: annotations[TITLE], digest, size }));
  const twice = files.find(({ name }, at) => files.findIndex((other) => other.name === name) !== at);
  if (twice !== undefined) throw new Error(`it has ${shown(twice.name)} twice`);
  if (files.reduce((sum, { size }) => sum + size, 0) > POLICY_BYTES_MAX)
    throw new Error(`its files have more than ${POLICY_BYTES_MAX >> 20} MiB`);
  return files;
}

function parsed(manifest: Buffer): z.infer<typeof Manifest> {
  const read = Manifest.safeParse(jsonIn(manifest));
  if (read.success) return read.data;
  const { message } = read.error.issues[0] as z.core.$ZodIssue;
  throw new Error(/^(it|a layer|") ?/.test(message) ? message : "its manifest is not as expected");
}

function jsonIn(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString());
  } catch {
    return null;
  }
}

function shown(name: unknown): string {
  return JSON.stringify(String(name).slice(0, 100));
}
