// SPDX-License-Identifier: Apache-2.0
// Makes a list of releases of what a tenant writes, and pushes it:
//
//   tenant: payments
//   days: 30                                                            # how long the list holds
//   policies:
//     - {policy: "oci://r.example/payments/card-data:1.3.0", percent: 10}
//     - {policy: "oci://r.example/payments/card-data:1.2.0"}           # all others
//
// Each policy is read, so that the list names what lies there now by its digest, and what the tenant's key
// has not signed is never released.
import * as z from "zod";
import { reasonOf } from "../reason.js";
import { artifactOf, RELEASES_FILE } from "./artifact.js";
import { ArtifactPlace } from "./artifact-place.js";
import { readPrivateKey, type SigningKey } from "./keys.js";
import { PolicyName } from "./policy-file.js";
import { fetchPolicy } from "./published.js";
import { type Release, type ReleaseList, readList, signList } from "./release-list.js";
import { readYaml } from "./yaml.js";

const DAY_S = 86_400;
const Written = z.strictObject({
  tenant: PolicyName,
  days: z.number().int().min(1).max(3_650).default(30),
  policies: z
    .array(z.strictObject({ policy: z.string().max(500), percent: z.number().int().min(0).max(100).default(100) }))
    .max(1_000),
});

/** What was pushed. `digest` of the artifact. */
export interface Pushed {
  readonly list: ReleaseList;
  readonly digest: string;
}

/**
 * Throws VEDETTE_RELEASES_YAML, VEDETTE_KEY_UNREADABLE, and what reading policies and pushing throws. Where a
 * list lies at `address`, it must be one of this tenant and key; the new one has a larger serial.
 */
export async function release(
  file: string,
  address: string,
  keyPath: string,
  environment: NodeJS.ProcessEnv,
): Promise<Pushed> {
  const { value: written } = readYaml(file, Written as z.ZodType<z.infer<typeof Written>>, "VEDETTE_RELEASES_YAML");
  const key = readPrivateKey(keyPath);
  const place = new ArtifactPlace(address, environment, "pull,push");
  const policies: Release[] = [];
  for (const { policy, percent } of written.policies) {
    if (new ArtifactPlace(policy, environment).registry !== place.registry)
      throw place.wrong(`${policy} is in another registry than the list, where hosts do not look`);
    policies.push({ ...(await released(policy, key, environment)), percent });
  }
  const now = Math.floor(Date.now() / 1000);
  const before = await serialAt(place, written.tenant, key);
  const { tenant, days } = written;
  const list = { tenant, serial: Math.max(now, before + 1), expires: now + days * DAY_S, policies };
  const files = new Map([[RELEASES_FILE, signList(list, key.id, key.key)]]);
  const digest = await place.push(artifactOf("releases", files, `${tenant}/releases`, String(list.serial)));
  return { list, digest };
}

async function released(
  address: string,
  { own }: SigningKey,
  environment: NodeJS.ProcessEnv,
): Promise<Omit<Release, "percent">> {
  const { name, version, digest } = await fetchPolicy(address, { own: [own], cosign: [] }, environment);
  return { name, version, address: new ArtifactPlace(address, environment).repository, digest };
}

/** Of the list that lies there; 0: none does. */
async function serialAt(place: ArtifactPlace, tenant: string, { own }: SigningKey): Promise<number> {
  const found = await place.pullIfAny("releases");
  if (found === null) return 0;
  try {
    return readList(Buffer.from(found.files.get(RELEASES_FILE) ?? []), tenant, [own]).serial;
  } catch (error) {
    throw place.wrong(reasonOf(error));
  }
}
