// SPDX-License-Identifier: Apache-2.0
// Who talks to whom, and who listens: a table, the newest places first, or a map. Each row leads to its
// process, to the process's events, and to the incident that it is of.
import { useSignal } from "@preact/signals";
import type { ConnectionRow } from "../../host/control/shapes.js";
import { queryOf, useAsked } from "../api.js";
import { NetworkMap } from "../network-map.js";
import { Answer, Choice, Field, FoundOf, NotOfStore, Pages, Table, Time, usePages } from "../parts.js";
import { query } from "../place.js";
import { from } from "../session.js";
import { bytes, count, some, visible } from "../words.js";

interface ConnectionPage {
  readonly items: readonly ConnectionRow[];
  readonly next: string | null;
  readonly left_out: number;
  readonly not_judged: readonly (keyof typeof WORDS)[];
}

const HEAD = [
  "Direction",
  "Place",
  "Process",
  "Container",
  "#Made",
  "#Failed",
  "#In",
  "#Out",
  "First",
  "Last",
  "Found",
];
const TITLE_MAX = 500;
const DIRECTIONS = [
  ["", "all"],
  ["out", "going out"],
  ["in", "coming in"],
  ["listening", "listening"],
] as const;
const LOOKS = [
  ["table", "as a table"],
  ["map", "as a map"],
] as const;
/** Rows of which a map is made. */
const OF_MAP = 500;
const PLACES = [
  ["", "all"],
  ["true", "new ones"],
] as const;
const WORDS = { out: "→ out", in: "← in", listening: "◎ listens" } as const;

export function Network() {
  return (
    <>
      <h1>Network</h1>
      {from.value === "store" ? <NotOfStore what="connections" /> : <Looked />}
    </>
  );
}

function Looked() {
  const given = (name: string): string => query.value.get(name) ?? "";
  const [filter, direction, isNew] = [
    useSignal(given("filter")),
    useSignal(given("direction")),
    useSignal(given("new")),
  ];
  const sought = { filter: filter.value.trim(), direction: direction.value, new: isNew.value };
  const look = useSignal<"table" | "map">("table");
  const isSought = Object.values(sought).some((one) => one !== "");
  const none = isSought ? "No connection is like that." : "No connection has been seen so far.";
  return (
    <>
      <form class="filter" onSubmit={(event) => event.preventDefault()}>
        <Field name="filter" label="Condition" of={filter} isWide />
        <Choice name="direction" label="Direction" of={direction} options={DIRECTIONS} />
        <Choice name="places" label="Places" of={isNew} options={PLACES} />
        <Choice name="look" label="Show" of={look} options={LOOKS} />
        <button type="submit">Filter</button>
      </form>
      <p class="quiet">
        A condition of Falco's, as <code>fd.rip in (203.0.113.9) and proc.name = curl</code>.
      </p>
      {look.value === "map" ? <Mapped sought={sought} none={none} /> : <Connections sought={sought} none={none} />}
    </>
  );
}

function Mapped({ sought, none }: { sought: Readonly<Record<string, string>>; none: string }) {
  const asked = useAsked<ConnectionPage>(`/api/v1/connections${queryOf({ ...sought, limit: String(OF_MAP) })}`);
  return (
    <Answer asked={asked.value} isNone={({ items }) => items.length === 0} none={none}>
      {({ items, next, not_judged, left_out }) => (
        <>
          <NetworkMap rows={items} />
          {next !== null && <p class="problem">Of more than {count(OF_MAP)} rows the newest are drawn.</p>}
          <NotShown notJudged={not_judged} leftOut={left_out} />
        </>
      )}
    </Answer>
  );
}

/** All that are like that, page by page. */
export function Connections({ sought, none }: { sought: Readonly<Record<string, string>>; none: string }) {
  const pages = usePages(sought);
  const asked = useAsked<ConnectionPage>(
    `/api/v1/connections${queryOf({ ...sought, before: pages.cursor.value, limit: "100" })}`,
  );
  return (
    <Answer asked={asked.value} isNone={({ items }) => items.length === 0 && pages.cursor.value === ""} none={none}>
      {({ items, next, left_out, not_judged }) => (
        <>
          <Table name="Connections" head={HEAD}>
            {items.map((one) => (
              <Row key={one.seq} one={one} />
            ))}
          </Table>
          <NotShown notJudged={not_judged} leftOut={left_out} />
          <Pages pages={pages} page={{ next, complete: true, damaged: 0 }} />
        </>
      )}
    </Answer>
  );
}

function NotShown({ notJudged, leftOut }: { notJudged: ConnectionPage["not_judged"]; leftOut: number }) {
  return (
    <>
      {notJudged.length > 0 && (
        <p class="problem">
          Not shown: {notJudged.map((one) => WORDS[one]).join(", ")}. Each of those connections has a port of its own
          there, for which the condition asks.
        </p>
      )}
      {leftOut > 0 && <p class="problem">{some(leftOut, "row")} had to go: there were too many places.</p>}
    </>
  );
}

function Row({ one }: { one: ConnectionRow }) {
  const { process, container, direction, failed, error, until } = one;
  return (
    <tr>
      <td>
        {WORDS[direction]} {one.new && <span class="warning">◆ new</span>}
      </td>
      <td>
        {placeOf(one)} {one.undecided && <span class="quiet">may be one: the row does not say</span>}
      </td>
      <td>
        <a
          href={`#/processes?${new URLSearchParams({ key: process.key })}`}
          title={visible(process.cmdline ?? "").slice(0, TITLE_MAX)}
        >
          {visible(process.name ?? "?")} {process.pid}
        </a>{" "}
        {until !== null && <span class="quiet">{direction === "listening" ? "listens no more" : "has ended"}</span>}
      </td>
      <td>{visible(container === null ? "host" : (container.name ?? container.id))}</td>
      <td class="number">{direction === "listening" ? "" : count(one.made)}</td>
      <td class="number">
        {failed > 0 && (
          <span class="problem" title={error ?? ""}>
            {count(failed)} {error}
          </span>
        )}
      </td>
      <td class="number">{bytes(one.bytes_in)}</td>
      <td class="number">{bytes(one.bytes_out)}</td>
      <td>
        <Time ns={one.first} />
      </td>
      <td>
        <Time ns={one.last} />
      </td>
      <td>
        <FoundOf of={one} />
      </td>
    </tr>
  );
}

/** `tcp 203.0.113.9:443`, `tcp 203.0.113.9 at :80`, `tcp 0.0.0.0:80`. */
function placeOf({ direction, protocol, local, remote, rest }: ConnectionRow): string {
  if (rest) return "all further places";
  const at = ({ address, port }: ConnectionRow["local"]): string => {
    const host = address?.includes(":") ? `[${address}]` : (address ?? "?");
    return port === null ? host : `${host}:${port}`;
  };
  const end = direction === "listening" ? at(local) : at(remote);
  return `${protocol ?? "?"} ${end}${direction === "in" ? ` at :${local.port}` : ""}`;
}
