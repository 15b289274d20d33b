// SPDX-License-Identifier: Apache-2.0
// `vedette policy push`, `pull` and `verify`: policies in a registry.
import { VedetteError } from "../errors.js";
import { fetchPolicy, type Published, pushPolicy, trustedKeys, writePolicy } from "../policy/published.js";
import { print } from "./print.js";

/** What `pull` and `verify` are told of signatures. */
export interface TrustFlags {
  readonly key: string[];
  readonly unsigned?: boolean;
}

/** Pushes the policy in `folder`, and says under which digest it is there. */
export async function push(folder: string, address: string): Promise<number> {
  const digest = await pushPolicy(folder, address, process.env);
  print([`${address}: ${digest}`]);
  return 0;
}

/** Writes the policy at `address` to `folder`. */
export async function pull(address: string, folder: string, flags: TrustFlags): Promise<number> {
  const policy = await trusted("pull", address, flags);
  writePolicy(policy.bundle, folder);
  print([`${folder}: ${told(policy)}`]);
  return 0;
}

/** Says what is at `address`, and whose signature it has. */
export async function verify(address: string, flags: TrustFlags): Promise<number> {
  print([`${address}: ${told(await trusted("verify", address, flags))}`]);
  return 0;
}

function trusted(command: string, address: string, { key, unsigned = false }: TrustFlags): Promise<Published> {
  if (key.length > 0 === unsigned)
    throw new VedetteError("VEDETTE_USAGE", {
      problem: unsigned ? "--key and --unsigned exclude each other." : "Give --key with a public key of who signed it.",
      command: `policy ${command}`,
    });
  return fetchPolicy(address, unsigned ? null : trustedKeys(key), process.env);
}

function told({ name, version, digest, signer }: Published): string {
  return `${name} ${version}, ${digest}, ${signer === null ? "signature not looked at" : `signed with ${signer}`}`;
}
