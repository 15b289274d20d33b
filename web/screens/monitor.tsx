// SPDX-License-Identifier: Apache-2.0
// Requests by service and route, as meters measure them: how many there are, how many fail, how long they
// take; one of these over time; and which service asks which. Without a meter no request is measured, which
// is no quiet service.
import { useSignal } from "@preact/signals";
import type { Monitor as Numbers } from "../../host/control/shapes.js";
import { queryOf, useAsked } from "../api.js";
import { Answer, Choice, Named, NotOfStore, Table } from "../parts.js";
import { RequestCells } from "../request-cells.js";
import { RequestChart } from "../request-chart.js";
import { ServiceEdges } from "../service-edges.js";
import { from } from "../session.js";
import { duration, some, visible } from "../words.js";

type Row = Numbers["items"][number];

const HEAD = [
  "Service",
  "Request",
  "#Requests",
  "#A second",
  "#Failed",
  "#p50",
  "#p95",
  "#p99",
  "Measured by",
  "Chart",
];
const NAME_MAX = 80;
const MINUTES = [
  ["5", "the last 5 minutes"],
  ["15", "15 minutes"],
  ["60", "an hour"],
] as const;

export function Monitor() {
  return (
    <>
      <h1>Monitor</h1>
      {from.value === "store" ? <NotOfStore what="requests" /> : <Looked />}
    </>
  );
}

function Looked() {
  const minutes = useSignal("15");
  const row = useSignal("");
  const asked = useAsked<Numbers>(`/api/v1/monitor${queryOf({ minutes: minutes.value, row: row.value })}`);
  return (
    <>
      <div class="filter">
        <Choice name="minutes" label="In" of={minutes} options={MINUTES} />
      </div>
      <Answer
        asked={asked.value}
        isNone={({ meters, items }) => meters > 0 && items.length === 0}
        none="No request was measured in this time."
      >
        {(said) =>
          said.meters === 0 && said.items.length === 0 ? (
            <NoMeter />
          ) : (
            <Measured said={said} onChoose={(id) => (row.value = String(id))} />
          )
        }
      </Answer>
      <ServiceEdges minutes={minutes.value} />
    </>
  );
}

function NoMeter() {
  return (
    <p class="quiet">
      No meter is loaded, so no request is measured. <code>--policy meters/http-server --snaplen 512</code> measures
      requests to HTTP servers.
    </p>
  );
}

function Measured({ said, onChoose }: { said: Numbers; onChoose: (id: number) => void }) {
  const { items, more, left_out: leftOut, over_time: overTime, seconds } = said;
  const chosen = items.find(({ id }) => id === overTime?.id);
  return (
    <>
      {overTime !== null && chosen !== undefined ? (
        <RequestChart name={nameOf(chosen)} points={overTime.points} most={chosen.most} seconds={seconds} />
      ) : (
        <p class="quiet">Nothing was measured of the row that you chose in this time.</p>
      )}
      <Table name="Requests" head={HEAD}>
        {items.map((one) => (
          <tr key={one.id} class={one.id === overTime?.id ? "chosen" : ""}>
            <td class="text">{one.service === null ? "others together" : <Named of={one.service} />}</td>
            <td class="text">
              <Named of={requestOf(one)} />
            </td>
            <RequestCells of={one} seconds={seconds} />
            {[one.p50, one.p95, one.p99].map((value, i) => (
              <td key={["p50", "p95", "p99"][i]} class="number">
                {duration(value, one.most)}
              </td>
            ))}
            <td class="text">
              <Named of={one.tenant === null ? one.policy : `${one.tenant}/${one.policy}`} />
            </td>
            <td>
              <button
                type="button"
                data-opens
                aria-pressed={one.id === overTime?.id}
                aria-label={`Over time: ${nameOf(one)}`}
                onClick={() => onChoose(one.id)}
              >
                Over time
              </button>
            </td>
          </tr>
        ))}
      </Table>
      {more > 0 && <p class="problem">{some(more, "further row")} with fewer requests are not shown.</p>}
      {leftOut > 0 && (
        <p class="problem">{some(leftOut, "request")} of the last hour are in no row: there were too many routes.</p>
      )}
      <p class="quiet">Two policies may have measured the same request, so do not add rows of different ones up.</p>
    </>
  );
}

const requestOf = ({ method, route }: Row): string => [method, route].filter((part) => part !== null).join(" ");

function nameOf(row: Row): string {
  return visible(`${row.service ?? "others together"} ${requestOf(row)}`.trim()).slice(0, NAME_MAX);
}
