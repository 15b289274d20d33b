// SPDX-License-Identifier: Apache-2.0
// `vedette policy sign DIR --key FILE`.
import { findPolicies } from "../policy/discover.js";
import { SIGNATURE_FILE, signPolicy } from "../policy/signature.js";
import { print } from "./print.js";

/** Signs the policy at `path`, or all below it. Makes the key where `key` names no file. */
export function signPolicies(path: string, key: string): number {
  for (const folder of findPolicies(path)) {
    const { id, isNewKey, serial } = signPolicy(folder, key);
    if (isNewKey) print([`made the key ${key}, which stays with you, and ${key}.pub, which tenants.yaml names`]);
    print([`${folder}/${SIGNATURE_FILE}: signed with the key ${id}, serial ${serial}`]);
  }
  return 0;
}
