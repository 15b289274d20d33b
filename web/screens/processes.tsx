// SPDX-License-Identifier: Apache-2.0
// The processes that live, as a table by container and pid; and one process with its connections.
import type { ProcessRow } from "../../host/control/shapes.js";
import { useAsked } from "../api.js";
import { Answer, Facts, FoundOf, Named, NotOfStore, Table, Time } from "../parts.js";
import { query } from "../place.js";
import { from } from "../session.js";
import { moment, visible } from "../words.js";
import { Connections } from "./network.js";

interface ProcessPage {
  readonly items: readonly ProcessRow[];
  readonly next: string | null;
}

const HEAD = ["Container", "#Pid", "#Parent", "User", "Program", "Command", "Since", "Found"];
const whereOf = ({ container }: ProcessRow): string => container?.name ?? container?.id ?? "host";
const userOf = ({ user, uid }: ProcessRow): string => user ?? String(uid ?? "");

export function Processes() {
  const key = query.value.get("key");
  if (key !== null) return <Process of={key} />;
  return (
    <>
      <h1>Processes</h1>
      {from.value === "store" ? <NotOfStore what="processes" /> : <All />}
    </>
  );
}

function All() {
  const asked = useAsked<ProcessPage>("/api/v1/processes?limit=500");
  return (
    <Answer asked={asked.value} isNone={({ items }) => items.length === 0} none="No process has been seen so far.">
      {({ items, next }) => (
        <>
          <Table name="Processes" head={HEAD}>
            {items.map((one) => (
              <tr key={one.key}>
                <td>{visible(whereOf(one))}</td>
                <td class="number">
                  <a href={`#/processes?${new URLSearchParams({ key: one.key })}`}>{one.pid}</a>
                </td>
                <td class="number">{one.ppid}</td>
                <td>{visible(userOf(one))}</td>
                <td class="text">
                  <Named of={one.exepath ?? one.name ?? ""} />
                </td>
                <td class="text">
                  <Named of={one.cmdline ?? ""} />
                </td>
                <td>
                  <Time ns={one.start} />
                </td>
                <td>
                  <FoundOf of={one} />
                </td>
              </tr>
            ))}
          </Table>
          {next !== null && <p class="quiet">The first {items.length}; there are more.</p>}
        </>
      )}
    </Answer>
  );
}

function Process({ of }: { of: string }) {
  const asked = useAsked<ProcessPage>(`/api/v1/processes?${new URLSearchParams({ key: of })}`);
  const pid = /\/(\d+)@/.exec(of)?.[1] ?? "";
  const condition = `proc.pid = ${pid}`;
  return (
    <>
      <h1>Process {pid}</h1>
      <Answer
        asked={asked.value}
        isNone={({ items }) => items.length === 0}
        none="This process does not live any more, or nothing was heard of it for long."
      >
        {({ items: [one] }) => one !== undefined && <FactsOf one={one} />}
      </Answer>
      {pid !== "" && (
        <>
          <p>
            <a href={`#/events?${new URLSearchParams({ filter: condition })}`}>What it does now</a>
          </p>
          <h2>Connections</h2>
          <Connections sought={{ process: of }} none="No connection of it has been seen." />
        </>
      )}
    </>
  );
}

function FactsOf({ one }: { one: ProcessRow }) {
  const facts: readonly (readonly [string, string | null])[] = [
    ["command", one.cmdline],
    ["program", one.exepath],
    ["user", userOf(one)],
    ["container", whereOf(one)],
    ["parent", one.ppid === null ? null : String(one.ppid)],
    ["since", moment(one.start)],
    ["came in from outside with the session of", one.session === 0 ? null : String(one.session)],
  ];
  return (
    <Facts of={facts}>
      {one.findings !== 0 && (
        <div>
          <dt>findings</dt>
          <dd>
            <FoundOf of={one} />
          </dd>
        </div>
      )}
    </Facts>
  );
}
