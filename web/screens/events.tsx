// SPDX-License-Identifier: Apache-2.0
// Events as they come, under a condition of Falco's. What the page or the host left out is said.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { problemOf, queryOf } from "../api.js";
import { Named, NotOfStore, Table, Time } from "../parts.js";
import { query } from "../place.js";
import { from } from "../session.js";
import { follow, type Gap } from "../stream.js";
import { count, some } from "../words.js";

type Event = Readonly<Record<string, unknown>>;

const ROWS_MAX = 500;
const COLUMNS = ["evt.type", "proc.name", "proc.pid", "fd.name", "evt.res"] as const;

export function Events() {
  if (from.value !== "store") return <Live />;
  return (
    <>
      <h1>Events</h1>
      <NotOfStore what="events" />
    </>
  );
}

function Live() {
  const typed = useSignal(query.value.get("filter") ?? "");
  const condition = useSignal(typed.peek());
  const isPaused = useSignal(false);
  const rows = useSignal<readonly Event[]>([]);
  const seen = useSignal(0);
  const missed = useSignal(0);
  const batches = useSignal(0);
  const problem = useSignal<string | null>(null);
  /** The condition whose rows are shown. */
  const told = useRef(condition.peek());

  useEffect(() => {
    if (told.current !== condition.value) {
      // Here and not where it was typed: until now rows of the condition before could come.
      told.current = condition.value;
      rows.value = [];
      [seen.value, missed.value, batches.value] = [0, 0, 0];
    }
    if (isPaused.value) return;
    const over = new AbortController();
    let come: Event[] = [];
    const show = setInterval(() => {
      if (come.length === 0) return;
      seen.value += come.length;
      rows.value = [...come.reverse(), ...rows.value].slice(0, ROWS_MAX);
      come = [];
    }, 200);
    problem.value = null;
    follow(condition.value, {
      signal: over.signal,
      onEvent: (event) => come.push(event),
      onGap: (gap: Gap) => {
        missed.value += gap.missed;
        batches.value += gap.batches;
      },
    }).catch((error: unknown) => {
      if (!over.signal.aborted) problem.value = problemOf(error, "The stream has ended.");
    });
    return () => {
      clearInterval(show);
      over.abort();
    };
  }, [condition.value, isPaused.value]);

  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    condition.value = typed.value.trim();
  };
  return (
    <>
      <h1>Events</h1>
      <form class="filter" onSubmit={submit}>
        <label for="condition">Condition</label>
        <input
          id="condition"
          class="wide"
          placeholder="evt.type = openat and fd.name startswith /etc"
          value={typed.value}
          onInput={(event) => {
            typed.value = event.currentTarget.value;
          }}
        />
        <button type="submit">Filter</button>
        <button
          type="button"
          aria-pressed={isPaused.value}
          onClick={() => {
            isPaused.value = !isPaused.value;
          }}
        >
          {isPaused.value ? "Go on" : "Pause"}
        </button>
      </form>
      {problem.value !== null && (
        <p class="problem" role="alert">
          {problem.value}
        </p>
      )}
      <p class="quiet">
        {count(seen.value)} events came{missed.value > 0 && `, ${count(missed.value)} were left out`}; the newest{" "}
        {count(rows.value.length)}:
      </p>
      {missed.value > 0 && (
        <p class="quiet">
          Vedette shows as many events a second as your browser reads, within a bound. Policies judge all of them. A
          narrower condition leaves out fewer.
        </p>
      )}
      {batches.value > 0 && (
        <p class="problem">
          {some(batches.value, "batch", "batches")} of events had gone before they could be read. Nobody counted what
          was in them.
        </p>
      )}
      <Table name="Events" head={["Time", ...COLUMNS, "Policies"]}>
        {rows.value.map((event) => (
          <tr key={`${event["evt.time"]} ${event["thread.tid"]} ${event["evt.num"]}`}>
            <td>
              <Time ns={String(event["evt.time"] ?? "0")} />
            </td>
            {COLUMNS.map((name) => (
              <td key={name} class={name === "fd.name" ? "text" : ""}>
                <Named of={String(event[name] ?? "")} />
              </td>
            ))}
            <td>
              <a href={`#/policies${queryOf({ condition: conditionOf(event) })}`}>Explain</a>
            </td>
          </tr>
        ))}
      </Table>
    </>
  );
}

/** That this event alone matches, as long as it is one of the newest. */
function conditionOf(event: Event): string {
  return `evt.num = ${event["evt.num"]} and thread.tid = ${event["thread.tid"]} and evt.type = ${event["evt.type"]}`;
}
