// SPDX-License-Identifier: Apache-2.0
//
// Medians of interleaved rounds: A B C A B C ..., so that a machine that slows down slows all of them.
export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function interleaved<K extends string>(rounds: number, runs: Record<K, () => number>): Record<K, number> {
  const names = Object.keys(runs) as K[];
  const taken = new Map<K, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const name of names) taken.get(name)!.push(runs[name]());
  }
  return Object.fromEntries(names.map((name) => [name, median(taken.get(name)!)])) as Record<K, number>;
}
