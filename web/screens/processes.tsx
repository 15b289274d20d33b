// SPDX-License-Identifier: Apache-2.0
// The processes that live, as a tree in a table for each container; and one process with its family and its
// connections.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { ProcessRow } from "../../host/control/shapes.js";
import { useAsked } from "../api.js";
import { Answer, Facts, FoundOf, Named, NotOfStore, Table, Time } from "../parts.js";
import { query } from "../place.js";
import { from } from "../session.js";
import { Tree } from "../tree.js";
import { rowsOf } from "../tree-rows.js";
import { ago, count, moment, some, visible } from "../words.js";
import { Connections } from "./network.js";

interface ProcessPage {
  readonly items: readonly ProcessRow[];
  readonly next: string | null;
  readonly more: boolean;
}

const HEAD = ["Program", "#Pid", "#Parent", "User", "Command", "Age", "#Open files", "Came in", "Found"];
const NONE_CLOSED: ReadonlySet<string> = new Set();
const LEVELS_SEEN = 8;
const whereOf = ({ container }: ProcessRow): string => container?.name ?? container?.id ?? "host";
const userOf = ({ user, uid }: ProcessRow): string => user ?? String(uid ?? "");
const placeOf = (key: string): string => `#/processes?${new URLSearchParams({ key })}`;

export function Processes() {
  const key = query.value.get("key");
  if (key !== null) return <Process key={key} of={key} />;
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
      {({ items, more }) => (
        <>
          {[...byContainer(items)].map(([where, own]) => (
            <Container key={where} where={where} own={own} />
          ))}
          {more && <p class="quiet">The first {items.length}; there are more.</p>}
        </>
      )}
    </Answer>
  );
}

/** Each process behind its parent and further in; who cannot see that reads the parent's number. */
function Container({ where, own }: { where: string; own: readonly ProcessRow[] }) {
  const rows = rowsOf([...own].sort(byStart), NONE_CLOSED);
  return (
    <>
      <h2>
        {visible(where)} <span class="quiet">{some(own.length, "process", "processes")}</span>
      </h2>
      <Table name={`Processes of ${visible(where)}`} head={HEAD}>
        {rows.map(({ of: one, level }) => (
          <tr key={one.key}>
            <td class="text">
              <span aria-hidden="true" class="quiet branch">
                {level > 1 && `${"\u2007".repeat(2 * (Math.min(level, LEVELS_SEEN) - 2))}└ `}
              </span>
              <Named of={one.exepath ?? one.name ?? ""} />
            </td>
            <td class="number">
              <a href={placeOf(one.key)}>{one.pid}</a>
            </td>
            <td class="number">{one.parent === null ? one.ppid : <a href={placeOf(one.parent)}>{one.ppid}</a>}</td>
            <td>{visible(userOf(one))}</td>
            <td class="text">
              <Named of={one.cmdline ?? ""} />
            </td>
            <td title={moment(one.start)}>{ago(one.start)}</td>
            <td class="number">{one.fds === null ? "" : count(one.fds)}</td>
            <td>{one.session !== 0 && <span class="warning">◆ from outside</span>}</td>
            <td>
              <FoundOf of={one} />
            </td>
          </tr>
        ))}
      </Table>
    </>
  );
}

function byContainer(items: readonly ProcessRow[]): Map<string, ProcessRow[]> {
  const groups = new Map<string, ProcessRow[]>();
  for (const one of items) {
    const own = groups.get(whereOf(one));
    if (own === undefined) groups.set(whereOf(one), [one]);
    else own.push(one);
  }
  return groups;
}

function byStart(one: ProcessRow, other: ProcessRow): number {
  return BigInt(one.start) < BigInt(other.start)
    ? -1
    : BigInt(one.start) > BigInt(other.start)
      ? 1
      : one.pid - other.pid;
}

function Process({ of }: { of: string }) {
  const asked = useAsked<ProcessPage>(`/api/v1/processes?${new URLSearchParams({ around: of })}`);
  const chosen = useSignal<string | null>(of);
  const pid = /\/(\d+)@/.exec(of)?.[1] ?? "";
  const condition = `proc.pid = ${pid}`;
  useEffect(() => {
    if (chosen.value !== null && chosen.value !== of) location.hash = placeOf(chosen.value);
  }, [chosen.value, of]);
  return (
    <>
      <h1>Process {pid}</h1>
      <Answer
        asked={asked.value}
        isNone={({ items }) => items.length === 0}
        none="This process does not live any more, or nothing was heard of it for long."
      >
        {({ items, more }) => (
          <>
            {items.map((one) => one.key === of && <FactsOf key={of} one={one} />)}
            <h2>Ancestors and children</h2>
            <Tree name="Ancestors and children" all={items.map(treeOf)} chosen={chosen} />
            {more && <p class="quiet">The 64 nearest ancestors and 100 children at most; there are more.</p>}
          </>
        )}
      </Answer>
      {pid !== "" && (
        <>
          <p>
            <a href={`#/events?${new URLSearchParams({ filter: condition })}`}>What it does now</a> ·{" "}
            <a href={`#/findings?${new URLSearchParams({ condition })}`}>Findings about that number</a>
          </p>
          <h2>Connections</h2>
          <Connections sought={{ process: of }} none="No connection of it has been seen." />
        </>
      )}
    </>
  );
}

const treeOf = ({ key, parent, pid, name, exepath, cmdline, findings }: ProcessRow) => ({
  ...{ key, parent, pid, name: name ?? exepath, command: cmdline },
  isFound: findings !== null && findings > 0,
});

function FactsOf({ one }: { one: ProcessRow }) {
  const facts: readonly (readonly [string, string | null])[] = [
    ["command", one.cmdline],
    ["program", one.exepath],
    ["folder", one.cwd],
    ["user", userOf(one)],
    ["container", whereOf(one)],
    ["parent", one.ppid === null ? null : String(one.ppid)],
    ["open files", one.fds === null ? null : String(one.fds)],
    ["came in from outside with the session of", one.session === 0 ? null : String(one.session)],
  ];
  return (
    <Facts of={facts}>
      <div>
        <dt>since</dt>
        <dd>
          <Time ns={one.start} /> <span class="quiet">({ago(one.start)})</span>
        </dd>
      </div>
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
