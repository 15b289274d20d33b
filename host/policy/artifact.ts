// SPDX-License-Identifier: Apache-2.0
// Policies, and lists of releases, as OCI artifacts: a manifest, and a layer for each file under the file's
// own name. So the tools of registries (oras, skopeo) can look at it and copy it too. Two pushes of the same
// files have one digest.
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
/** The one file of a list of releases. */
export const RELEASES_FILE = "releases.json";

/** What artifacts we know: their types, and which files one may have. */
export const KINDS = {
  policy: { type: "application/vnd.vedette.policy.v1", isFile: isPolicyFile },
  releases: { type: "application/vnd.vedette.releases.v1", isFile: (name: string) => name === RELEASES_FILE },
} as const;
/** One of them. */
export type Kind = keyof typeof KINDS;

const TITLE = "org.opencontainers.image.title";
const VERSION = "org.opencontainers.image.version";
const LAYER_TYPES: Readonly<Record<string, string>> = {
  [MODULE_FILE]: "application/wasm",
  [POLICY_FILE]: "application/vnd.vedette.policy.v1+yaml",
  [SIGNATURE_FILE]: "application/vnd.vedette.policy.signature.v1+json",
  [RELEASES_FILE]: "application/vnd.vedette.releases.v1+json",
};
const OTHER_TYPE = "application/vnd.vedette.policy.file.v1";

/** What is pushed: the manifest last. */
export interface Artifact {
  readonly manifest: Buffer;
  readonly blobs: readonly Buffer[];
}

/** A file that lies in a registry. `size` in bytes. */
export interface Layer {
  readonly name: string;
  readonly digest: string;
  readonly size: number;
}

/** `files` by their names. `name` and `version` are what a registry's tools show. */
export function artifactOf(
  kind: Kind,
  files: ReadonlyMap<string, Uint8Array>,
  name: string,
  version: string,
): Artifact {
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
    artifactType: KINDS[kind].type,
    config: described(config.mediaType, config.body),
    layers,
    annotations: { [TITLE]: name, [VERSION]: version },
  };
  return { manifest: Buffer.from(JSON.stringify(manifest)), blobs: [config.body, ...blobs] };
}

function described(mediaType: string, body: Buffer): { mediaType: string; digest: string; size: number } {
  return { mediaType, digest: digestOf(body), size: body.length };
}

/** What has no module has the empty one. */
function configOf(modules: readonly { digest: string }[]): { mediaType: string; body: Buffer } {
  if (modules.length === 0) return { mediaType: "application/vnd.oci.empty.v1+json", body: Buffer.from("{}") };
  const config = { architecture: "wasm", os: "wasip1", layerDigests: modules.map(({ digest }) => digest) };
  return { mediaType: "application/vnd.wasm.config.v0+json", body: Buffer.from(JSON.stringify(config)) };
}

const Manifest = z.object({
  artifactType: z.string(),
  layers: z.array(
    z.object({
      digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
      size: z.number().int().nonnegative(),
      annotations: z.object({ [TITLE]: z.string() }),
    }),
  ),
});

/**
 * The files that a manifest names. Throws an Error in words where it is of another kind, or one that is too
 * large.
 */
export function layersOf(kind: Kind, manifest: Buffer): Layer[] {
  const read = Manifest.safeParse(jsonIn(manifest));
  const { type, isFile } = KINDS[kind];
  if (!read.success || read.data.artifactType !== type) throw new Error(`it is no artifact of the type ${type}`);
  const files = read.data.layers.map(({ digest, size, annotations }) => ({ name: annotations[TITLE], digest, size }));
  if (files.length > POLICY_FILES_MAX) throw new Error(`it has more than ${POLICY_FILES_MAX} files`);
  const stray = files.find(({ name }) => !isFile(name));
  if (stray !== undefined) throw new Error(`${shown(stray.name)} is none of the files that it may have`);
  const twice = files.find(({ name }, at) => files.findIndex((other) => other.name === name) !== at);
  if (twice !== undefined) throw new Error(`it has ${shown(twice.name)} twice`);
  if (files.reduce((sum, { size }) => sum + size, 0) > POLICY_BYTES_MAX)
    throw new Error(`its files have more than ${POLICY_BYTES_MAX >> 20} MiB`);
  return files;
}

function jsonIn(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString());
  } catch {
    return null;
  }
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 100));
}
