// SPDX-License-Identifier: Apache-2.0
// Modules for tests: assembled from text by binaryen (it comes with the compiler), with the metadata that
// admission asks for.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { SCHEMA, SCHEMA_MINOR } from "../../../build/generated/events.js";
import { SECTION } from "../../../host/wasm/metadata.js";

interface Binaryen {
  readonly Features: { readonly All: number };
  parseText(text: string): {
    addCustomSection(name: string, bytes: Uint8Array): void;
    emitBinary(): Uint8Array;
    setFeatures(features: number): void;
    dispose(): void;
  };
}
const binaryen = (await import(createRequire(import.meta.url).resolve("binaryen"))).default as Binaryen;

export const HAND_WRITTEN = readFileSync(fileURLToPath(new URL("./hand-written.wat", import.meta.url)), "utf8");

export const METADATA = {
  abi: 1,
  schema: SCHEMA.toString(16).padStart(16, "0"),
  minor: SCHEMA_MINOR,
  name: "hand-written",
  version: "1",
  rules: [
    {
      name: "Failed open",
      desc: "",
      priority: "Notice",
      output: "%evt.res of %proc.name",
      tags: ["test"],
      events: ["openat"],
    },
  ],
  parameters: [] as { name: string; kind: string; default: unknown }[],
  state: "",
};

/** Assembles a module; `metadata` null: without the section. */
export function assemble(wat: string, metadata: unknown = METADATA): Uint8Array {
  const module = parse(wat);
  module.setFeatures(binaryen.Features.All);
  if (metadata !== null)
    module.addCustomSection(
      SECTION,
      typeof metadata === "string" ? Buffer.from(metadata) : Buffer.from(JSON.stringify(metadata)),
    );
  const bytes = module.emitBinary();
  module.dispose();
  return bytes;
}

function parse(wat: string): ReturnType<Binaryen["parseText"]> {
  try {
    return binaryen.parseText(wat);
  } catch (error) {
    throw new Error(`binaryen: ${(error as { message: string }).message}\n${wat}`); // what it throws is no Error
  }
}

/** The hand-written policy with parts of its text replaced, each of which must stand there. */
export function changed(...changes: readonly (readonly [from: string, to: string])[]): string {
  return changes.reduce((wat, [from, to]) => {
    if (!wat.includes(from)) throw new Error(`the policy has no ${from}`);
    return wat.replace(from, to);
  }, HAND_WRITTEN);
}
