// SPDX-License-Identifier: Apache-2.0
// All containers of a file whose images must be known, at once: with the commands that tell of the images,
// and the options to give then.
import { VedetteError } from "../errors.js";
import type { Container } from "./containers.js";
import type { Definition } from "./definition.js";
import { imageName } from "./image-name.js";

/** A container that leaves its entryPoint to an image that nobody described. */
export interface Missing {
  readonly definition: Definition;
  readonly container: Container;
}

/** The error that names all of them: VEDETTE_IMAGE_CONFIG_NEEDED. */
export function imagesNeeded(missing: readonly Missing[]): VedetteError {
  const [first] = missing;
  const { path, line } = first!.definition.where(first!.container.node, first!.container.way);
  const names = missing.map(({ definition, container }) => fullName(definition, container, missing));
  const files = new Map<string, string>();
  const commands: string[] = [];
  for (const { definition, container } of missing) {
    const { name, said } = imageName(definition, definition.get(container.node, "image"));
    const image = name ?? said;
    if (files.has(image)) continue;
    const file = `${container.name.replace(/[^\w.-]+/g, "_")}.image${files.size === 0 ? "" : `-${files.size + 1}`}.json`;
    files.set(image, file);
    if (name === null) commands.push(`IMAGE=...   # the image that ${said} becomes`);
    commands.push(`docker image inspect ${name === null ? '"$IMAGE"' : quoted(name)} > ${file}`);
  }
  const options = missing.map(({ definition, container }, index) => {
    const { name, said } = imageName(definition, definition.get(container.node, "image"));
    return `--image-config ${quoted(`${names[index]}=${files.get(name ?? said)}`)}`;
  });
  return new VedetteError("VEDETTE_IMAGE_CONFIG_NEEDED", {
    path,
    line,
    containers: names.length === 1 ? `the container ${names[0]} leaves` : `${names.length} containers leave`,
    names: names.join(", "),
    commands: commands.map((one) => `    ${one}`).join("\n"),
    options: options.join(" "),
  });
}

/** With its definition in front where another one has a container of that name. */
function fullName(definition: Definition, { name }: Container, missing: readonly Missing[]): string {
  const isElsewhere = missing.some((one) => one.definition !== definition && one.container.name === name);
  return isElsewhere ? `${definition.id}/${name}` : name;
}

/** For a shell. */
function quoted(word: string): string {
  return /^[\w./:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
