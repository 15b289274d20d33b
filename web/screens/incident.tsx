// SPDX-License-Identifier: Apache-2.0
// One incident: the tree of its processes, its timeline, and all that is known of the row that is chosen.
import { useSignal } from "@preact/signals";
import type { IncidentRow } from "../../host/control/shapes.js";
import { useAsked } from "../api.js";
import { Answer, Severity, Table, Time } from "../parts.js";
import { count, some, tacticOf, visible } from "../words.js";
import { type IncidentPage, whereOf } from "./incidents.js";

type TimelineRow = IncidentRow["rows"][number];
type TreeRow = IncidentRow["processes"][number];

export function Incident({ id }: { id: string }) {
  const asked = useAsked<IncidentPage>("/api/v1/incidents?limit=1000");
  const idOf = ({ items }: IncidentPage) => items.find((one) => one.id === id || one.merged.includes(id));
  return (
    <Answer asked={asked.value} isNone={(page) => idOf(page) === undefined} none="This incident is not kept any more.">
      {(page) => <Whole one={idOf(page)!} />}
    </Answer>
  );
}

function Whole({ one }: { one: IncidentRow }) {
  const chosen = useSignal(
    Math.max(
      0,
      one.rows.findIndex(({ kind }) => kind === "finding"),
    ),
  );
  const row = one.rows[Math.min(chosen.value, one.rows.length - 1)];
  const { findings, steps, processes } = one.left_out;
  return (
    <>
      <h1>{visible(one.title)}</h1>
      <p>
        <Severity of={one.severity} /> · {one.state} · {visible(whereOf(one))} · {some(one.count, "finding")}
        {one.repeats > 0 && `, ${count(one.repeats)} of them repeats`} · {one.tactics.map(tacticOf).join(" → ")}
      </p>
      {findings + steps + processes > 0 && (
        <p class="problem">
          Without room here: {some(findings, "finding")}, {some(steps, "step")}, processes: {count(processes)}.
        </p>
      )}
      <div class="panes">
        <section aria-label="Processes">
          <h2>Processes</h2>
          <Tree all={one.processes} />
        </section>
        <section aria-label="Timeline">
          <h2>Timeline</h2>
          <Table name="Timeline" head={["Time", "What", "Of", "#Times"]}>
            {one.rows.map((each, index) => (
              <tr key={`${each.first} ${index}`} class={each === row ? "chosen" : ""}>
                <td>
                  <Time ns={each.first} />
                </td>
                <td>
                  <button
                    type="button"
                    class="plain"
                    aria-pressed={each === row}
                    onClick={() => {
                      chosen.value = index;
                    }}
                  >
                    {each.priority !== null && <Severity of={each.priority} />} {visible(each.text)}
                  </button>
                </td>
                <td>{visible(each.subject ?? "")}</td>
                <td class="number">{each.count > 1 ? `×${count(each.count)}` : ""}</td>
              </tr>
            ))}
          </Table>
        </section>
        {row !== undefined && (
          <section aria-label="The chosen row">
            <h2>{row.rule === null ? row.kind : visible(row.rule)}</h2>
            <Facts row={row} />
          </section>
        )}
      </div>
    </>
  );
}

/** The parents' rows first, each child behind its parent, further in. */
function Tree({ all }: { all: readonly TreeRow[] }) {
  const known = new Set(all.map(({ key }) => key));
  const under = (parent: string | null): TreeRow[] =>
    all.filter((one) => (parent === null ? one.parent === null || !known.has(one.parent) : one.parent === parent));
  const list = (rows: TreeRow[]) => (
    <ul class="tree">
      {rows.map((one) => (
        <li key={one.key}>
          <span class={one.isFound ? "found" : ""}>
            {visible(one.name ?? "?")} <span class="quiet">{one.pid}</span>
            {one.isFound && <span class="quiet"> finding</span>}
          </span>
          {one.command !== null && <code>{visible(one.command)}</code>}
          {under(one.key).length > 0 && list(under(one.key))}
        </li>
      ))}
    </ul>
  );
  return list(under(null));
}

function Facts({ row }: { row: TimelineRow }) {
  const facts: readonly (readonly [string, string | null])[] = [
    ["what", row.text],
    ["of", row.subject],
    ["command", row.command],
    ["process", row.pid === null ? null : String(row.pid)],
    ["policy", row.policy],
    ["rule", row.rule],
    ["priority", row.priority],
    ["runbook", row.runbook],
    ["times", String(row.count)],
    ["findings", row.samples.length === 0 ? null : row.samples.join("\n")],
  ];
  return (
    <dl>
      {facts.map(
        ([name, value]) =>
          value !== null && (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value.split("\n").map(visible).join(" ")}</dd>
            </div>
          ),
      )}
    </dl>
  );
}
