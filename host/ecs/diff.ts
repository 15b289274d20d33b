// SPDX-License-Identifier: Apache-2.0
// A unified diff of two texts, as `diff -u` prints it and `patch` reads it. Myers' algorithm: the furthest
// point reached on each diagonal for each number of differences, walked back at the end.
// https://doi.org/10.1007/BF01840446
const CONTEXT = 3;
const NO_NEWLINE = "\\ No newline at end of file";

interface Line {
  readonly sign: " " | "-" | "+";
  readonly text: string;
}

/** The diff with three lines of context; empty where both texts are the same. */
export function unifiedDiff(path: string, before: string, after: string): string {
  if (before === after) return "";
  const lines = compare(linesOf(before), linesOf(after));
  return `--- ${path}\n+++ ${path}\n${hunks(lines).join("")}`;
}

/** Lines with their line ends, so that a missing last one is a difference. */
function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

function compare(a: string[], b: string[]): Line[] {
  const trace: Map<number, number>[] = [];
  let reach = new Map([[1, 0]]);
  for (let differences = 0; ; differences++) {
    trace.push(reach);
    const next = new Map(reach);
    for (let diagonal = -differences; diagonal <= differences; diagonal += 2) {
      const down =
        diagonal === -differences || (diagonal !== differences && reach.get(diagonal - 1)! < reach.get(diagonal + 1)!);
      let x = down ? reach.get(diagonal + 1)! : reach.get(diagonal - 1)! + 1;
      while (x < a.length && x - diagonal < b.length && a[x] === b[x - diagonal]) x++;
      next.set(diagonal, x);
      if (x >= a.length && x - diagonal >= b.length) return walkBack(a, b, trace);
    }
    reach = next;
  }
}

function walkBack(a: string[], b: string[], trace: readonly Map<number, number>[]): Line[] {
  const lines: Line[] = [];
  let [x, y] = [a.length, b.length];
  for (let differences = trace.length - 1; differences >= 0; differences--) {
    const reach = trace[differences]!;
    const diagonal = x - y;
    const down =
      diagonal === -differences || (diagonal !== differences && reach.get(diagonal - 1)! < reach.get(diagonal + 1)!);
    const fromX = reach.get(down ? diagonal + 1 : diagonal - 1) ?? 0;
    const fromY = fromX - (down ? diagonal + 1 : diagonal - 1);
    for (; x > fromX && y > fromY && x > 0 && y > 0; y--) lines.push({ sign: " ", text: a[--x]! });
    if (differences === 0) break;
    lines.push(down ? { sign: "+", text: b[--y]! } : { sign: "-", text: a[--x]! });
  }
  return lines.reverse();
}

function hunks(lines: readonly Line[]): string[] {
  const isNear = lines.map((_, at) =>
    lines.slice(Math.max(0, at - CONTEXT), at + CONTEXT + 1).some(({ sign }) => sign !== " "),
  );
  const found: string[] = [];
  let [oldLine, newLine] = [1, 1];
  for (let at = 0; at < lines.length; ) {
    let end = at;
    while (end < lines.length && isNear[end] === isNear[at]) end++;
    const part = lines.slice(at, end);
    if (isNear[at]) found.push(hunk(part, oldLine, newLine));
    oldLine += part.filter(({ sign }) => sign !== "+").length;
    newLine += part.filter(({ sign }) => sign !== "-").length;
    at = end;
  }
  return found;
}

function hunk(lines: readonly Line[], oldLine: number, newLine: number): string {
  const olds = lines.filter(({ sign }) => sign !== "+").length;
  const news = lines.filter(({ sign }) => sign !== "-").length;
  const body = lines.map(({ sign, text }) => (text.endsWith("\n") ? sign + text : `${sign}${text}\n${NO_NEWLINE}\n`));
  const range = (line: number, count: number) => `${count === 0 ? line - 1 : line},${count}`;
  return `@@ -${range(oldLine, olds)} +${range(newLine, news)} @@\n${body.join("")}`;
}
