// SPDX-License-Identifier: Apache-2.0
// The map of the network: two lists with lines between them. The lists say all in words; the lines are for
// the eye. Whatever clutters it can be left out, and what is left out is counted.
import { useSignal } from "@preact/signals";
import type { ConnectionRow } from "../host/control/shapes.js";
import { EDGES_MAX, type MapEdge, type MapNode, mapOf } from "./map-edges.js";
import { bytes, count, some, visible } from "./words.js";

const ROW_PX = 30;
const WIDTH = 200;
const TITLE_MAX = 500;

export function NetworkMap({ rows }: { rows: readonly ConnectionRow[] }) {
  const without = useSignal<ReadonlySet<string>>(new Set());
  const { programs, places, edges, more } = mapOf(rows, without.value);
  const height = Math.max(programs.length, places.length, 1) * ROW_PX;
  const yOf = (nodes: readonly MapNode[], node: MapNode): number => (nodes.indexOf(node) + 0.5) * ROW_PX;
  const leave = (name: string): void => {
    without.value = new Set([...without.value, name]);
  };
  const list = (name: string, nodes: readonly MapNode[], of: (edge: MapEdge) => MapNode) => (
    <ul aria-label={name}>
      {nodes.map((node) => (
        <Node key={node.name} node={node} edges={edges.filter((edge) => of(edge) === node)} leave={leave} />
      ))}
    </ul>
  );
  return (
    <section aria-label="Map of the network">
      {without.value.size > 0 && (
        <p>
          {some(without.value.size, "program or place", "programs and places")} left out.{" "}
          <button type="button" onClick={() => (without.value = new Set())}>
            Show all again
          </button>
        </p>
      )}
      {edges.length === 0 && <p class="quiet">Nothing that could be drawn is left.</p>}
      <div class="map">
        {list("Programs", programs, ({ from }) => from)}
        <svg viewBox={`0 0 ${WIDTH} ${height}`} height={height} preserveAspectRatio="none" aria-hidden="true">
          {edges.map((edge) => {
            const [y1, y2] = [yOf(programs, edge.from), yOf(places, edge.to)];
            const kind = edge.failed > edge.made ? "severe" : edge.isIn ? "calm" : "";
            return (
              <path
                key={`${edge.from.name} ${edge.to.name} ${edge.isIn}`}
                class={`line ${kind} ${edge.isIn ? "p95" : ""}`}
                d={`M0,${y1} C${WIDTH / 2},${y1} ${WIDTH / 2},${y2} ${WIDTH},${y2}`}
              />
            );
          })}
        </svg>
        {list("Places", places, ({ to }) => to)}
      </div>
      {more > 0 && (
        <p class="problem">
          {some(more, "more line")}: only the {count(EDGES_MAX)} with most bytes and connections are drawn.
        </p>
      )}
      <p class="quiet">Dashed: who comes in. Red: more attempts failed than were made.</p>
    </section>
  );
}

function Node(props: { node: MapNode; edges: readonly MapEdge[]; leave: (name: string) => void }) {
  const { node, edges, leave } = props;
  const [made, moved] = [edges.reduce((all, one) => all + one.made, 0), edges.reduce((all, one) => all + one.bytes, 0)];
  const name = visible(node.name);
  const said = `${name.slice(0, TITLE_MAX)}: ${some(edges.length, "line")}, ${count(made)} made ${bytes(moved)}`.trim();
  return (
    <li title={said}>
      {node.isFound && (
        <span class="severe">
          ▲<span class="unseen"> finding</span>
        </span>
      )}
      <span class="name">
        {node.condition === null ? (
          name
        ) : (
          <a href={`#/network?${new URLSearchParams({ filter: node.condition })}`}>{name.slice(0, TITLE_MAX)}</a>
        )}
        <span class="unseen">
          {" "}
          {some(edges.length, "line")}, {count(made)} made {bytes(moved)}
        </span>
      </span>
      <button
        type="button"
        class="fold"
        aria-label={`Leave out ${name.slice(0, TITLE_MAX)}`}
        onClick={() => leave(node.name)}
      >
        ×
      </button>
    </li>
  );
}
