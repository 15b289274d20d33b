// SPDX-License-Identifier: Apache-2.0
// Versions that rule files ask for: of Falco's engine, whose rule language this is, and of plugins, of which
// the container plugin's fields are built in.

/** A version of semver's form, without what stands behind the patch. */
export interface Version {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

/** What this implementation of the rule language answers to. */
export const ENGINE_VERSION: Version = { major: 0, minor: 63, patch: 0 };
/** Plugins of Falco whose fields are built in here. */
export const PLUGINS: ReadonlyMap<string, Version> = new Map([["container", { major: 0, minor: 7, patch: 1 }]]);

/** Undefined for what is no MAJOR.MINOR.PATCH. */
export function parseVersion(text: string): Version | undefined {
  const found = /^(\d+)\.(\d+)\.(\d+)(?:[-+].*)?$/.exec(text);
  return found ? { major: Number(found[1]), minor: Number(found[2]), patch: Number(found[3]) } : undefined;
}

/** MAJOR.MINOR.PATCH. */
export function versionText(v: Version): string {
  return `${v.major}.${v.minor}.${v.patch}`;
}

/** Within one major, a later version serves what an earlier one did. */
export function satisfies(have: Version, need: Version): boolean {
  if (have.major !== need.major) return false;
  return have.minor !== need.minor ? have.minor > need.minor : have.patch >= need.patch;
}
