// SPDX-License-Identifier: Apache-2.0
// What an earlier `instrument` was told about images, read back from what it wrote: a container whose
// entryPoint it added holds the image's own words behind the agent's. So a second run needs no --image-config
// again.
import { containersOf } from "./containers.js";
import { type Definition, findDefinitions } from "./definition.js";
import { type ImageConfig, ImageConfigs } from "./image-config.js";
import { journalIn } from "./journal.js";
import { AGENT_PATH } from "./layout.js";
import type { Document, Node } from "./node.js";
import { pointer } from "./path.js";

/** What was told wins over what is remembered. Make it with RememberedImages.of(). */
export class RememberedImages extends ImageConfigs {
  readonly #told: ImageConfigs;
  readonly #remembered: ReadonlyMap<string, ImageConfig>;

  private constructor(told: ImageConfigs, remembered: ReadonlyMap<string, ImageConfig>) {
    super([]);
    this.#told = told;
    this.#remembered = remembered;
  }

  static of(document: Document, told: ImageConfigs): ImageConfigs {
    const remembered = findDefinitions(document).flatMap(rememberedIn);
    return remembered.length === 0 ? told : new RememberedImages(told, new Map(remembered));
  }

  override find(definition: string, container: string, image: string | null, isOnly: boolean): ImageConfig | undefined {
    const told = this.#told.find(definition, container, image, isOnly);
    return told ?? this.#remembered.get(`${definition}/${container}`);
  }
}

function rememberedIn(definition: Definition): [string, ImageConfig][] {
  const added = new Set(
    journalIn(definition.properties)
      ?.notes.filter(({ mark }) => mark !== "^")
      .map((note) => note.pointer),
  );
  if (added.size === 0) return [];
  return containersOf(definition).flatMap(({ name, node, way }): [string, ImageConfig][] => {
    const isAdded = (key: string) => added.has(pointer(definition.properties, [...way, definition.key(key)]));
    if (!isAdded("entryPoint")) return [];
    const words = wordsOf(definition.get(node, "entryPoint"));
    const entryPoint = words[0] === AGENT_PATH ? words.slice(words.indexOf("--") + 1) : words;
    return [
      [
        `${definition.id}/${name}`,
        { entryPoint, command: isAdded("command") ? wordsOf(definition.get(node, "command")) : [] },
      ],
    ];
  });
}

function wordsOf(node: Node | undefined): string[] {
  return node?.kind === "list" ? node.items.map((item) => (item.kind === "scalar" ? String(item.value) : "")) : [];
}
