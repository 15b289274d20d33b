// SPDX-License-Identifier: Apache-2.0
// A tenant's meter of how long each server of HTTP takes, in buckets narrow enough to compare percentiles
// with what the server itself has logged.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { seriesOf } from "./measured.js";

/** Microseconds: by 100 to a millisecond, then each is 9 % more, to about 105 ms. */
const BOUNDS: readonly number[] = [
  ...Array.from({ length: 10 }, (_, i) => 100 * (i + 1)),
  ...Array.from({ length: 54 }, (_, i) => Math.round(1000 * 1.09 ** (i + 1))),
];

/** Makes the policy `durations` in the folder; gives its place. */
export function writeDurations(folder: string): string {
  const place = join(folder, "durations");
  mkdirSync(place);
  writeFileSync(join(place, "policy.yaml"), "name: durations\n");
  writeFileSync(
    join(place, "index.ts"),
    `import { AnyTransfer, histogram, meter } from "vedette";
import { HttpServer, programName } from "vedette/protocols";
const SERVER = new HttpServer(4096, 4096, false);
const TOOK = histogram({
  name: "took", unit: "us", doc: "time of requests", labels: ["program", "method"],
  bounds: [${BOUNDS.join(", ")}],
});
@meter({ name: "durations" })
export function durations(e: AnyTransfer): void {
  if (SERVER.hasLeft(e)) return;
  for (let i = 0, n = SERVER.saw(e); i < n; i++)
    TOOK.label(programName(e)).label(SERVER.method(i)).record(SERVER.seconds(i) * 1e6);
}\n`,
  );
  return place;
}

/** The microseconds that such a share of a program's requests took at most, interpolated in a bucket. */
export function measuredAt(socket: string, program: string, method: string, share: number): number {
  const buckets = seriesOf(socket, "took_microseconds_bucket")
    .filter(({ of }) => of("program") === program && of("method") === method)
    .map(({ of, value }) => ({ bound: Number(of("le").replace("+Inf", "Infinity")), below: value }))
    .sort((a, b) => a.bound - b.bound);
  const rank = share * (buckets.at(-1)?.below ?? 0);
  const at = buckets.findIndex(({ below }) => below >= rank);
  const { bound: from, below } = buckets[at - 1] ?? { bound: 0, below: 0 };
  const to = buckets[at];
  return to === undefined ? Number.NaN : from + ((to.bound - from) * (rank - below)) / (to.below - below);
}

/** Likewise, of what was logged. */
export function loggedAt(times: readonly number[], share: number): number {
  const inOrder = [...times].sort((a, b) => a - b);
  return inOrder[Math.max(0, Math.ceil(share * inOrder.length) - 1)] ?? Number.NaN;
}

/** Whether two times are within 10 % or 100 us of each other. */
export function isNear(measured: number, logged: number): boolean {
  return Math.abs(measured - logged) <= Math.max(100, logged / 10);
}
