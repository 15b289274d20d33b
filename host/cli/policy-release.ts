// SPDX-License-Identifier: Apache-2.0
// `vedette policy release FILE ADDRESS --key FILE`.
import { release } from "../policy/release.js";
import { print } from "./print.js";

/** Makes a list of releases of `file`, pushes it, and says what it has. */
export async function pushReleases(file: string, address: string, key: string): Promise<number> {
  const { list, digest } = await release(file, address, key, process.env);
  for (const { name, version, digest: of, percent } of list.policies)
    print([`${name} ${version}, ${percent} %: ${of}`]);
  print([`${address}: ${digest}, serial ${list.serial}, until ${new Date(list.expires * 1000).toISOString()}`]);
  return 0;
}
