// SPDX-License-Identifier: Apache-2.0
//
// Circles in a graph of names. Of each knot (names that all reach each other) one shortest circle is told:
// cutting it makes the knot smaller, and what is left is told next time.
export type Graph = ReadonlyMap<string, ReadonlySet<string>>;

export function graphOf(edges: Iterable<readonly [from: string, to: string]>): Graph {
  const graph = new Map<string, Set<string>>();
  for (const [from, to] of edges) graph.set(from, (graph.get(from) ?? new Set()).add(to));
  return graph;
}

/** Each circle begins with the name that comes first in the alphabet, and does not repeat it at its end. */
export function circlesOf(graph: Graph): string[][] {
  const told = new Set<string>();
  const circles: string[][] = [];
  for (const name of [...graph.keys()].sort()) {
    if (told.has(name)) continue;
    const circle = circleFrom(graph, name);
    if (circle === null) continue;
    circles.push(circle);
    for (const one of knotOf(graph, name)) told.add(one);
  }
  return circles;
}

function circleFrom(graph: Graph, start: string): string[] | null {
  const from = new Map<string, string>();
  const waiting = [start];
  for (const name of waiting) {
    for (const next of [...(graph.get(name) ?? [])].sort()) {
      if (next === start) return wayTo(from, name);
      if (from.has(next)) continue;
      from.set(next, name);
      waiting.push(next);
    }
  }
  return null;
}

function wayTo(from: ReadonlyMap<string, string>, end: string): string[] {
  const way: string[] = [];
  for (let at: string | undefined = end; at !== undefined; at = from.get(at)) way.unshift(at);
  return way;
}

/** What `name` reaches and is reached from. */
function knotOf(graph: Graph, name: string): string[] {
  const there = reached(graph, name);
  const back = reached(graphOf([...graph].flatMap(([a, to]) => [...to].map((b) => [b, a] as const))), name);
  return [...there].filter((one) => back.has(one));
}

function reached(graph: Graph, start: string): Set<string> {
  const seen = new Set([start]);
  for (const name of seen) for (const next of graph.get(name) ?? []) seen.add(next);
  return seen;
}
