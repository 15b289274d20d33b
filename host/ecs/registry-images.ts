// SPDX-License-Identifier: Apache-2.0
// `--registry`: what images run, asked of their registries, for the containers of a file that leave it to
// them and whose images nobody described. All are asked before anything is said, so that one run names every
// image that cannot be asked for.
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import { type ImageConfigs, withImages } from "./image-config.js";
import { imageName } from "./image-name.js";
import { missingImages } from "./instrument.js";
import type { Missing } from "./missing-images.js";
import { type Document, textOf } from "./node.js";
import type { RunOptions } from "./options.js";
import { type Architecture, askRegistry } from "./registry.js";

const AT_ONCE = 4;

interface Wanted {
  readonly image: string;
  readonly architecture: Architecture;
  readonly of: readonly Missing[];
}

/**
 * What is known already, and what registries say. An image whose name only a deployment knows stays unknown.
 * Throws VEDETTE_REGISTRY_FAILED.
 */
export async function imagesOfRegistries(
  document: Document,
  wanted: RunOptions,
  known: ImageConfigs,
  environment: NodeJS.ProcessEnv,
): Promise<ImageConfigs> {
  const asked = wantedOf(missingImages(document, wanted, known));
  const answers: Parameters<typeof withImages>[1][number][] = [];
  const failures: string[] = [];
  for (let at = 0; at < asked.length; at += AT_ONCE)
    await Promise.all(
      asked.slice(at, at + AT_ONCE).map(async ({ image, architecture, of }) => {
        try {
          const config = await askRegistry(image, architecture, environment);
          for (const { definition, container } of of)
            answers.push({ container: `${definition.id}/${container.name}`, config });
        } catch (error) {
          failures.push(`${image}: ${reasonOf(error)}`);
        }
      }),
    );
  if (failures.length > 0) {
    const reasons = failures.toSorted().map((one) => `  ${one}`);
    throw new VedetteError("VEDETTE_REGISTRY_FAILED", { count: failures.length, reasons: reasons.join("\n") });
  }
  return withImages(known, answers);
}

/** Each image once for each processor. */
function wantedOf(missing: readonly Missing[]): Wanted[] {
  const found = new Map<string, { image: string; architecture: Architecture; of: Missing[] }>();
  for (const one of missing) {
    const { definition, container } = one;
    const { name: image } = imageName(definition, definition.get(container.node, "image"));
    if (image === null) continue;
    const processor = textOf(definition.get(definition.properties, "runtimePlatform", "cpuArchitecture"));
    const architecture = processor === "ARM64" ? "arm64" : "amd64";
    const key = `${architecture} ${image}`;
    const wanted = found.get(key) ?? { image, architecture, of: [] };
    wanted.of.push(one);
    found.set(key, wanted);
  }
  return [...found.values()];
}
