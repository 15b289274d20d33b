// SPDX-License-Identifier: Apache-2.0
// All incidents, the newest first: what happened, where, how far it went, and whether it goes on.
import { type Signal, useSignal } from "@preact/signals";
import type { IncidentBrief, IncidentsDecided } from "../../host/control/shapes.js";
import { queryOf, useAct, useAsked } from "../api.js";
import { Answer, Choice, Field, Pages, Severity, Table, Time, usePages } from "../parts.js";
import { mayAct } from "../session.js";
import { count, some, tacticOf, visible } from "../words.js";

/** A page of incidents, as the API gives it. */
export interface IncidentPage {
  readonly items: readonly IncidentBrief[];
  readonly next: string | null;
  readonly complete: boolean;
  readonly damaged: number;
}

const HEAD = ["Severity", "Incident", "Where", "Tactics", "#Findings", "First", "Last", "State"];
/** Grades, each with those that are graver. */
export const LEAST = [
  ["", "any"],
  ["Critical", "critical and graver"],
  ["Warning", "warning and graver"],
  ["Notice", "notice and graver"],
] as const;
/** Of a name that is read aloud. */
const NAME_MAX = 100;
const CASES = [
  ["", "all"],
  ["open", "open"],
  ["closed", "closed"],
] as const;

export function Incidents() {
  const [text, severity, state] = [useSignal(""), useSignal(""), useSignal("")];
  const sought = { text: text.value, severity: severity.value, case: state.value };
  const chosen = useSignal<ReadonlySet<string>>(new Set());
  const pages = usePages(sought);
  const isSought = Object.values(sought).some((one) => one !== "");
  const asked = useAsked<IncidentPage>(
    `/api/v1/incidents${queryOf({ ...sought, before: pages.cursor.value, limit: "100" })}`,
  );
  return (
    <>
      <h1>Incidents</h1>
      <form class="filter" onSubmit={(event) => event.preventDefault()}>
        <Field name="sought" label="Contains" of={text} />
        <Choice name="severity" label="Severity" of={severity} options={LEAST} />
        <Choice name="case" label="Case" of={state} options={CASES} />
        <button type="submit">Find</button>
      </form>
      <Answer
        asked={asked.value}
        isNone={({ items }) => items.length === 0 && pages.cursor.value === ""}
        none={isSought ? "No incident is like that." : "No incident so far."}
      >
        {(page) => (
          <>
            {mayAct.value && <CloseChosen items={page.items} chosen={chosen} />}
            <IncidentTable items={page.items} chosen={mayAct.value ? chosen : null} />
            <Pages pages={pages} page={page} />
          </>
        )}
      </Answer>
    </>
  );
}

const isOpen = ({ case: decided }: IncidentBrief): boolean => decided.state === "open";

/** Closes the cases of those that were chosen, of the page that is shown. */
function CloseChosen({ items, chosen }: { items: readonly IncidentBrief[]; chosen: Signal<ReadonlySet<string>> }) {
  const [verdict, note] = [useSignal(""), useSignal("")];
  const { busy, said, act } = useAct<IncidentsDecided>("/api/v1/incidents");
  const open = items.filter(isOpen).map(({ id }) => id);
  const ids = open.filter((id) => chosen.value.has(id));
  const close = async (event: Event): Promise<void> => {
    event.preventDefault();
    const judged = verdict.value === "" ? {} : { verdict: verdict.value };
    const noted = note.value.trim() === "" ? {} : { note: note.value.trim() };
    await act("", { ids, state: "closed", ...judged, ...noted });
    if (said.value?.value !== null) [chosen.value, note.value] = [new Set(), ""];
  };
  return (
    <form class="filter" aria-label="Close cases" onSubmit={(event) => void close(event)}>
      <button
        type="button"
        disabled={open.length === 0}
        onClick={() => {
          chosen.value = new Set(ids.length < open.length ? open : []);
        }}
      >
        {ids.length < open.length ? `Choose all ${count(open.length)}` : "Choose none"}
      </button>
      <Choice name="verdict" label="Verdict" of={verdict} options={VERDICT_CHOICES} />
      <Field name="note" label="Note" of={note} isWide />
      <button type="submit" disabled={ids.length === 0 || busy.value !== null}>
        Close {some(ids.length, "case")}
      </button>
      <span role="status">{said.value !== null && <Closed {...said.value} />}</span>
    </form>
  );
}

function Closed({ value, problem }: { value: IncidentsDecided | null; problem: string | null }) {
  if (value === null) return <span class="problem">{problem}</span>;
  const gone = value.missing.length;
  return (
    <>
      {some(value.decided, "case")} closed.
      {gone > 0 && <span class="problem"> {some(gone, "incident")} not kept any more.</span>}
    </>
  );
}

/** One row an incident. `chosen`: those that somebody chose; null: nothing can be done with them. */
export function IncidentTable(props: { items: readonly IncidentBrief[]; chosen?: Signal<ReadonlySet<string>> | null }) {
  const { items, chosen = null } = props;
  return (
    <Table name="Incidents" head={chosen === null ? HEAD : ["Chosen", ...HEAD]}>
      {items.map((one) => (
        <tr key={one.id}>
          {chosen !== null && (
            <td>
              {isOpen(one) && (
                <input
                  type="checkbox"
                  aria-label={`Choose ${visible(one.title).slice(0, NAME_MAX)}`}
                  checked={chosen.value.has(one.id)}
                  onChange={({ currentTarget: { checked } }) => {
                    const without = [...chosen.value].filter((id) => id !== one.id);
                    chosen.value = new Set(checked ? [...without, one.id] : without);
                  }}
                />
              )}
            </td>
          )}
          <td>
            <Severity of={one.severity} />
          </td>
          <td>
            <a href={`#/incidents/${one.id}`}>{visible(one.title)}</a>
          </td>
          <td>{visible(whereOf(one))}</td>
          <td>{one.tactics.map(tacticOf).join(", ")}</td>
          <td class="number">{count(one.count)}</td>
          <td>
            <Time ns={one.first} />
          </td>
          <td>
            <Time ns={one.last} />
          </td>
          <td>{stateOf(one)}</td>
        </tr>
      ))}
    </Table>
  );
}

/** The container, and the tenant whose policy raised it. */
export function whereOf({ container, tenant }: IncidentBrief): string {
  const place = container === null ? "host" : (container.name ?? container.id);
  return tenant === null ? place : `${place} (${tenant})`;
}

/** Whether it goes on, and what people said of it. */
export function stateOf({ state, case: decided }: IncidentBrief): string {
  const goesOn = state === "open" ? "goes on" : "over";
  if (decided.state === "open") return goesOn;
  return `${goesOn}, closed${decided.verdict === null ? "" : `: ${VERDICTS[decided.verdict]}`}`;
}

/** What a person says of an incident. */
export const VERDICTS = { true_positive: "true positive", false_positive: "false positive" } as const;
/** The same where nothing need be said. */
export const VERDICT_CHOICES = [["", "no verdict"], ...Object.entries(VERDICTS)] as const;
