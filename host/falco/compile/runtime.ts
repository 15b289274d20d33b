// SPDX-License-Identifier: Apache-2.0
// What compiled rules call: comparisons of bytes, look-ups, and the making of texts. Text form: see text-form.ts.
//
// A text is an address and a size; a size below 0 means that there is none. Texts that are not in the frame as they are get built
// at the end of the arena: $begin, then $put... as often as needed, then $finish gives the size. What does not fit is cut off.
import { kAddressFuncs } from "./runtime/address.js";
import { kCompareFuncs } from "./runtime/compare.js";
import { kListFuncs } from "./runtime/list.js";
import { kOptionFuncs } from "./runtime/option.js";
import { kProcessFuncs } from "./runtime/process.js";
import { kPutFuncs } from "./runtime/put.js";
import { kTransformFuncs } from "./runtime/transform.js";
import type { Func } from "./wasm.js";

export const kRuntime: readonly Func[] = [
  ...kCompareFuncs,
  ...kProcessFuncs,
  ...kPutFuncs,
  ...kAddressFuncs,
  ...kTransformFuncs,
  ...kListFuncs,
  ...kOptionFuncs,
];
