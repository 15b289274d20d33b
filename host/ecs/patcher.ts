// SPDX-License-Identifier: Apache-2.0
// What other rooms may use of the patcher of task definitions: a document in, the same with Vedette in it
// out, and back. How it is read, edited and remembered stays in this room.
export { instrumentAssembly, isAssembly } from "./assembly.js";
export { unifiedDiff } from "./diff.js";
export { type ImageConfigs, readImageConfigs } from "./image-config.js";
export { instrument } from "./instrument.js";
export type { Document } from "./node.js";
export { givenOptions, type RunOptions } from "./options.js";
export { patchOf, patchText } from "./patch.js";
export { parseDocument, readDocument } from "./read.js";
export { isDescribed, registerable } from "./registerable.js";
export { imagesOfRegistries } from "./registry-images.js";
export { undo } from "./undo.js";
