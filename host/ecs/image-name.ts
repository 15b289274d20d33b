// SPDX-License-Identifier: Apache-2.0
// The image that a container names, as far as the file itself says it: a template's parameter may have a
// default, and `Fn::Sub` puts such defaults into a text. What only a deployment knows (an account's number,
// an import) stays open.
import type { Definition } from "./definition.js";
import { intrinsicOf } from "./intrinsic.js";
import { get, type Node, textOf } from "./node.js";

/**
 * What a file says of an image. `name`: null where only a deployment knows it; `said`: the words that stand
 * there.
 */
export interface ImageName {
  readonly name: string | null;
  readonly said: string;
}

/** Reads the `image` of a container. */
export function imageName(definition: Definition, image: Node | undefined): ImageName {
  if (image === undefined) return { name: null, said: "no image" };
  const text = textOf(image);
  if (text !== undefined) return { name: text, said: text };
  const { document } = definition;
  const said = document.text.slice(image.start, image.end).replace(/\s+/g, " ");
  return { name: resolved(definition, image), said };
}

function resolved(definition: Definition, node: Node): string | null {
  const intrinsic = intrinsicOf(node);
  const argument = intrinsic?.argument;
  const text = argument?.kind === "scalar" && typeof argument.value === "string" ? argument.value : null;
  if (text === null) return null;
  if (intrinsic!.name === "Ref") return defaultOf(definition, text);
  if (intrinsic!.name !== "Fn::Sub") return null;
  let isOpen = false;
  const filled = text.replace(/\$\{([^}!]+)\}/g, (_, name: string) => {
    const value = defaultOf(definition, name);
    isOpen ||= value === null;
    return value ?? "";
  });
  return isOpen ? null : filled;
}

function defaultOf({ document }: Definition, parameter: string): string | null {
  const value = get(document.root, "Parameters", parameter, "Default");
  return textOf(value) ?? null;
}
