// SPDX-License-Identifier: Apache-2.0
// The first look: is Vedette well, is anything going on, and where.
import { useSignal } from "@preact/signals";
import type { Health, Overview as Numbers } from "../../host/control/shapes.js";
import { useAsked } from "../api.js";
import { FindingsChart } from "../chart.js";
import { Answer, Choice, Severity, Table } from "../parts.js";
import { from, tenant } from "../session.js";
import { count, some, visible } from "../words.js";
import { type IncidentPage, IncidentTable } from "./incidents.js";

/** What only the operator is told. */
interface WholeHealth extends Health {
  readonly workers?: { readonly count: number; readonly stuck: number };
  readonly intake?: { readonly kind: string; readonly peers: number; readonly problem: string | null };
  readonly outputs?: readonly {
    readonly name: string;
    readonly kind: string;
    readonly state: string;
    readonly queued: number;
    readonly sent: number;
    readonly dropped: Readonly<Record<string, number>>;
    readonly lastError: string | null;
  }[];
  readonly policies?: Readonly<Record<string, number>>;
  readonly version?: string;
  readonly since?: string;
}

const SHOWN = 10;
const HOURS = [
  ["1", "the last hour"],
  ["24", "24 hours"],
  ["168", "7 days"],
] as const;

export function Overview() {
  const hours = useSignal("24");
  const health = useAsked<WholeHealth>("/api/v1/health");
  const incidents = useAsked<IncidentPage>(`/api/v1/incidents?case=open&limit=${SHOWN}`);
  const numbers = useAsked<Numbers>(`/api/v1/overview?hours=${hours.value}`);
  return (
    <>
      <h1>Overview</h1>
      {from.value === "store" ? (
        <p class="quiet">This is a store. Nothing is judged here; what you see happened before.</p>
      ) : (
        <Answer asked={health.value} isNone={() => false} none="">
          {(said) => <Well said={said} />}
        </Answer>
      )}
      <h2>Open incidents</h2>
      <Answer asked={numbers.value} isNone={() => false} none="">
        {({ open }) => (
          <p>
            {Object.entries(open).map(([severity, times]) => (
              <span key={severity} class="count">
                {count(times)} <Severity of={severity} />
              </span>
            ))}
          </p>
        )}
      </Answer>
      <Answer asked={incidents.value} isNone={({ items }) => items.length === 0} none="No incident is open.">
        {({ items, next }) => (
          <>
            <IncidentTable items={items} />
            {next !== null && (
              <p>
                <a href="#/incidents">All incidents</a>
              </p>
            )}
          </>
        )}
      </Answer>
      <h2>Findings</h2>
      <div class="filter">
        <Choice name="hours" label="In" of={hours} options={HOURS} />
      </div>
      <Answer asked={numbers.value} isNone={({ held }) => held.findings === 0} none="No finding so far.">
        {(said) => (
          <>
            <FindingsChart numbers={said} hours={Number(hours.value)} />
            <Most said={said} hours={hours.value} />
            <p class="quiet">
              {some(said.held.findings, "finding")} and {some(said.held.incidents, "incident")} are kept.
            </p>
          </>
        )}
      </Answer>
    </>
  );
}

/** Where most findings are; each leads to them. */
function Most({ said: { containers, rules }, hours }: { said: Numbers; hours: string }) {
  const link = (name: string, value: string): string => `#/findings?${new URLSearchParams({ [name]: value, hours })}`;
  return (
    <div class="panes two">
      <Table name="Containers with most findings" head={["Container", "#Findings"]}>
        {containers.map((one) => (
          <tr key={one.container}>
            <td>
              {one.container === "" ? "host" : <a href={link("container", one.container)}>{visible(one.container)}</a>}
            </td>
            <td class="number">{count(one.count)}</td>
          </tr>
        ))}
      </Table>
      <Table name="Rules with most findings" head={["Rule", "#Findings"]}>
        {rules.map((one) => (
          <tr key={one.rule}>
            <td>
              <a href={link("rule", one.rule)}>{visible(one.rule)}</a>
            </td>
            <td class="number">{count(one.count)}</td>
          </tr>
        ))}
      </Table>
    </div>
  );
}

function Well({ said }: { said: WholeHealth }) {
  const { status, judging, workers, intake, outputs = [], policies, version, since } = said;
  const problems = [judging, intake?.problem ?? null].filter((one) => one !== null);
  return (
    <>
      <p class={status === "ok" ? "well" : "problem"} role="status">
        {status === "ok" ? "✓ Vedette judges." : "✗ Vedette is not well."} {problems.map(visible).join(" ")}
      </p>
      {tenant.value === null && (
        <>
          <p class="quiet">
            {some(workers?.count ?? 0, "worker")}
            {(workers?.stuck ?? 0) > 0 && `, ${workers?.stuck} of them stuck`} · {some(intake?.peers ?? 0, "agent")} ·
            policies: {policies?.judging} judging
            {["slow", "resting", "outdated", "refused"].map((state) =>
              policies?.[state] ? `, ${policies[state]} ${state}` : "",
            )}{" "}
            · version {version}, since {since?.slice(0, 19).replace("T", " ")} UTC
          </p>
          <Losses outputs={outputs} />
        </>
      )}
    </>
  );
}

/** Outputs that fail, and what was dropped: one strip, only where there is something to say. */
function Losses({ outputs }: { outputs: NonNullable<WholeHealth["outputs"]> }) {
  const said = outputs.flatMap(({ name, state, dropped }) => {
    const lost = Object.values(dropped).reduce((all, one) => all + one, 0);
    const parts = [state === "ok" || state === "gone" ? "" : `is ${state}`, lost > 0 ? `dropped ${count(lost)}` : ""];
    const words = parts.filter((part) => part !== "").join(", ");
    return words === "" ? [] : [`${visible(name)} ${words}`];
  });
  if (said.length === 0) return null;
  return (
    <p class="problem strip">
      <a href="#/outputs">Outputs</a>: {said.join("; ")}.
    </p>
  );
}
