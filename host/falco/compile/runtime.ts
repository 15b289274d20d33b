// SPDX-License-Identifier: Apache-2.0
// What compiled rules call: comparisons of bytes, look-ups, and the making of texts. Text form: see
// text-form.ts.
//
// A text is an address and a size; a size below 0 means that there is none. Texts that are not in the frame
// as they are get built at the end of the arena: $begin, then $put... as often as needed, then $finish gives
// the size. What does not fit is cut off.
import { ADDRESS_FUNCS } from "./runtime/address.js";
import { COMPARE_FUNCS } from "./runtime/compare.js";
import { DNS_FUNCS } from "./runtime/dns.js";
import { LIST_FUNCS } from "./runtime/list.js";
import { OPTION_FUNCS } from "./runtime/option.js";
import { PROCESS_FUNCS } from "./runtime/process.js";
import { PUT_FUNCS } from "./runtime/put.js";
import { SET_FUNCS } from "./runtime/sets.js";
import { TRANSFORM_FUNCS } from "./runtime/transform.js";
import type { Func } from "./wasm.js";

/** All functions of the run-time. Every compiled policy has them. */
export const RUNTIME: readonly Func[] = [
  ...COMPARE_FUNCS,
  ...PROCESS_FUNCS,
  ...PUT_FUNCS,
  ...ADDRESS_FUNCS,
  ...DNS_FUNCS,
  ...TRANSFORM_FUNCS,
  ...LIST_FUNCS,
  ...OPTION_FUNCS,
  ...SET_FUNCS,
];
