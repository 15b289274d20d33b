// SPDX-License-Identifier: Apache-2.0
// Where a page ends and the next one begins, as text that nobody else reads: the place of its last row in the
// order of rows. A page from there on costs the same whichever page it is, and stays right while rows come.

/** Of the last row. `time` is in ns since the epoch. */
export interface Place {
  readonly time: bigint;
  readonly seq: bigint;
}

const FORM = /^(-?\d{1,19})\.(\d{1,19})$/;
/** Of a row that comes behind all others. */
export const NEWEST: Place = { time: 2n ** 63n - 1n, seq: 2n ** 63n - 1n };

/** As text for an address. */
export function cursorOf({ time, seq }: Place): string {
  return Buffer.from(`${time}.${seq}`).toString("base64url");
}

/** Null: it is none of ours. */
export function placeOf(cursor: string): Place | null {
  const [, time, seq] = FORM.exec(Buffer.from(cursor, "base64url").toString()) ?? [];
  if (time === undefined || seq === undefined) return null;
  const place = { time: BigInt(time), seq: BigInt(seq) };
  return place.time > NEWEST.time || place.time < -NEWEST.time || place.seq > NEWEST.seq ? null : place;
}
