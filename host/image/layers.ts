// SPDX-License-Identifier: Apache-2.0
// Folders as an OCI image of one layer each, a folder a processor, without a container engine: `skopeo`,
// `podman`, `crane` and `docker load` (25 and later) take the archive. Of several processors the layout's
// index names an image index, which has a manifest for each. The same folders give the same digests.
// https://github.com/opencontainers/image-spec
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

/** One processor's root file system; `architecture` is Go's word (`amd64`, `arm64`). */
export interface Platform {
  readonly architecture: string;
  readonly rootfs: string;
}

/** The image's configuration. `name` is the reference that `docker load` gives it. */
export interface ImageOptions {
  readonly name: string;
  readonly entryPoint: readonly string[];
  readonly command: readonly string[];
  readonly volumes: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

interface Blob {
  readonly digest: string;
  readonly size: number;
}

const TYPE = "application/vnd.oci.image";
/** So that the same content gives the same bytes. */
const REPRODUCIBLE = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"];

/** Writes the layout into `folder` and packs it into `archive`; gives the layers' compressed sizes. */
export function writeImage(
  platforms: readonly Platform[],
  folder: string,
  archive: string,
  options: ImageOptions,
): number[] {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "blobs/sha256"), { recursive: true });
  const written = platforms.map((platform) => writeManifest(platform, folder, options));
  const manifests = written.map(({ entry }) => entry);
  const [only] = manifests.length === 1 ? manifests : [indexOf(manifests, folder)];
  const annotations = { "org.opencontainers.image.ref.name": options.name };
  const index = { schemaVersion: 2, manifests: [{ ...only, annotations }] };
  writeFileSync(join(folder, "index.json"), JSON.stringify(index));
  writeFileSync(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  execFileSync("tar", [...REPRODUCIBLE, "-cf", archive, "-C", folder, "."]);
  return written.map(({ layerBytes }) => layerBytes);
}

function indexOf(manifests: readonly object[], folder: string): object {
  const mediaType = `${TYPE}.index.v1+json`;
  return { mediaType, ...writeJson(folder, { schemaVersion: 2, mediaType, manifests }) };
}

function writeManifest({ architecture, rootfs }: Platform, folder: string, options: ImageOptions) {
  const layer = writeLayer(rootfs, folder);
  const config = writeJson(folder, configOf(architecture, options, layer.diffId));
  const mediaType = `${TYPE}.manifest.v1+json`;
  const manifest = writeJson(folder, {
    schemaVersion: 2,
    mediaType,
    config: { mediaType: `${TYPE}.config.v1+json`, ...config },
    layers: [{ mediaType: `${TYPE}.layer.v1.tar+gzip`, digest: layer.digest, size: layer.size }],
  });
  return { entry: { mediaType, ...manifest, platform: { architecture, os: "linux" } }, layerBytes: layer.size };
}

function configOf(
  architecture: string,
  { entryPoint, command, volumes, labels }: ImageOptions,
  diffId: string,
): object {
  return {
    architecture,
    os: "linux",
    config: {
      Env: ["PATH=/bin", "NODE_ENV=production"],
      Entrypoint: entryPoint,
      Cmd: command,
      Volumes: Object.fromEntries(volumes.map((path) => [path, {}])),
      Labels: labels,
      WorkingDir: "/",
    },
    rootfs: { type: "layers", diff_ids: [diffId] },
    history: [{ created_by: "npm run package" }],
  };
}

function writeLayer(rootfs: string, folder: string): Blob & { diffId: string } {
  const path = join(folder, "layer");
  execFileSync("tar", [...REPRODUCIBLE, "-I", "gzip -n -6", "-cf", path, "-C", rootfs, "."]);
  const bytes = readFileSync(path);
  const digest = digestOf(bytes);
  renameSync(path, blobPath(folder, digest));
  return { digest, size: statSync(blobPath(folder, digest)).size, diffId: digestOf(gunzipSync(bytes)) };
}

function writeJson(folder: string, value: object): Blob {
  const bytes = Buffer.from(JSON.stringify(value));
  const digest = digestOf(bytes);
  writeFileSync(blobPath(folder, digest), bytes);
  return { digest, size: bytes.length };
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function blobPath(folder: string, digest: string): string {
  return join(folder, "blobs", digest.replace(":", "/"));
}
