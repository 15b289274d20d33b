// SPDX-License-Identifier: Apache-2.0
// What commands are told of Falco's rules: which files, which rules of them, and how they are judged.
import type { Config } from "./config-tree.js";

/** What a command line says of rules. */
export interface FalcoFlags {
  readonly falcoRules: readonly string[];
  readonly option: readonly string[];
  /** One of them was given as `-o`. */
  readonly usesShortOption?: boolean;
  readonly matching?: "all" | "first";
  readonly falcoExact?: boolean;
  readonly tag: readonly string[];
  readonly withoutTag: readonly string[];
  readonly withoutRule: readonly string[];
  readonly strict?: boolean;
  /** The folder where evidence of findings is kept, also of those whose rules ask for a capture. */
  readonly evidence?: string;
  /** falco.yaml, which options change. */
  readonly config?: Config;
}
