// SPDX-License-Identifier: Apache-2.0
// The first look: is Vedette well, is anything going on, and where.
import type { Health } from "../../host/control/shapes.js";
import { useAsked } from "../api.js";
import { Answer, Severity, Table } from "../parts.js";
import { tenant } from "../session.js";
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

export function Overview() {
  const health = useAsked<WholeHealth>("/api/v1/health");
  const incidents = useAsked<IncidentPage>("/api/v1/incidents?limit=200");
  return (
    <>
      <h1>Overview</h1>
      <Answer asked={health.value} isNone={() => false} none="">
        {(said) => <Well said={said} />}
      </Answer>
      <h2>Open incidents</h2>
      <Answer
        asked={incidents.value}
        isNone={({ items }) => items.every(({ state }) => state !== "open")}
        none="No incident is open."
      >
        {({ items }) => <Open items={items.filter(({ state }) => state === "open")} />}
      </Answer>
    </>
  );
}

function Open({ items }: IncidentPage | { items: IncidentPage["items"] }) {
  const counts = new Map<string, number>();
  for (const { severity } of items) counts.set(severity, (counts.get(severity) ?? 0) + 1);
  return (
    <>
      <p>
        {[...counts].map(([severity, times]) => (
          <span key={severity} class="count">
            {count(times)} <Severity of={severity} />
          </span>
        ))}
      </p>
      <IncidentTable items={items.slice(0, SHOWN)} />
      {items.length > SHOWN && (
        <p>
          <a href="#/incidents">All {count(items.length)}</a>
        </p>
      )}
    </>
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
            {["slow", "resting", "refused"].map((state) => (policies?.[state] ? `, ${policies[state]} ${state}` : ""))}{" "}
            · version {version}, since {since?.slice(0, 19).replace("T", " ")} UTC
          </p>
          <h2>Outputs</h2>
          <Table name="Outputs" head={["Output", "Kind", "State", "#Waiting", "#Sent", "#Dropped", "Last error"]}>
            {outputs.map((one) => (
              <tr key={one.name}>
                <td>{visible(one.name)}</td>
                <td>{one.kind}</td>
                <td class={one.state === "ok" ? "" : "problem"}>{one.state}</td>
                <td class="number">{count(one.queued)}</td>
                <td class="number">{count(one.sent)}</td>
                <td class="number">{count(Object.values(one.dropped).reduce((sum, each) => sum + each, 0))}</td>
                <td class="text">{visible(one.lastError ?? "")}</td>
              </tr>
            ))}
          </Table>
        </>
      )}
    </>
  );
}
