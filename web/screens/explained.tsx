// SPDX-License-Identifier: Apache-2.0
// What kept a policy's rules from firing for what just happened, or made them fire: the terms that decided,
// with what they looked at. It is `vedette policy explain`, asked of a Vedette that runs.
import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { PolicyExplained } from "../../host/control/shapes.js";
import { useAct } from "../api.js";
import { Named, Table, Time } from "../parts.js";
import { query } from "../place.js";
import { count, some, visible } from "../words.js";

type Rule = PolicyExplained["rules"][number];
type Near = Rule["nearest"][number];

/** Asks about all of the newest events, or about those of a condition, which the address may have. */
export function Explain({ tenant, policy, place }: { tenant: string; policy: string; place: string }) {
  const { busy, said, act } = useAct<PolicyExplained>("/api/v1/policies/explain");
  const condition = useSignal(query.value.get("condition") ?? "");
  const ask = (): void => void act(policy, { tenant, policy, condition: condition.value.trim() });
  useEffect(() => {
    if (condition.peek() !== "") ask();
  }, []);
  return (
    <section aria-label="Why">
      <h2>Why a rule fires, or does not</h2>
      <form
        class="filter"
        onSubmit={(event) => {
          event.preventDefault();
          ask();
        }}
      >
        <Condition of={condition} />
        <button type="submit" disabled={busy.value !== null}>
          {busy.value === null ? "Explain what just happened" : "Explaining …"}
        </button>
      </form>
      <div role="status">
        {said.value?.value != null && <Told of={said.value.value} />}
        {said.value?.problem != null && (
          <p class="problem">
            {visible(said.value.problem)} A recording is explained by{" "}
            <code>{visible(`vedette policy explain RECORDING --policy ${place}`)}</code>.
          </p>
        )}
      </div>
    </section>
  );
}

function Condition({ of }: { of: Signal<string> }) {
  return (
    <>
      <label for="why">Events</label>
      <input
        id="why"
        class="wide"
        placeholder="all; or a condition: proc.name = cat"
        value={of.value}
        onInput={(event) => {
          of.value = event.currentTarget.value;
        }}
      />
    </>
  );
}

function Told({ of: { events, chosen, from, to, rules } }: { of: PolicyExplained }) {
  if (events === 0) return <p class="quiet">No event has come so far that it could be shown.</p>;
  return (
    <>
      <p>
        It was shown {some(events, "event")}
        {from !== null && to !== null && (
          <>
            {" "}
            from <Time ns={from} /> to <Time ns={to} />
          </>
        )}
        , from a new state. {chosen === events ? "All" : count(chosen)} of them {chosen === 1 ? "is" : "are"} asked
        about.
      </p>
      {chosen === 0 && (
        <p class="quiet">The condition matches none of them. An event that is older than they are cannot be shown.</p>
      )}
      {chosen > 0 && rules.map((one) => <OfRule key={one.rule} of={one} />)}
    </>
  );
}

function OfRule({ of: { rule, fired, events, nearest } }: { of: Rule }) {
  return (
    <>
      <h3>
        <Named of={rule} />
      </h3>
      {events === 0 ? (
        <p class="quiet">None of these events has a type that it asks for.</p>
      ) : (
        <p>
          {fired === 0 ? "It did not fire for any" : `It fired for ${count(fired)}`} of {some(events, "event")}
          {nearest.length > 0 && (fired === 0 ? "; these came nearest:" : ":")}
        </p>
      )}
      {nearest.map((one, index) => (
        <OfEvent key={`${index}`} of={one} isFired={fired > 0} />
      ))}
    </>
  );
}

function OfEvent({ of: { count: all, event, terms }, isFired }: { of: Near; isFired: boolean }) {
  return (
    <>
      <p>
        <Named of={event} />
        {all > 1 && <span class="quiet"> and {some(all - 1, "event")} like it</span>}
      </p>
      {terms.length === 0 ? (
        <p class="quiet">No answer of its terms changes that.</p>
      ) : (
        <>
          <Table name="Terms" head={["Was", "Term", "What it looked at", "Line"]}>
            {terms.map(({ term, is, values, at }) => (
              <tr key={`${term} ${at}`}>
                <td class={is ? "" : "problem"}>{is ? "true" : "false"}</td>
                <td class="text">
                  <Named of={term} />
                </td>
                <td class="text">
                  {values.map(({ name, value }) => (
                    <div key={name}>
                      <Named of={value === null ? `${name} is not there` : `${name} is ${value}`} />
                    </div>
                  ))}
                </td>
                <td class="text">
                  <Named of={at} />
                </td>
              </tr>
            ))}
          </Table>
          <p class="quiet">Otherwise it would {isFired ? "not " : ""}have fired.</p>
        </>
      )}
    </>
  );
}
