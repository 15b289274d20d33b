// SPDX-License-Identifier: Apache-2.0
// Moves the policies of an owner from one worker to another, though each worker reads the ring at its own
// pace. Every policy judges every batch exactly once. The worker that takes the policies (`to`) stops before
// a batch. The other one (`from`) judges on until it stands there too, or has passed that batch already, and
// lets the policies go. It reports its position `left`, and `to` judges from there on:
//
//   to    ....|hold                        take: they judge from `left` on |....
//   from  ...................|leave at or behind it: `left`                    ....
//
// Their state goes with them (keep.ts). Those that rest have no batch to lose.
import type { Seat } from "./messages.js";
import type { Owner, Placement } from "./placement.js";
import type { Post } from "./post.js";

/** The engine's state that a move reads and changes. */
export interface MoveOptions {
  readonly placement: Placement;
  readonly isResting: (id: number) => boolean;
  /** A policy could not start where it came to. */
  readonly onFault: (id: number, reason: string) => void;
}

/** Resolves when `to` judges all of the owner's policies. Do not begin a second move before. */
export async function moveOwner(owner: Owner, to: Post, options: MoveOptions): Promise<void> {
  const { placement, isResting, onFault } = options;
  for (const [from, ids] of placement.elsewhere(owner, to)) {
    for (const id of ids.filter(isResting)) rehome(id, from, to, placement);
  }
  const going = placement.elsewhere(owner, to);
  if (going.size === 0 || to.isEnded) return;
  const at = await to.hold();
  const coming: Seat[] = [];
  for (const [from, ids] of going) {
    const seats = ids.flatMap((id) => from.seats.get(id) ?? []);
    const left = await from.leave(ids, at);
    for (const seat of seats) {
      placement.homes.set(seat.id, to);
      to.seats.set(seat.id, { ...seat, from: left });
      coming.push({ ...seat, from: left });
    }
  }
  const sittings = await to.take(coming.filter(({ id }) => !isResting(id)));
  for (const { id, fault } of sittings) if (fault !== null && !isResting(id) && !to.isEnded) onFault(id, fault);
}

/** One that rests sits in no worker. */
function rehome(id: number, from: Post, to: Post, placement: Placement): void {
  const seat = from.seats.get(id);
  if (seat === undefined) return;
  from.seats.delete(id);
  to.seats.set(id, seat);
  placement.homes.set(id, to);
}
