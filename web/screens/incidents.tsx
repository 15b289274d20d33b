// SPDX-License-Identifier: Apache-2.0
// All incidents, the newest first: what happened, where, how far it went, and whether it goes on.
import { useSignal } from "@preact/signals";
import type { IncidentBrief } from "../../host/control/shapes.js";
import { queryOf, useAsked } from "../api.js";
import { Answer, Choice, Field, Pages, Severity, Table, Time, usePages } from "../parts.js";
import { count, tacticOf, visible } from "../words.js";

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
const CASES = [
  ["", "all"],
  ["open", "open"],
  ["closed", "closed"],
] as const;

export function Incidents() {
  const [text, severity, state] = [useSignal(""), useSignal(""), useSignal("")];
  const sought = { text: text.value, severity: severity.value, case: state.value };
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
            <IncidentTable items={page.items} />
            <Pages pages={pages} page={page} />
          </>
        )}
      </Answer>
    </>
  );
}

/** One row an incident. */
export function IncidentTable({ items }: { items: readonly IncidentBrief[] }) {
  return (
    <Table name="Incidents" head={HEAD}>
      {items.map((one) => (
        <tr key={one.id}>
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
