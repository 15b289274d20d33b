// SPDX-License-Identifier: Apache-2.0
// Findings by time as stacked bars, and the same numbers as a table: for who cannot see them, and to copy.
// Drawn as SVG of our own: a library for charts would be as large as the rest of the page.
import type { Overview } from "../host/control/shapes.js";
import { Table } from "./parts.js";
import { count, levelOf, moment } from "./words.js";

const WIDTH = 720;
const HEIGHT = 120;
const LEVELS = ["severe", "warning", "calm"] as const;

interface Bar {
  /** ns since the epoch. */
  readonly time: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly all: number;
}

export function FindingsChart({ numbers, hours }: { numbers: Overview; hours: number }) {
  const { findings, stepSeconds } = numbers;
  const bars: Bar[] = findings.map(({ time, counts }) => ({ time, counts, all: sum(Object.values(counts)) }));
  const most = Math.max(1, ...bars.map(({ all }) => all));
  const total = sum(bars.map(({ all }) => all));
  const first = Date.now() / 1000 - hours * 3600;
  const width = (WIDTH * stepSeconds) / (hours * 3600);
  const said = `${count(total)} findings in ${hours} h; at most ${count(most)} in ${stepText(stepSeconds)}`;
  return (
    <figure>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={said} preserveAspectRatio="none">
        {bars.map((bar) => (
          <Stack
            key={bar.time}
            bar={bar}
            x={((Number(BigInt(bar.time) / 1_000_000_000n) - first) / (hours * 3600)) * WIDTH}
            width={width}
            most={most}
          />
        ))}
      </svg>
      <figcaption class="quiet">{said}.</figcaption>
      <details>
        <summary>As a table</summary>
        <Table name="Findings by time" head={["From (UTC)", "#Findings", "By priority"]}>
          {[...bars].reverse().map(({ time, counts, all }) => (
            <tr key={time}>
              <td>{moment(time).slice(0, 16).replace("T", " ")}</td>
              <td class="number">{count(all)}</td>
              <td>
                {Object.entries(counts)
                  .map(([priority, times]) => `${count(times)} ${priority}`)
                  .join(", ")}
              </td>
            </tr>
          ))}
        </Table>
      </details>
    </figure>
  );
}

/** One bar: what is severe stands at the bottom. */
function Stack({ bar, x, width, most }: { bar: Bar; x: number; width: number; most: number }) {
  let top = HEIGHT;
  return (
    <g>
      {LEVELS.map((level) => {
        const of = sum(Object.entries(bar.counts).flatMap(([priority, n]) => (levelOf(priority) === level ? [n] : [])));
        const height = (of / most) * HEIGHT;
        top -= height;
        return of === 0 ? null : (
          <rect
            key={level}
            class={`bar ${level}`}
            x={Math.max(0, x)}
            y={top}
            width={Math.max(1, width - 1)}
            height={height}
          />
        );
      })}
    </g>
  );
}

const sum = (counts: readonly number[]): number => counts.reduce((all, one) => all + one, 0);

function stepText(seconds: number): string {
  if (seconds <= 60) return "a minute";
  return seconds % 3600 === 0 && seconds > 3600 ? `${seconds / 3600} h` : `${seconds / 60} minutes`;
}
