// SPDX-License-Identifier: Apache-2.0
// Requests of one service and route over time: bars of how many a second, in which those that failed stand
// apart, and lines of how long they took; and the same numbers as a table.
import type { Monitor } from "../host/control/shapes.js";
import { Table } from "./parts.js";
import { count, duration, moment, perSecond, share } from "./words.js";

type Point = NonNullable<Monitor["over_time"]>["points"][number];

const WIDTH = 720;
const HEIGHT = 120;
const NS_PER_S = 1_000_000_000n;
/** A bar of a step that has just begun would tower above the others. */
const STEP_S = 30;
const LINES = ["p50", "p95", "p99"] as const;
const HEAD = ["From (UTC)", "#Requests", "#A second", "#Failed", "#p50", "#p95", "#p99"];

export function RequestChart(props: { name: string; points: readonly Point[]; most: number; seconds: number }) {
  const { name, points, most, seconds } = props;
  const all = points.map(({ requests }) => requests);
  const [highest, slowest] = [Math.max(1, ...all), Math.max(1e-9, ...points.map(({ p99 }) => p99))];
  const first = Date.now() / 1_000 - seconds;
  const xOf = ({ time }: Point): number =>
    Math.max(0, ((Number(BigInt(time) / NS_PER_S) - first) / Math.max(seconds, STEP_S)) * WIDTH);
  const width = Math.max(1, (WIDTH * STEP_S) / Math.max(seconds, STEP_S) - 1);
  const often = `${name}: at most ${count(highest)} requests in ${STEP_S} s`;
  const slow = `p50 (solid), p95 (dashed), p99 (dotted): at most ${duration(slowest, most)}`;
  return (
    <figure>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={often} preserveAspectRatio="none">
        {points.map((point) => (
          <Bar key={point.time} point={point} x={xOf(point)} width={width} highest={highest} />
        ))}
      </svg>
      <figcaption class="quiet">{often}. What failed is marked.</figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={slow} preserveAspectRatio="none">
        {LINES.map((line) => (
          <polyline
            key={line}
            class={`line ${line}`}
            points={points
              .map((point) => `${xOf(point) + width / 2},${HEIGHT - 2 - (point[line] / slowest) * (HEIGHT - 4)}`)
              .join(" ")}
          />
        ))}
      </svg>
      <figcaption class="quiet">{slow}.</figcaption>
      <details>
        <summary>As a table</summary>
        <Table name="Requests over time" head={HEAD}>
          {[...points].reverse().map((point) => (
            <tr key={point.time}>
              <td>{moment(point.time).slice(0, 19).replace("T", " ")}</td>
              <td class="number">{count(point.requests)}</td>
              <td class="number">{perSecond(point.requests, point.seconds)}</td>
              <td class="number">{point.errors === null ? "not told" : share(point.errors, point.requests)}</td>
              {LINES.map((line) => (
                <td key={line} class="number">
                  {duration(point[line], most)}
                </td>
              ))}
            </tr>
          ))}
        </Table>
      </details>
    </figure>
  );
}

/** What failed stands at the bottom. */
function Bar({ point, x, width, highest }: { point: Point; x: number; width: number; highest: number }) {
  const heightOf = (requests: number): number => (requests / highest) * HEIGHT;
  const failed = heightOf(point.errors ?? 0);
  const answered = heightOf(point.requests) - failed;
  return (
    <g>
      <rect class="bar severe" x={x} y={HEIGHT - failed} width={width} height={failed} />
      <rect class="bar calm" x={x} y={HEIGHT - failed - answered} width={width} height={answered} />
    </g>
  );
}
