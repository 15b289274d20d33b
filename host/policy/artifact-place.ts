// SPDX-License-Identifier: Apache-2.0
// A place in a registry, as a user writes it, where an artifact of ours is read or put.
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import { type Place, placeOfArtifact } from "../registry/place.js";
import { digestOf, Repository, type Scope } from "../registry/repository.js";
import { type Artifact, type Kind, layersOf, MANIFEST_TYPE } from "./artifact.js";
import { type CosignKey, cosignedBy } from "./cosign.js";

const ANSWER_MIB_MAX = 8;

/** What lies there. `digest` of the manifest. */
export interface Found {
  readonly digest: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Its methods throw VEDETTE_ARTIFACT_FAILED, and VEDETTE_ARTIFACT_FORM where something else lies there. */
export class ArtifactPlace {
  readonly address: string;
  readonly #place: Place;
  readonly #repository: Repository;

  /** Throws VEDETTE_ARTIFACT_ADDRESS. `environment`: where passwords are. */
  constructor(address: string, environment: NodeJS.ProcessEnv, scope: Scope = "pull") {
    const place = placeOfArtifact(address);
    if (place === null) throw new VedetteError("VEDETTE_ARTIFACT_ADDRESS", { address });
    this.address = address;
    this.#place = place;
    this.#repository = new Repository(place, environment, scope);
  }

  get registry(): string {
    return this.#place.registry;
  }

  /** The address without the tag. */
  get repository(): string {
    return `oci://${this.#place.registry}/${this.#place.repository}`;
  }

  /** Gives its digest. */
  async push({ manifest, blobs }: Artifact): Promise<string> {
    await this.#doing("pushed", async () => {
      for (const blob of blobs) await this.#repository.putBlob(blob);
      await this.#repository.putManifest(this.#place.reference, MANIFEST_TYPE, manifest);
    });
    return digestOf(manifest);
  }

  async pull(kind: Kind): Promise<Found> {
    const manifest = await this.#doing("pulled", () => this.#repository.manifest(this.#place.reference));
    return { digest: digestOf(manifest), files: await this.#files(kind, manifest) };
  }

  /** Null: nothing of this name lies there. */
  async pullIfAny(kind: Kind): Promise<Found | null> {
    const manifest = await this.#doing("pulled", () => this.#repository.manifestIfAny(this.#place.reference));
    return manifest === null ? null : { digest: digestOf(manifest), files: await this.#files(kind, manifest) };
  }

  /** See cosign.ts. */
  cosignedBy(digest: string, keys: readonly CosignKey[]): Promise<CosignKey | null> {
    return this.#doing("pulled", () => cosignedBy(this.#repository, digest, keys));
  }

  /** Something else than was to be lies there. */
  wrong(reason: string): VedetteError {
    return new VedetteError("VEDETTE_ARTIFACT_FORM", { address: this.address, reason });
  }

  async #files(kind: Kind, manifest: Buffer): Promise<ReadonlyMap<string, Uint8Array>> {
    const files = new Map<string, Uint8Array>();
    for (const { name, digest, size } of this.#layers(kind, manifest)) {
      const bytes = await this.#doing("pulled", () => this.#repository.blob(digest, ANSWER_MIB_MAX));
      if (bytes.length !== size) throw this.wrong(`a layer has ${bytes.length} bytes, and its manifest says ${size}`);
      files.set(name, bytes);
    }
    return files;
  }

  #layers(kind: Kind, manifest: Buffer): ReturnType<typeof layersOf> {
    try {
      return layersOf(kind, manifest);
    } catch (error) {
      throw this.wrong(reasonOf(error));
    }
  }

  async #doing<T>(deed: "pushed" | "pulled", work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      const values = { address: this.address, deed, reason: reasonOf(cause) };
      throw new VedetteError("VEDETTE_ARTIFACT_FAILED", values, { cause });
    }
  }
}
