// SPDX-License-Identifier: Apache-2.0
// Makes a list of a tree: each process behind its parent, with what a screen says of its place. Who says what
// a process's parent is was watched itself, so there may be circles, and chains that are longer than calls
// may nest: each process stands in the list once.

/** One row: `level` from 1 on, `nth` of `siblings`. */
export interface TreeRow<P> {
  readonly of: P;
  readonly level: number;
  readonly nth: number;
  readonly siblings: number;
  readonly children: number;
}

/** Each behind its parent, in the order in which they were given; none below those that are closed. */
export function rowsOf<P extends { readonly key: string; readonly parent: string | null }>(
  all: readonly P[],
  closed: ReadonlySet<string>,
): TreeRow<P>[] {
  const known = new Set(all.map(({ key }) => key));
  const below = new Map<string | null, P[]>();
  for (const one of all) {
    const parent = one.parent !== null && known.has(one.parent) ? one.parent : null;
    const siblings = below.get(parent);
    if (siblings === undefined) below.set(parent, [one]);
    else siblings.push(one);
  }
  const rows: TreeRow<P>[] = [];
  const seen = new Set<string>();
  const walk = (roots: readonly P[]): void => {
    // A stack of our own: a chain may be longer than calls may nest.
    const waiting = roots.map((of, i) => ({ of, level: 1, nth: i + 1, siblings: roots.length, isHidden: false }));
    for (waiting.reverse(); waiting.length > 0; ) {
      const { of, level, nth, siblings, isHidden } = waiting.pop()!;
      if (seen.has(of.key)) continue;
      seen.add(of.key);
      const children = below.get(of.key) ?? [];
      if (!isHidden) rows.push({ of, level, nth, siblings, children: children.length });
      const hides = isHidden || closed.has(of.key);
      for (let i = children.length - 1; i >= 0; i--)
        waiting.push({
          of: children[i]!,
          level: level + 1,
          nth: i + 1,
          siblings: children.length,
          isHidden: hides,
        });
    }
  };
  walk(below.get(null) ?? []);
  for (const one of all) if (!seen.has(one.key)) walk([one]); // of a circle of parents
  return rows;
}
