// SPDX-License-Identifier: Apache-2.0
// Where alerts go, the store among them: whether they get there, what waits, and what was lost.
import type { OutputRow, OutputTried } from "../../host/control/shapes.js";
import { useAct, useAsked } from "../api.js";
import { Answer, Named, Table } from "../parts.js";
import { mayTest } from "../session.js";
import { count, visible } from "../words.js";

const HEAD = ["Output", "Kind", "State", "#Waiting", "#Oldest", "#Sent", "#Tried again", "#Dropped", "Last error"];
/** A store is no receiver. */
const isTestable = ({ kind }: OutputRow): boolean => kind !== "store";

export function Outputs() {
  const asked = useAsked<readonly OutputRow[]>("/api/v1/outputs");
  const { busy, said, act } = useAct<OutputTried>("/api/v1/outputs/test");
  return (
    <>
      <h1>Outputs</h1>
      <div role="status">{said.value !== null && <Said {...said.value} />}</div>
      <Answer asked={asked.value} isNone={(rows) => rows.length === 0} none="There is no output.">
        {(rows) => (
          <Table name="Outputs" head={mayTest.value ? [...HEAD, "Test"] : HEAD}>
            {rows.map((one) => (
              <tr key={`${one.kind} ${one.name}`}>
                <td>{visible(one.name)}</td>
                <td>{one.kind}</td>
                <td class={one.state === "ok" ? "" : "problem"}>{one.state}</td>
                <td class="number">{count(one.queued)}</td>
                <td class="number">{one.queued === 0 ? "" : `${(one.oldestMs / 1000).toFixed(1)} s`}</td>
                <td class="number">{count(one.sent)}</td>
                <td class="number">{count(one.retries)}</td>
                <td class="number">{droppedText(one)}</td>
                <td class="text">
                  <Named of={one.lastError?.message ?? ""} />
                </td>
                {mayTest.value && (
                  <td>
                    {isTestable(one) && (
                      <button
                        type="button"
                        aria-label={`Send a test to ${visible(one.name)}`}
                        disabled={busy.value !== null}
                        onClick={() => void act(one.name, { name: one.name, kind: one.kind })}
                      >
                        {busy.value === one.name ? "Sending …" : "Send test"}
                      </button>
                    )}
                  </td>
                )}
              </tr>
            ))}
          </Table>
        )}
      </Answer>
    </>
  );
}

/** What became of a test. */
function Said({ of, value, problem }: { of: string; value: OutputTried | null; problem: string | null }) {
  const isTaken = value?.end === "taken";
  return (
    <p class={isTaken ? "well" : "problem"}>
      {isTaken ? "✓" : "✗"} <Named of={of} />: {value === null ? problem : ENDS[value.end]}
      {value !== null && ` (${count(value.ms)} ms)`}
      {value !== null && value.error !== null && (
        <>
          {" "}
          <Named of={value.error} />
        </>
      )}
    </p>
  );
}

const ENDS = {
  taken: "the test was taken.",
  refused: "the receiver refused the test.",
  gone: "nobody reads there any more.",
  full: "there is no room for a test: so much waits.",
  closed: "it is closed.",
  waiting: "the test waits still, behind what came before it.",
} as const;

/** `12 (full 10, closed 2)`. */
function droppedText({ dropped }: OutputRow): string {
  const there = Object.entries(dropped).filter(([, times]) => times > 0);
  const all = there.reduce((sum, [, times]) => sum + times, 0);
  return all === 0 ? "0" : `${count(all)} (${there.map(([why, times]) => `${why} ${count(times)}`).join(", ")})`;
}
