// SPDX-License-Identifier: Apache-2.0
// The value of one option of Falco's configuration, and each way in which options.ts reads one: as Falco
// reads it, or refused with what it must be.
import { isIP } from "node:net";
import { VedetteError } from "../errors.js";
import { PRIORITIES, type Priority } from "../finding/priority.js";
import type { ConfigNode } from "./config-tree.js";
import { isEventType } from "./event-types.js";
import { parsePriority } from "./items.js";
import { type Extra, type ExtraField, SUGGESTED_FIELDS } from "./output-format.js";
import type { Selection } from "./select.js";

/** Of weeks, days, hours, minutes, seconds and milliseconds. */
const INTERVALS_MS = [604_800_000, 86_400_000, 3_600_000, 60_000, 1_000, 1];
/** As in Falco. */
const INTERVAL_MS_MIN = 100;
/** Of a timer. */
const INTERVAL_MS_MAX = 2_147_483_647;

/** `node`: what stands there; `option`: what an error calls it. What reads it throws VEDETTE_FALCO_OPTION. */
export class OptionValue {
  readonly #raw: string;
  readonly #option: string;
  readonly #node: ConfigNode;

  constructor(option: string, node: ConfigNode) {
    this.#option = option;
    this.#node = node;
    this.#raw = typeof node === "string" ? node : "";
  }

  get text(): string {
    return this.#raw;
  }

