// SPDX-License-Identifier: Apache-2.0
// Asks a registry what an image runs, without pulling it: a manifest, of a list the one for the task's
// processor, and the configuration that it names: Entrypoint, Cmd.
import { placeOf } from "../registry/place.js";
import { plainly, Repository } from "../registry/repository.js";
import { configOf, type ImageConfig } from "./image-config.js";

/** Of a task: what its containers run on. */
export type Architecture = "amd64" | "arm64";

interface Manifest {
  readonly manifests?: readonly {
    readonly digest: string;
    readonly platform?: { readonly os?: string; readonly architecture?: string };
  }[];
  readonly config?: { readonly digest?: string };
}

/** Throws an Error whose message says why not, and holds no secret. */
export async function askRegistry(
  image: string,
  architecture: Architecture,
  environment: NodeJS.ProcessEnv,
): Promise<ImageConfig> {
  const place = placeOf(image);
  if (place === null) throw new Error("it is no image's name");
  const repository = new Repository(place, environment);
  const manifestOf = async (reference: string): Promise<Manifest> => jsonIn(await repository.manifest(reference));
  return plainly(async () => {
    const first = await manifestOf(place.reference);
    const of = first.manifests;
    const { config } = of === undefined ? first : await manifestOf(digestFor(of, architecture));
    if (config?.digest === undefined) throw new Error("its manifest names no configuration");
    const made = jsonIn(await repository.blob(config.digest));
    if (made.architecture !== undefined && made.architecture !== architecture)
      throw new Error(`it is made for ${made.architecture}, and the task runs on ${architecture}`);
    return configOf(Object(made.config) as Record<string, unknown>);
  });
}

function digestFor(manifests: NonNullable<Manifest["manifests"]>, architecture: Architecture): string {
  const found = manifests.find(({ platform }) => platform?.os === "linux" && platform.architecture === architecture);
  if (found !== undefined) return found.digest;
  throw new Error(`it has no image for linux/${architecture}`);
}

function jsonIn(body: Buffer): Record<string, unknown> {
  return Object(JSON.parse(body.toString())) as Record<string, unknown>;
}
