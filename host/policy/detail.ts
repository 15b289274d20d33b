// SPDX-License-Identifier: Apache-2.0
// What a policy is, for whoever looks at one: its parameters, its rules, the rows that it prevents by, and
// its text. Its author may be another user, so what is shown has a bound as a whole, and says where it was
// cut.
import { statSync } from "node:fs";
import type { LoadedPolicy } from "../engine/policy.js";
import { type Bundle, openBundle } from "./bundle.js";
import { POLICY_FILE } from "./policy-file.js";

/** Characters of all files of one policy, and of all else that is said of it. */
const TEXT_MAX = 64 << 10;
/** Bytes of a file that is looked into. */
const FILE_BYTES_MAX = 1 << 20;
/** Characters of one name or value. */
const WORD_MAX = 1_000;
const RULES_MAX = 200;

/** One file of a policy, as it was when it was loaded. */
export interface PolicyText {
  readonly name: string;
  readonly text: string;
  /** False: what is behind was left out. */
  readonly isWhole: boolean;
}

/** One policy that runs. */
export interface PolicyDetail {
  /** Its folder, or its file. */
  readonly place: string;
  readonly parameters: readonly { readonly name: string; readonly value: string; readonly default: string }[];
  readonly rules: readonly {
    readonly name: string;
    readonly desc: string;
    readonly priority: string;
    readonly output: string;
    readonly tags: readonly string[];
    readonly events: readonly string[];
    readonly enabled: boolean;
    readonly exceptions: readonly string[];
    readonly runbook: string | null;
  }[];
  readonly prevents: readonly {
    readonly name: string;
    readonly deny: string;
    readonly action: string;
    readonly mode: string;
  }[];
  /** Null: it has no text, or it is not known any more. */
  readonly files: readonly PolicyText[] | null;
  /** Some of it was cut, or left out. */
  readonly more: boolean;
}

/** Text that is left, of which each takes what it needs. */
class Room {
  #left = TEXT_MAX;
  isCut = false;

  cut(text: string, most = WORD_MAX): string {
    const end = Math.min(text.length, most, this.#left);
    this.#left -= end;
    if (end < text.length) this.isCut = true;
    return text.slice(0, end);
  }

  /** So many of a list; and none that nothing would be left of. */
  some<T, U>(all: readonly T[], most: number, of: (one: T) => U): U[] {
    const found: U[] = [];
    for (const one of all.slice(0, most)) if (this.#left > 0) found.push(of(one));
    if (found.length < all.length) this.isCut = true;
    return found;
  }
}

/** `files`: its text. */
export function detailOf(policy: LoadedPolicy, files: readonly PolicyText[] | null): PolicyDetail {
  const room = new Room();
  const word = (text: string): string => room.cut(text);
  const value = (of: unknown): string => word(JSON.stringify(of ?? null));
  const { parameters: known } = policy.admitted.metadata;
  const parameters = room.some(known, RULES_MAX, ({ name, default: usual }) => ({
    ...{ name: word(name), value: value(policy.parameters[name]), default: value(usual) },
  }));
  const rules = room.some(policy.rules, RULES_MAX, (rule) => ({
    ...{ name: word(rule.name), desc: word(rule.desc), priority: rule.priority, output: word(rule.output) },
    ...{ tags: room.some(rule.tags, 50, word), events: room.some(rule.events, 200, word), enabled: rule.enabled },
    exceptions: room.some(rule.exceptions ?? [], 50, ({ name }) => word(name)),
    runbook: rule.grouping?.runbook === undefined ? null : word(rule.grouping.runbook),
  }));
  const prevents = room.some(policy.prevent ?? [], RULES_MAX, ({ name, deny, action, mode }) => ({
    ...{ name: word(name), deny, action, mode },
  }));
  return { place: word(policy.place), parameters, rules, prevents, files, more: room.isCut };
}

/** The texts of a bundle: policy.yaml first. */
export function textsOf(bundle: Bundle): PolicyText[] {
  const names = bundle.names().filter((name) => /\.(ts|yaml)$/.test(name));
  const room = new Room();
  return room.some(
    names.toSorted((a, b) => Number(b === POLICY_FILE) - Number(a === POLICY_FILE)),
    50,
    (name) => {
      const whole = readable(bundle, name);
      const text = room.cut(whole ?? "", TEXT_MAX);
      return { name, text, isWhole: text.length === whole?.length };
    },
  );
}

/** Null: it is too large, or gone. */
function readable(bundle: Bundle, name: string): string | null {
  try {
    return Buffer.from(bundle.read(name, FILE_BYTES_MAX)).toString();
  } catch {
    return null;
  }
}

/** Of the operator's own policy, as its folder holds it now; null: it is no folder, or cannot be read. */
export function textsAt(place: string): PolicyText[] | null {
  try {
    return statSync(place).isDirectory() ? textsOf(openBundle(place)) : null;
  } catch {
    return null;
  }
}