  get bool(): boolean {
    if (/^(true|yes|on|y|1)$/i.test(this.#raw)) return true;
    if (/^(false|no|off|n|0)$/i.test(this.#raw)) return false;
    return fail(this.#option, "the value must be true or false");
  }

  /** A number from 0 to 1. */
  get share(): number {
    if (!/^(0|0?\.\d+|1(\.0+)?)$/.test(this.#raw)) fail(this.#option, "the value must be a number from 0 to 1");
    return Number(this.#raw);
  }

  /** A number of 0 or more, and its least. */
  measure(least = 0): number {
    const value = Number(this.#raw);
    if (!/^(\d+|\d*\.\d+)$/.test(this.#raw) || value < least)
      fail(this.#option, `the value must be a number of at least ${least}`);
    return value;
  }

  count(least: number, most = Number.MAX_SAFE_INTEGER): number {
    const value = Number(this.#raw);
    if (!/^\d+$/.test(this.#raw) || value < least)
      fail(this.#option, `the value must be a number of at least ${least}`);
    if (value > most) fail(this.#option, `the value must be at most ${most}`);
    return value;
  }

  /** As Prometheus writes it, or milliseconds. */
  get interval(): number {
    const [whole, ...parts] =
      /^(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?$/.exec(this.#raw) ?? [];
    const ms = parts.reduce((all, part, i) => all + Number(part ?? 0) * (INTERVALS_MS[i] as number), 0);
    const value = /^\d+$/.test(this.#raw) ? Number(this.#raw) : whole === undefined ? Number.NaN : ms;
    if (Number.isNaN(value)) fail(this.#option, "the value must be a time like 1h, 15m or 1m30s");
    if (value < INTERVAL_MS_MIN) fail(this.#option, `the value must be at least ${INTERVAL_MS_MIN} ms`);
    return Math.min(value, INTERVAL_MS_MAX);
  }

  /** Of this machine, to listen at. */
  get address(): string {
    if (isIP(this.#raw) === 0) fail(this.#option, "the value must be an address of IPv4 or IPv6");
    return this.#raw;
  }

  /** A system call of Falco's base_syscalls; `!NAME`: it is left out. */
  get call(): { readonly name: string; readonly isLeftOut: boolean } {
    const [, mark, name = ""] = /^(!?)(\w+)$/.exec(this.#raw) ?? [];
    if (!isEventType(name)) fail(this.#option, "the value must be the name of a system call, or ! and such a name");
    return { name, isLeftOut: mark === "!" };
  }

  /** Of a page. */
  get path(): string {
    if (!/^\/[!-~]*$/.test(this.#raw) || /[?#]/.test(this.#raw))
      fail(this.#option, "the value must be a path that begins with /");
    return this.#raw;
  }

  of<T extends string>(values: readonly T[]): T {
    const found = values.find((value) => value.toLowerCase() === this.#raw.toLowerCase());
    return found ?? fail(this.#option, `the value must be one of ${values.join(", ")}`);
  }

  /** Of an entry of append_output that says only this. */
  get suggestedAlone(): boolean | null {
    const keys = typeof this.#node === "object" && this.#node !== null ? Object.keys(this.#node) : [];
    if (keys.length !== 1 || keys[0] !== "suggested_output") return null;
    return new OptionValue(this.#option, this.#map(["suggested_output"]).suggested_output as ConfigNode).bool;
  }

  get url(): string {
    if (!URL.canParse(this.#raw) || !/^https?:/.test(this.#raw))
      fail(this.#option, "the value must be an http or https URL");
    return this.#raw;
  }

  get priority(): Priority {
    return parsePriority(this.#raw) ?? this.of(PRIORITIES);
  }

  /** {match: {source, rule, tags}, extra_output, extra_fields, suggested_output} */
  get extra(): Extra[] {
    const value = this.#map(["match", "extra_output", "extra_fields", "suggested_output"]);
    const match = (value.match ?? {}) as Record<string, unknown>;
    const unknown = Object.keys(match).find((key) => !["source", "rule", "tags"].includes(key));
    if (unknown !== undefined) fail(this.#option, `match has no key ${unknown}`);
    const { extra_output: format, extra_fields: fields } = value;
    if (format !== undefined && typeof format !== "string") fail(this.#option, "extra_output must be a text");
    const { source, rule, tags } = match as { source?: string; rule?: string; tags?: string[] };
    const where = { ...(source ? { source } : {}), ...(rule ? { rule } : {}), ...(tags ? { tags } : {}) };
    const extra = {
      ...where,
      ...(format === undefined ? {} : { format }),
      ...(fields === undefined ? {} : { fields: this.#fields(fields) }),
    };
    const { suggested_output: suggested } = value;
    const isSuggested = suggested !== undefined && new OptionValue(this.#option, suggested as ConfigNode).bool;
    return [extra, ...(isSuggested ? SUGGESTED_FIELDS.map((one) => ({ ...one, ...where })) : [])];
  }

  /** Names of fields, and {NAME: FORMAT}. */
  #fields(value: unknown): ExtraField[] {
    if (!Array.isArray(value)) fail(this.#option, "extra_fields must be a list");
    const fields = (value as unknown[]).map((one): ExtraField => {
      if (typeof one === "string") return { name: one, format: null };
      const entries = Object.entries((one ?? {}) as Record<string, unknown>);
      const [name, format] = entries[0] ?? [];
      if (entries.length !== 1 || name === undefined || typeof format !== "string") {
        return fail(this.#option, "each of extra_fields must be a field or {NAME: FORMAT}");
      }
      return { name, format };
    });
    const twice = fields.find(({ name }, i) => fields.findIndex((one) => one.name === name) < i);
    if (twice) fail(this.#option, `extra_fields has ${twice.name} twice`);
    return fields;
  }

  /** {enable: {rule: GLOB}} or {disable: {tag: TAG}} */
  get selection(): Selection {
    const value = this.#map(["enable", "disable"]);
    const [verb, what] = Object.entries(value)[0] ?? [];
    const { rule, tag } = (what ?? {}) as { rule?: string; tag?: string };
    if (rule === undefined && tag === undefined) fail(this.#option, "it must name a rule or a tag");
    return {
      isEnabled: verb === "enable",
      ...(rule !== undefined ? { rule } : {}),
      ...(tag !== undefined ? { tag } : {}),
    };
  }

  #map(keys: readonly string[]): Record<string, unknown> {
    const value = this.#node;
    if (typeof value !== "object" || value === null || Array.isArray(value))
      fail(this.#option, "the value must be a mapping");
    const unknown = Object.keys(value).find((key) => !keys.includes(key));
    if (unknown !== undefined) fail(this.#option, `it has no key ${unknown} here`);
    return value;
  }
}

/** Throws VEDETTE_FALCO_OPTION. */
export function fail(option: string, reason: string): never {
  throw new VedetteError("VEDETTE_FALCO_OPTION", { option, reason });
}
