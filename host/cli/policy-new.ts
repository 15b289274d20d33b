// SPDX-License-Identifier: Apache-2.0
// `vedette policy new DIR`.
import { makePolicyFolder } from "../policy/scaffold.js";
import { print } from "./print.js";

/** Makes the folder and says what to do next. Throws VEDETTE_POLICY_EXISTS where files stand in it. */
export function newPolicy(folder: string): number {
  const files = makePolicyFolder(folder);
  print([`made ${folder}: ${files.join(", ")}`, `next: edit index.ts, then \`vedette policy test ${folder}\``]);
  return 0;
}
