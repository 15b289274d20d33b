// SPDX-License-Identifier: Apache-2.0
// What an image says it runs: ENTRYPOINT and CMD. A task definition may leave them to the image, and ECS
// drops the image's CMD once the definition has an entryPoint; so wrapping such a container takes the image's
// own words. We read what tools print:
//
//   docker image inspect X          [{"RepoTags": [...], "Config": {"Entrypoint": [...], "Cmd": [...]}}]
// podman too
//   skopeo inspect --config, crane config, an OCI image config                  {"config": {"Entrypoint":
// ...}}
//   docker buildx imagetools inspect --format '{{json .Image}}'                 the same, or one for each
// platform
import { existsSync, readFileSync } from "node:fs";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";

/** An image's own words, in exec form. An empty list: the image has none. */
export interface ImageConfig {
  readonly entryPoint: readonly string[];
  readonly command: readonly string[];
}

interface Source {
  readonly path: string;
  /** The container it was given for (`NAME=FILE`). */
  readonly container: string | null;
  readonly images: readonly { readonly names: readonly string[]; readonly config: ImageConfig }[];
}

/** What all files of `--image-config` say. */
export class ImageConfigs {
  readonly #sources: readonly Source[];

  constructor(sources: readonly Source[]) {
    this.#sources = sources;
  }

  /** What was known first wins. */
  with(more: readonly Source[]): ImageConfigs {
    return new ImageConfigs([...this.#sources, ...more]);
  }

  /**
   * By the container's name (`DEFINITION/NAME` where several definitions have one of that name), by the
   * image's name, or because there is but one of each.
   */
  find(definition: string, container: string, image: string | null, isOnly: boolean): ImageConfig | undefined {
    const names = [`${definition}/${container}`, container];
    const [own] = names.flatMap((name) => this.#sources.filter((source) => source.container === name));
    if (own !== undefined) return own.images[0]!.config;
    const anyones = this.#sources.filter((source) => source.container === null).flatMap((source) => source.images);
    const named = anyones.find(({ names }) => image !== null && names.includes(image));
    if (named !== undefined) return named.config;
    return isOnly && anyones.length === 1 ? anyones[0]!.config : undefined;
  }
}

/**
 * Each argument is FILE or CONTAINER=FILE. A container's name may be what a template has in its place, as
 * `${Service}-app`; a file of the whole argument's name is that file.
 */
export function readImageConfigs(given: readonly string[]): ImageConfigs {
  return new ImageConfigs(
    given.map((argument) => {
      const [, container = null, path = argument] = existsSync(argument)
        ? []
        : (/^([^=]+)=(.+)$/s.exec(argument) ?? []);
      return { path, container, images: readImages(path) };
    }),
  );
}

/** Those, and what else is known of containers (`DEFINITION/NAME`). */
export function withImages(
  known: ImageConfigs,
  more: readonly { readonly container: string; readonly config: ImageConfig }[],
): ImageConfigs {
  return known.with(more.map(({ container, config }) => ({ path: "", container, images: [{ names: [], config }] })));
}

function readImages(path: string): Source["images"] {
  const invalid = (reason: string, cause?: unknown) =>
    new VedetteError("VEDETTE_IMAGE_CONFIG_INVALID", { path, reason }, { cause });
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw invalid(error instanceof SyntaxError ? `it is not JSON (${reasonOf(error)})` : reasonOf(error), error);
  }
  const images = imagesIn(value);
  if (images.length === 0) throw invalid("it holds no image configuration (neither Config nor config)");
  return images;
}

function imagesIn(value: unknown): Source["images"] {
  if (Array.isArray(value)) return value.flatMap(imagesIn);
  if (!isRecord(value)) return [];
  const config = value.Config ?? value.config;
  if (isRecord(config)) return [{ names: namesOf(value), config: configOf(config) }];
  return Object.values(value).flatMap((platform) =>
    isRecord(platform) && ("config" in platform || "Config" in platform) ? imagesIn(platform) : [],
  );
}

/** The part of an image's configuration that says what it runs, in Docker's words. */
export function configOf(config: Record<string, unknown>): ImageConfig {
  return { entryPoint: strings(config.Entrypoint), command: strings(config.Cmd) };
}

function namesOf(image: Record<string, unknown>): string[] {
  return [...strings(image.RepoTags), ...strings(image.RepoDigests), ...strings(image.NamesHistory)];
}

/** Docker once wrote a single string here. */
function strings(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
