// SPDX-License-Identifier: Apache-2.0
// One incident: the tree of its processes, its timeline, and all that is known of the row that is chosen.
import { useSignal } from "@preact/signals";
import type { IncidentRow } from "../../host/control/shapes.js";
import { problemOf, tell, useAsked } from "../api.js";
import { Answer, Choice, Facts, Named, Severity, Table, Time } from "../parts.js";
import { mayAct, tenant } from "../session.js";
import { Tree } from "../tree.js";
import { count, moment, some, tacticOf, visible } from "../words.js";
import { Evidence } from "./evidence.js";
import { stateOf, VERDICT_CHOICES, VERDICTS, whereOf } from "./incidents.js";

type TimelineRow = IncidentRow["rows"][number];

export function Incident({ id }: { id: string }) {
  const asked = useAsked<IncidentRow>(`/api/v1/incidents/${id}`);
  return (
    <Answer asked={asked.value} isNone={() => false} none="">
      {(one) => <Whole one={one} />}
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
  const process = useSignal<string | null>(null);
  const pid = one.processes.find(({ key }) => key === process.value)?.pid ?? null;
  const row = one.rows[Math.min(chosen.value, one.rows.length - 1)];
  const { findings, steps, processes } = one.left_out;
  return (
    <>
      <h1>{visible(one.title)}</h1>
      <p>
        <Severity of={one.severity} /> · {stateOf(one)} · {visible(whereOf(one))} · {some(one.count, "finding")}
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
          <Tree name="Processes of the incident" all={one.processes} chosen={process} />
          {pid !== null && (
            <p>
              Rows of process {pid} alone.{" "}
              <button type="button" onClick={() => (process.value = null)}>
                All rows
              </button>
            </p>
          )}
        </section>
        <section aria-label="Timeline">
          <h2>Timeline</h2>
          <Table name="Timeline" head={["Time", "What", "Of", "#Times"]}>
            {one.rows.map(
              (each, index) =>
                (pid === null || each.pid === pid) && (
                  <tr key={`${each.first} ${index}`} class={each === row ? "chosen" : ""}>
                    <td>
                      <Time ns={each.first} />
                    </td>
                    <td>
                      <button
                        type="button"
                        class="plain"
                        data-opens
                        aria-pressed={each === row}
                        onClick={() => {
                          chosen.value = index;
                        }}
                      >
                        {each.priority !== null && <Severity of={each.priority} />} {visible(each.text)}
                      </button>
                    </td>
                    <td>
                      <Named of={each.subject ?? ""} />
                    </td>
                    <td class="number">{each.count > 1 ? `×${count(each.count)}` : ""}</td>
                  </tr>
                ),
            )}
          </Table>
        </section>
        {row !== undefined && (
          <section aria-label="The chosen row">
            <h2>{row.rule === null ? row.kind : visible(row.rule)}</h2>
            <FactsOf row={row} />
          </section>
        )}
      </div>
      {tenant.value === null && <Evidence of={one.id} />}
      <Case one={one} />
    </>
  );
}

/** What people decide, and what they decided. */
function Case({ one }: { one: IncidentRow }) {
  const [verdict, note, problem] = [useSignal(""), useSignal(""), useSignal<string | null>(null)];
  const isOpen = one.case.state === "open";
  const decide = async (event: Event): Promise<void> => {
    event.preventDefault();
    const said = isOpen && verdict.value !== "" ? { verdict: verdict.value } : {};
    const noted = note.value.trim() === "" ? {} : { note: note.value.trim() };
    try {
      await tell(`/api/v1/incidents/${one.id}`, { state: isOpen ? "closed" : "open", ...said, ...noted });
      [note.value, problem.value] = ["", null];
    } catch (error) {
      problem.value = problemOf(error);
    }
  };
  return (
    <section aria-label="Case">
      <h2>Case</h2>
      {mayAct.value && (
        <form class="filter" onSubmit={(event) => void decide(event)}>
          {isOpen && <Choice name="verdict" label="Verdict" of={verdict} options={VERDICT_CHOICES} />}
          <label for="note">Note</label>
          <textarea
            id="note"
            class="wide"
            rows={2}
            maxLength={2_000}
            value={note.value}
            onInput={(event) => {
              note.value = event.currentTarget.value;
            }}
          />
          <button type="submit">{isOpen ? "Close the case" : "Open the case again"}</button>
        </form>
      )}
      {problem.value !== null && (
        <p class="problem" role="alert">
          {problem.value}
        </p>
      )}
      <ul class="history" aria-live="polite">
        {one.history.map(({ time, who, detail }) => (
          <li key={time}>
            <time dateTime={moment(time)}>{moment(time).slice(0, 19).replace("T", " ")}</time> {visible(who)}{" "}
            {sentenceOf(detail)}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** `closed it: false positive: "a test"`. */
function sentenceOf(detail: Readonly<Record<string, unknown>>): string {
  const { case: state, verdict, note } = detail;
  const did = state === "closed" ? "closed it" : state === "open" ? "opened it again" : "wrote";
  const judged = typeof verdict === "string" && verdict in VERDICTS ? VERDICTS[verdict as keyof typeof VERDICTS] : "";
  return [did, judged, typeof note === "string" ? visible(note) : ""].filter((part) => part !== "").join(": ");
}

function FactsOf({ row }: { row: TimelineRow }) {
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
    ["findings", row.samples.length === 0 ? null : row.samples.join(" ")],
  ];
  return <Facts of={facts} />;
}
