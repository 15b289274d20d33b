// SPDX-License-Identifier: Apache-2.0
// All incidents, the newest first: what happened, where, how far it went, and whether it goes on.
import { useSignal } from "@preact/signals";
import type { IncidentRow } from "../../host/control/shapes.js";
import { useAsked } from "../api.js";
import { Answer, Severity, Table, Time } from "../parts.js";
import { count, tacticOf, visible } from "../words.js";

/** A page of incidents, as the API gives it. */
export interface IncidentPage {
  readonly items: readonly IncidentRow[];
  readonly next: number | null;
}

const HEAD = ["Severity", "Incident", "Where", "Tactics", "#Findings", "First", "Last", "State"];

export function Incidents() {
  const asked = useAsked<IncidentPage>("/api/v1/incidents?limit=200");
  const sought = useSignal("");
  const onlyOpen = useSignal(false);
  const isSought = (one: IncidentRow): boolean =>
    (!onlyOpen.value || one.state === "open") && textOf(one).includes(sought.value.toLowerCase());
  return (
    <>
      <h1>Incidents</h1>
      <form class="filter" onSubmit={(event) => event.preventDefault()}>
        <label for="sought">Contains</label>
        <input
          id="sought"
          type="search"
          value={sought.value}
          onInput={(event) => {
            sought.value = event.currentTarget.value;
          }}
        />
        <label>
          <input
            type="checkbox"
            checked={onlyOpen.value}
            onChange={(event) => {
              onlyOpen.value = event.currentTarget.checked;
            }}
          />
          open only
        </label>
      </form>
      <Answer asked={asked.value} isNone={({ items }) => items.length === 0} none="No incident so far.">
        {({ items, next }) => (
          <>
            <IncidentTable items={items.filter(isSought)} />
            {next !== null && <p class="quiet">The newest {items.length}; there are older ones.</p>}
          </>
        )}
      </Answer>
    </>
  );
}

/** One row an incident. */
export function IncidentTable({ items }: { items: readonly IncidentRow[] }) {
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
          <td>{one.state}</td>
        </tr>
      ))}
    </Table>
  );
}

/** The container, and the tenant whose policy raised it. */
export function whereOf({ container, tenant }: IncidentRow): string {
  const place = container === null ? "host" : (container.name ?? container.id);
  return tenant === null ? place : `${place} (${tenant})`;
}

function textOf(one: IncidentRow): string {
  return [one.title, whereOf(one), one.severity, ...one.tactics.map(tacticOf), ...one.tags].join(" ").toLowerCase();
}
