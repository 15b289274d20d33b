// SPDX-License-Identifier: Apache-2.0
//
// For the fuzzer of the host: where the things of the attacked host lie, as plain words that its processes
// can tell each other.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The container of the honest agent, which has a secret of its own. */
export const CONTAINER = "shop";
export const TENANTS =
  "tenants:\n  team: {limits: {policies: 5}}\n  other: {isolation: process, limits: {policies: 2}}\n";

/** Paths. */
export interface Place {
  readonly policies: string;
  readonly tenants: string;
  /** Of the control API. */
  readonly control: string;
  /** The task's secret. */
  readonly secret: string;
  /** The secret of the honest agent's container. */
  readonly own: string;
}

/** Makes what the host wants to find. */
export function makePlace(folder: string): Place {
  const inside = (name: string): string => join(folder, name);
  const place = {
    policies: inside("policies.d"),
    tenants: inside("tenants.yaml"),
    control: inside("control.sock"),
    secret: inside("secret"),
    own: inside("own"),
  };
  mkdirSync(place.policies);
  writeFileSync(place.tenants, TENANTS);
  return place;
}

/** The options of `vedette serve`. */
export function wordsOf({ policies, tenants, control, secret, own }: Place): string[] {
  const options = {
    "secret-file": secret,
    "container-secret": `${CONTAINER}=${own}`,
    "policies-d": policies,
    tenants,
    control,
  };
  return Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
}
