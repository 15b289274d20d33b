// SPDX-License-Identifier: Apache-2.0
// One policy: what it raised and cost, its parameters, rules and rows, what it says to what just happened,
// and its text.
import type { PolicyPage, PolicyTried } from "../../host/control/shapes.js";
import { queryOf, useAct, useAsked } from "../api.js";
import { Answer, Facts, Named, Severity, Table } from "../parts.js";
import { mayTest } from "../session.js";
import { count, some, visible } from "../words.js";
import { Explain } from "./explained.js";
import { nameOf, Tried } from "./policies.js";

type Detail = NonNullable<PolicyPage["detail"]>;

export function Policy({ tenant, policy }: { tenant: string; policy: string }) {
  const asked = useAsked<PolicyPage>(`/api/v1/policy${queryOf({ tenant, policy })}`);
  const { busy, said, act } = useAct<PolicyTried>("/api/v1/policies/test");
  const name = nameOf({ tenant, policy });
  return (
    <>
      <h1>
        Policy <Named of={name} />
      </h1>
      <Answer asked={asked.value} isNone={() => false} none="">
        {(one) => (
          <>
            <StateOf one={one} />
            {mayTest.value && one.detail !== null && (
              <p>
                <button type="button" disabled={busy.value !== null} onClick={() => void act(name, { tenant, policy })}>
                  {busy.value === null ? "Test on what just happened" : "Testing …"}
                </button>{" "}
                {one.detail.files?.some((file) => file.name === "index.ts") === true && (
                  <a class="button" href={`#/policies${queryOf({ tenant, policy, draft: "true" })}`}>
                    Try a change
                  </a>
                )}
              </p>
            )}
            <div role="status">{said.value !== null && <Tried {...said.value} />}</div>
            {mayTest.value && one.detail !== null && (
              <Explain tenant={tenant} policy={policy} place={one.detail.place} />
            )}
            {one.detail === null ? <p class="quiet">Nothing of it runs.</p> : <DetailOf one={one.detail} />}
          </>
        )}
      </Answer>
    </>
  );
}

function StateOf({ one }: { one: PolicyPage }) {
  const facts: readonly (readonly [string, string | null])[] = [
    ["state", one.state],
    ["version", one.version],
    ["from", one.detail?.place ?? null],
    ["raised", some(one.alerts, "alert")],
    ["held back", some(one.suppressed, "alert")],
    ["denied", one.denied + one.monitored === 0 ? null : `${count(one.denied)}, and ${count(one.monitored)} watched`],
    ["cost", `${one.nsPerEvent.toFixed(0)} ns for each of ${some(one.events, "event")}`],
    ["memory", `${(one.memoryBytes / 2 ** 20).toFixed(1)} MiB`],
    ["traps", one.traps === 0 ? null : count(one.traps)],
    ["last error", one.lastError],
  ];
  return <Facts of={facts} />;
}

function DetailOf({ one: { parameters, rules, prevents, files, more } }: { one: Detail }) {
  return (
    <>
      {rules.length > 0 && <Rules all={rules} />}
      {parameters.length > 0 && (
        <>
          <h2>Parameters</h2>
          <Table name="Parameters" head={["Parameter", "Value", "Default"]}>
            {parameters.map((parameter) => (
              <tr key={parameter.name}>
                {[parameter.name, parameter.value, parameter.value === parameter.default ? "" : parameter.default].map(
                  (text, index) => (
                    <td key={`${index}`} class="text">
                      <Named of={text} />
                    </td>
                  ),
                )}
              </tr>
            ))}
          </Table>
        </>
      )}
      {prevents.length > 0 && (
        <>
          <h2>What it denies</h2>
          <Table name="Rows of prevention" head={["Row", "Denies", "By", "Mode"]}>
            {prevents.map(({ name, deny, action, mode }) => (
              <tr key={name}>
                <td class="text">
                  <Named of={name} />
                </td>
                <td>{deny}</td>
                <td>{action}</td>
                <td>{mode}</td>
              </tr>
            ))}
          </Table>
        </>
      )}
      {more && <p class="quiet">Some of it is too long to be shown here.</p>}
      <h2>Text</h2>
      {files === null || files.length === 0 ? (
        <p class="quiet">Its text is not there.</p>
      ) : (
        <>
          {files.map(({ name, text, isWhole }) => (
            <details key={name}>
              <summary>{visible(name)}</summary>
              {/* biome-ignore lint/a11y/noNoninteractiveTabindex: who has no mouse scrolls it by keys (WCAG 2.1.1). */}
              <section class="scrolls" aria-label={`Text of ${visible(name)}`} tabIndex={0}>
                <pre>{text.split("\n").map(visible).join("\n")}</pre>
              </section>
              {!isWhole && <p class="quiet">There is more of it.</p>}
            </details>
          ))}
        </>
      )}
    </>
  );
}

function Rules({ all }: { all: Detail["rules"] }) {
  return (
    <>
      <h2>Rules</h2>
      <Table name="Rules" head={["Priority", "Rule", "What it finds", "Events", "Tags", "Exceptions", "Raised"]}>
        {all.map((rule) => (
          <tr key={rule.name}>
            <td>
              <Severity of={rule.priority} />
            </td>
            <td class="text">
              <Named of={rule.name} /> {!rule.enabled && <span class="problem">switched off</span>}
            </td>
            <td class="text">
              <Named of={rule.desc} />
              {rule.runbook !== null && (
                <>
                  {" "}
                  Runbook: <Named of={rule.runbook} />
                </>
              )}
            </td>
            <td class="text">
              <Named of={rule.events.join(", ")} />
            </td>
            <td class="text">
              <Named of={rule.tags.join(", ")} />
            </td>
            <td class="text">
              <Named of={rule.exceptions.join(", ")} />
            </td>
            <td>
              <a href={`#/findings${queryOf({ rule: rule.name })}`} aria-label={`Findings of ${visible(rule.name)}`}>
                Findings
              </a>
            </td>
          </tr>
        ))}
      </Table>
    </>
  );
}
