// SPDX-License-Identifier: Apache-2.0
// The few highest of many, without putting the rest in order: a heap holds the best so far, the least of them
// at its top, and most of the others are passed over after one comparison.
//
//   all rows ... -> is it above the heap's top? -no-> next      yes: it takes that place, and sinks

/** At most `limit` of `all`, the highest value first; of equal ones those that come first. */
export function topOf<T>(all: readonly T[], measure: (one: T) => number, limit: number): T[] {
  if (limit <= 0) return [];
  const values = new Float64Array(all.length);
  const heap: number[] = []; // places in `all`
  const isBelow = (a: number, b: number): boolean => {
    const [one, other] = [values[a] as number, values[b] as number];
    return one < other || (one === other && a > b);
  };
  for (let i = 0; i < all.length; i++) {
    values[i] = measure(all[i] as T);
    if (heap.length < limit) rise(heap, heap.push(i) - 1, isBelow);
    else if ((values[heap[0] as number] as number) < (values[i] as number)) {
      heap[0] = i;
      sink(heap, isBelow);
    }
  }
  return heap.sort((a, b) => (isBelow(a, b) ? 1 : -1)).map((place) => all[place] as T);
}

type IsBelow = (a: number, b: number) => boolean;

function rise(heap: number[], from: number, isBelow: IsBelow): void {
  for (let at = from; at > 0; ) {
    const parent = (at - 1) >> 1;
    if (!isBelow(heap[at] as number, heap[parent] as number)) return;
    at = swap(heap, at, parent);
  }
}

function sink(heap: number[], isBelow: IsBelow): void {
  for (let at = 0; ; ) {
    let least = at;
    for (const child of [2 * at + 1, 2 * at + 2])
      if (child < heap.length && isBelow(heap[child] as number, heap[least] as number)) least = child;
    if (least === at) return;
    at = swap(heap, at, least);
  }
}

/** Gives where the first one is now. */
function swap(heap: number[], a: number, b: number): number {
  [heap[a], heap[b]] = [heap[b] as number, heap[a] as number];
  return b;
}
