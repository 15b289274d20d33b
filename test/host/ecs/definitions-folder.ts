// SPDX-License-Identifier: Apache-2.0
// The task definitions that people write, as the tests of `instrument` use them: definitions/*.{json,yaml},
// and in definitions/images what an image says of itself, for containers that leave their words to it
// (FILE.CONTAINER.json).
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Document } from "../../../host/ecs/node.js";
import { readDocument } from "../../../host/ecs/read.js";

export const FOLDER = join(dirname(fileURLToPath(import.meta.url)), "definitions");
const IMAGES = join(FOLDER, "images");

export interface Sample {
  readonly name: string;
  readonly document: Document;
  /** As `--image-config` takes them. */
  readonly imageConfigs: readonly string[];
}

export function samples(): Sample[] {
  const names = readdirSync(FOLDER).filter((name) => /\.(json|yaml)$/.test(name));
  return names.map((name) => ({
    name,
    document: readDocument(join(FOLDER, name)),
    imageConfigs: imageConfigsOf(name),
  }));
}

function imageConfigsOf(name: string): string[] {
  const stem = name.replace(/\.\w+$/, "");
  const files = readdirSync(IMAGES).filter((file) => file.startsWith(`${stem}.`));
  return files.map((file) => `${file.slice(stem.length + 1).replace(/\.json$/, "")}=${join(IMAGES, file)}`);
}
