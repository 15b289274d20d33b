// SPDX-License-Identifier: Apache-2.0
// What several screens are made of.
import type { ComponentChildren } from "preact";
import type { Asked } from "./api.js";
import { clock, levelOf, moment, shapeOf } from "./words.js";

/** Severity by shape, word and colour. */
export function Severity({ of }: { of: string }) {
  return (
    <span class={`severity ${levelOf(of)}`}>
      <span aria-hidden="true">{shapeOf(of)}</span> {of}
    </span>
  );
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
