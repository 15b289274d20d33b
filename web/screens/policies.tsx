// SPDX-License-Identifier: Apache-2.0
// Each policy: whether it judges, what it raised, and what it costs.
import type { PolicyRow, PolicyTried } from "../../host/control/shapes.js";
import { queryOf, useAct, useAsked } from "../api.js";
import { Answer, ByRule, Named, Table, Time } from "../parts.js";
import { query } from "../place.js";
import { mayTest } from "../session.js";
import { count, some, visible } from "../words.js";

const HEAD = [
  "Policy",
  "Version",
  "State",
  "#Rules",
  "#Events",
  "#Alerts",
  "#Held back",
  "#ns/event",
  "#MiB",
  "Last error",
];

export const nameOf = ({ tenant, policy }: Pick<PolicyRow, "tenant" | "policy">): string =>
  tenant === "" ? policy : `${tenant}/${policy}`;

export function Policies() {
  const { busy, said, act } = useAct<PolicyTried>("/api/v1/policies/test");
  const asked = useAsked<readonly PolicyRow[]>("/api/v1/policies");
  const condition = query.value.get("condition") ?? "";
  return (
    <>
      <h1>Policies</h1>
      {condition !== "" && (
        <p>
          Choose the policy that is to explain the event <code>{visible(condition)}</code>.
        </p>
      )}
      <div role="status">{said.value !== null && <Tried {...said.value} />}</div>
      <Answer asked={asked.value} isNone={(rows) => rows.length === 0} none="No policy is loaded.">
        {(rows) => (
          <Table name="Policies" head={mayTest.value ? [...HEAD, "Test"] : HEAD}>
            {rows.map((one) => (
              <tr key={`${one.tenant}/${one.policy}`}>
                <td>
                  <a href={`#/policies${queryOf({ tenant: one.tenant, policy: one.policy, condition })}`}>
                    {visible(nameOf(one))}
                  </a>
                </td>
                <td>{visible(one.version)}</td>
                <td class={one.state === "judging" ? "" : "problem"}>{one.state}</td>
                <td class="number">{count(one.rules)}</td>
                <td class="number">{count(one.events)}</td>
                <td class="number">{count(one.alerts)}</td>
                <td class="number">{count(one.suppressed)}</td>
                <td class="number">{one.nsPerEvent.toFixed(0)}</td>
                <td class="number">{(one.memoryBytes / 2 ** 20).toFixed(1)}</td>
                <td class="text">
                  <Named of={one.lastError ?? ""} />
                </td>
                {mayTest.value && (
                  <td>
                    {one.state !== "refused" && (
                      <button
                        type="button"
                        aria-label={`Test ${visible(nameOf(one))} on what just happened`}
                        disabled={busy.value !== null}
                        onClick={() => void act(nameOf(one), { tenant: one.tenant, policy: one.policy })}
                      >
                        {busy.value === nameOf(one) ? "Testing …" : "Test"}
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

/** What a policy said to what just happened. It began from nothing. */
export function Tried({ of, value, problem }: { of: string; value: PolicyTried | null; problem: string | null }) {
  if (value === null) return <p class="problem">{problem}</p>;
  const { events, from, to, left_out, fault, rules, samples } = value;
  const all = rules.reduce((sum, one) => sum + one.count, left_out);
  return (
    <section aria-label="Test">
      <h2>
        Test of <Named of={of} />
      </h2>
      {events === 0 ? (
        <p class="quiet">No event has come so far that it could be shown.</p>
      ) : (
        <p>
          It was shown {some(events, "event")}
          {from !== null && to !== null && (
            <>
              {" "}
              from <Time ns={from} /> to <Time ns={to} />
            </>
          )}
          , from a new state, and raised {some(all, "alert")}.
        </p>
      )}
      {fault !== null && <p class="problem">It failed: {visible(fault)}</p>}
      {left_out > 0 && <p class="quiet">The last {count(left_out)} of them are too many to be told by rule.</p>}
      <ByRule name="Alerts of the test by rule" heads={["#Alerts"]} of={rules} counts={(one) => [one.count]} />
      {samples.length > 0 && (
        <Table name="First alerts of the test" head={["Time", "Output"]}>
          {samples.map((one, index) => (
            <tr key={`${one.time} ${index}`}>
              <td>
                <Time ns={one.time} />
              </td>
              <td class="text">
                <Named of={one.output} />
              </td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}
