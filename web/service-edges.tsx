// SPDX-License-Identifier: Apache-2.0
// Which service talks to which, as a table. An edge without a number of requests was measured by no meter, or
// by one that does not say which edge it was.
import type { ServiceMap } from "../host/control/shapes.js";
import { queryOf, useAsked } from "./api.js";
import { Answer, Named, Table } from "./parts.js";
import { RequestCells } from "./request-cells.js";
import { bytes, count, duration, some } from "./words.js";

type Edge = ServiceMap["items"][number];
type Numbers = Edge["measured"][number];

const HEAD = [
  "From",
  "To",
  "Protocol",
  "#Requests",
  "#A second",
  "#Failed",
  "#p50",
  "#p95",
  "Measured by",
  "#Connections",
  "#Refused",
  "#Sent",
  "#Received",
];

export function ServiceEdges({ minutes }: { minutes: string }) {
  const asked = useAsked<ServiceMap>(`/api/v1/monitor/map${queryOf({ minutes })}`);
  return (
    <>
      <h2>Which service talks to which</h2>
      <Answer
        asked={asked.value}
        isNone={({ items }) => items.length === 0}
        none="No connection between services was seen in this time."
      >
        {(said) => <Told said={said} />}
      </Answer>
    </>
  );
}

function Told({ said }: { said: ServiceMap }) {
  const { items, seconds, more, unplaced, left_out: leftOut, missed } = said;
  return (
    <>
      <Table name="Services" head={HEAD}>
        {items.flatMap((edge) => {
          const all: readonly (Numbers | null)[] = edge.measured.length === 0 ? [null] : edge.measured;
          return all.map((one, i) => <Row key={keyOf(edge, one)} {...{ edge, one, seconds }} isFirst={i === 0} />);
        })}
      </Table>
      {more > 0 && <p class="problem">{some(more, "further edge")} with less on them are not shown.</p>}
      {leftOut > 0 && <p class="problem">{some(leftOut, "edge")} had to go: there were too many.</p>}
      {missed > 0 && (
        <p class="problem">{some(missed, "batch", "batches")} of events had gone before anybody looked.</p>
      )}
      {unplaced > 0 && (
        <p class="problem">
          {some(unplaced, "request")} of clients are on no edge: they may belong to several, or none.
        </p>
      )}
      <p class="quiet">
        A connection whose two ends are seen is one edge with both names. "outside" is somebody who is not watched here.
      </p>
    </>
  );
}

function Row(props: { edge: Edge; one: Numbers | null; seconds: number; isFirst: boolean }) {
  const { edge, one, seconds, isFirst } = props;
  return (
    <tr>
      <td class="text">
        <Named of={nameOf(edge.from)} />
      </td>
      <td class="text">
        <Named of={placeOf(edge)} />
      </td>
      <td class="text">
        <Named of={one?.protocol ?? edge.transport ?? "?"} />
      </td>
      {one === null ? <Unmeasured /> : <Measured of={one} seconds={seconds} />}
      <td class="number">{isFirst && edge.transport === "tcp" ? count(edge.connections) : ""}</td>
      <td class="number">{isFirst && edge.failed > 0 ? <span class="problem">{count(edge.failed)}</span> : ""}</td>
      <td class="number">{isFirst ? bytes(edge.bytes_to) : ""}</td>
      <td class="number">{isFirst ? bytes(edge.bytes_from) : ""}</td>
    </tr>
  );
}

function Measured({ of: one, seconds }: { of: Numbers; seconds: number }) {
  return (
    <>
      <RequestCells of={one} seconds={seconds} />
      <td class="number">{duration(one.p50, one.most)}</td>
      <td class="number">{duration(one.p95, one.most)}</td>
      <td class="text">
        <Named of={`${one.tenant === null ? one.policy : `${one.tenant}/${one.policy}`}, at the ${one.by}`} />
      </td>
    </>
  );
}

function Unmeasured() {
  return (
    <td class="quiet" colSpan={6}>
      not measured
    </td>
  );
}

function nameOf(end: Edge["from"]): string {
  if (end === null) return "outside";
  return end.container === null ? end.program : `${end.program} · ${end.container.name ?? end.container.id}`;
}

/** `api · back :80`, `203.0.113.9:443`, `[2001:db8::1]:443`. */
function placeOf({ to, addresses, port }: Edge): string {
  if (to !== null) return `${nameOf(to)} :${port ?? "?"}`;
  const [address] = addresses;
  if (address === undefined) return "all further places";
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

const keyOf = ({ from, to, addresses, port, transport }: Edge, one: Numbers | null): string =>
  JSON.stringify([from, to, addresses, port, transport, one?.tenant, one?.policy, one?.metric, one?.protocol]);
