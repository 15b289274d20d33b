// SPDX-License-Identifier: Apache-2.0
// What several screens are made of.
import { type Signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import type { Asked } from "./api.js";
import { clock, count, levelOf, moment, shapeOf, some, visible } from "./words.js";

/** Severity by shape, word and colour. */
export function Severity({ of }: { of: string }) {
  return (
    <span class={`severity ${levelOf(of)}`}>
      <span aria-hidden="true">{shapeOf(of)}</span> {of}
    </span>
  );
}

const LONG = 240;

/**
 * What somebody else named, as text. A browser takes a minute to lay out a hundred arguments of 4 KiB, so the
 * rest of a long text is shown to whoever asks for it.
 */
export function Named({ of }: { of: string }) {
  const isWhole = useSignal(false);
  const text = visible(of);
  if (text.length <= LONG) return <>{text}</>;
  return (
    <>
      {isWhole.value ? text : text.slice(0, LONG)}{" "}
      <button
        type="button"
        class="more"
        aria-expanded={isWhole.value}
        onClick={() => {
          isWhole.value = !isWhole.value;
        }}
      >
        {isWhole.value ? "less" : `… ${count(text.length - LONG)} more`}
      </button>
    </>
  );
}

/** What is known of one thing: names and values; what is null is not said. `children`: further ones. */
export function Facts(props: { of: readonly (readonly [string, string | null])[]; children?: ComponentChildren }) {
  return (
    <dl>
      {props.of.map(
        ([name, value]) =>
          value !== null && (
            <div key={name}>
              <dt>{name}</dt>
              <dd>
                <Named of={value} />
              </dd>
            </div>
          ),
      )}
      {props.children}
    </dl>
  );
}

/** How many findings there were about something, and where they are told. */
export function FoundOf({ of: { findings, incident } }: { of: { findings: number | null; incident: string | null } }) {
  if (findings === null) return <span class="quiet">not known any more</span>;
  if (findings === 0) return null;
  if (incident === null) return <>{some(findings, "finding")}</>;
  return <a href={`#/incidents/${incident}`}>{some(findings, "finding")}</a>;
}

/** Of a screen that shows a running Vedette alone: what is said where a store is looked at. */
export function NotOfStore({ what }: { what: string }) {
  return <p class="quiet">Nobody looks at {what} here: this is a store, and it keeps findings and incidents.</p>;
}

/** `ns` since the epoch, as text. */
export function Time({ ns }: { ns: string }) {
  return (
    <time dateTime={moment(ns)} title={moment(ns)}>
      {clock(ns)}
    </time>
  );
}

/** The answer's value under what can be wrong with it. `none`: what is said where there is nothing. */
export function Answer<T>(props: {
  asked: Asked<T>;
  isNone: (value: T) => boolean;
  none: string;
  children: (value: T) => ComponentChildren;
}) {
  const { asked, isNone, none, children } = props;
  return (
    <>
      {asked.state === "failed" && (
        <p class="problem" role="alert">
          {asked.problem}
        </p>
      )}
      {asked.value === null ? (
        asked.state === "looking" && <p class="quiet">Looking …</p>
      ) : isNone(asked.value) ? (
        <p class="quiet">{none}</p>
      ) : (
        children(asked.value)
      )}
    </>
  );
}

/** A column's title; `#` before it: a column of numbers. */
type Title = string;

/** A table that scrolls by itself where the window is narrow. `name` says what it is of. */
export function Table(props: { name: string; head: readonly Title[]; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: who has no mouse scrolls it by keys (WCAG 2.1.1).
    <section class="scrolls" aria-label={props.name} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {props.head.map((title) => (
              <th key={title} scope="col" class={title.startsWith("#") ? "number" : ""}>
                {title.replace("#", "")}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{props.children}</tbody>
      </table>
    </section>
  );
}

/** How many alerts of each rule there are: a column for each of `heads`. Nothing where there is no rule. */
export function ByRule<Row extends { readonly rule: string; readonly priority: string }>(props: {
  name: string;
  heads: readonly Title[];
  of: readonly Row[];
  counts: (row: Row) => readonly number[];
}) {
  if (props.of.length === 0) return null;
  return (
    <Table name={props.name} head={["Priority", "Rule", ...props.heads]}>
      {props.of.map((one) => (
        <tr key={one.rule}>
          <td>
            <Severity of={one.priority} />
          </td>
          <td class="text">
            <Named of={one.rule} />
          </td>
          {props.counts(one).map((number, column) => (
            <td key={column} class="number">
              {count(number)}
            </td>
          ))}
        </tr>
      ))}
    </Table>
  );
}

/** A field that is sought by when it is left, or by Enter. */
export function Field(props: { name: string; label: string; of: Signal<string>; isWide?: boolean; example?: string }) {
  const { name, label, of, isWide = false, example = "" } = props;
  return (
    <>
      <label for={name}>{label}</label>
      <input
        id={name}
        type="search"
        class={isWide ? "wide" : ""}
        placeholder={example}
        value={of.value}
        onChange={(event) => {
          of.value = event.currentTarget.value;
        }}
      />
    </>
  );
}

/** One of some words; the first of them is an empty value. */
export function Choice<T extends string>(props: {
  name: string;
  label: string;
  of: Signal<T>;
  options: readonly (readonly [value: T, text: string])[];
}) {
  const { name, label, of, options } = props;
  return (
    <>
      <label for={name}>{label}</label>
      <select
        id={name}
        value={of.value}
        onChange={(event) => {
          of.value = event.currentTarget.value as T;
        }}
      >
        {options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </>
  );
}

interface PagesShown {
  readonly cursor: Signal<string>;
  readonly before: Signal<readonly string[]>;
}

/**
 * Where pages come one behind the other: the cursor of the one that is shown. The first one again, whenever
 * something else is `sought`.
 */
export function usePages(sought: Readonly<Record<string, string>>): PagesShown {
  const pages = { cursor: useSignal(""), before: useSignal<readonly string[]>([]) };
  useEffect(() => {
    pages.cursor.value = "";
    pages.before.value = [];
  }, [JSON.stringify(sought)]);
  return pages;
}

/** Goes on to older rows, and back. */
export function Pages(props: {
  pages: PagesShown;
  page: { readonly next: string | null; readonly complete: boolean; readonly damaged: number };
}) {
  const { cursor, before } = props.pages;
  const { next, complete, damaged } = props.page;
  return (
    <p class="pages">
      <button
        type="button"
        disabled={before.value.length === 0}
        onClick={() => {
          cursor.value = before.value.at(-1) ?? "";
          before.value = before.value.slice(0, -1);
        }}
      >
        Newer
      </button>
      <button
        type="button"
        disabled={next === null}
        onClick={() => {
          before.value = [...before.value, cursor.value];
          cursor.value = next ?? "";
        }}
      >
        Older
      </button>
      {!complete && <span class="problem"> Not all was looked through yet: go on with Older.</span>}
      {damaged > 0 && <span class="problem"> {damaged} rows cannot be read any more.</span>}
    </p>
  );
}
