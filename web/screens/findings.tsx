// SPDX-License-Identifier: Apache-2.0
// Alerts, one by one, as Falco's users know them: the newest, or those that somebody looks for.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { FindingRow } from "../../host/control/shapes.js";
import { queryOf, useAsked } from "../api.js";
import { Answer, Choice, Field, Named, Pages, Severity, Table, usePages } from "../parts.js";
import { query } from "../place.js";
import { count } from "../words.js";
import { LEAST } from "./incidents.js";

interface FindingPage {
  readonly items: readonly FindingRow[];
  readonly next: string | null;
  readonly complete: boolean;
  readonly damaged: number;
  /** Null: no condition was asked. */
  readonly looked: number | null;
}

const HOUR_MS = 3_600_000;
const WHEN = [
  ["", "at any time"],
  ["1", "in the last hour"],
  ["24", "in the last day"],
  ["168", "in the last week"],
] as const;

export function Findings() {
  const given = (name: string): string => query.value.get(name) ?? "";
  const [text, rule, container] = [useSignal(given("text")), useSignal(given("rule")), useSignal(given("container"))];
  const [priority, hours, since] = [useSignal(""), useSignal(given("hours")), useSignal("")];
  const condition = useSignal(given("condition"));
  const sought = {
    ...{ text: text.value, rule: rule.value, container: container.value, priority: priority.value },
    condition: condition.value.trim(),
  };
  const pages = usePages({ ...sought, hours: hours.value });
  useEffect(() => {
    const ms = Date.now() - Number(hours.value) * HOUR_MS;
    since.value = hours.value === "" ? "" : `${new Date(ms).toISOString().slice(0, 16)}Z`;
  }, [JSON.stringify(sought), hours.value]);
  const isSought = [...Object.values(sought), hours.value].some((one) => one !== "");
  const asked = useAsked<FindingPage>(
    `/api/v1/findings${queryOf({ ...sought, since: since.value, before: pages.cursor.value, limit: "100" })}`,
    sought.condition !== "",
  );
  return (
    <>
      <h1>Findings</h1>
      <form class="filter" onSubmit={(event) => event.preventDefault()}>
        <Field name="text" label="Words" of={text} isWide />
        <Field name="rule" label="Rule" of={rule} />
        <Field name="container" label="Container" of={container} />
        <Choice name="priority" label="Priority" of={priority} options={LEAST} />
        <Choice name="when" label="When" of={hours} options={WHEN} />
        <Field
          name="condition"
          label="Condition"
          of={condition}
          isWide
          example="proc.name = sh and fd.name startswith /etc"
        />
        <button type="submit">Find</button>
      </form>
      <Answer
        asked={asked.value}
        isNone={({ items, complete }) => items.length === 0 && complete && pages.cursor.value === ""}
        none={isSought ? "No finding is like that." : "No finding so far."}
      >
        {(page) => (
          <>
            <Table name="Findings" head={["Time", "Priority", "Rule", "Output", "Incident"]}>
              {page.items.map(({ seq, alert, incident }) => (
                <tr key={seq}>
                  <td title={alert.time}>{alert.time.slice(0, 23).replace("T", " ")}</td>
                  <td>
                    <Severity of={alert.priority} />
                  </td>
                  <td class="text">
                    <Named of={alert.rule} />
                  </td>
                  <td class="text">
                    <Named of={String(alert.output ?? "")} />
                  </td>
                  <td>{incident !== null && <a href={`#/incidents/${incident}`}>its incident</a>}</td>
                </tr>
              ))}
            </Table>
            {page.looked !== null && <p class="quiet">The condition was asked about {count(page.looked)} findings.</p>}
            <Pages pages={pages} page={page} />
          </>
        )}
      </Answer>
    </>
  );
}
