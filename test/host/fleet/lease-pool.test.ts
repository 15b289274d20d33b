// SPDX-License-Identifier: Apache-2.0
// Hosts share partitions: no partition has two owners at any moment, each has one again soon after its owner
// went, and no more of them move than must. Time is the test's own, so hundreds of lives of a pool pass in a
// second. `VEDETTE_LEASE_SEED` repeats a run's random choices.
import { setImmediate as turn } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { LeasePool, TIMING } from "../../../host/fleet/lease-pool.js";
import { MemoryLeases, SharedLeases } from "./memory-leases.js";

const PARTITIONS = 8;
const STEP_MS = 50;

/** One host of a pool, which does something only when the test steps it. */
class Host {
  readonly name: string;
  readonly leases: MemoryLeases;
  readonly pool: LeasePool;
  readonly owned = new Map<number, number>();
  readonly #stop = new AbortController();
  #isFrozen = false;
  isDead = false;
  said: string[] = [];

  constructor(
    name: string,
    shared: SharedLeases,
    now: () => number,
    onTaken: (partition: number, epoch: number, isTakeover: boolean) => void,
  ) {
    this.name = name;
    this.leases = new MemoryLeases(shared);
    this.pool = new LeasePool({
      ...{ leases: this.leases, host: name, partitions: PARTITIONS, now, say: (line) => this.said.push(line) },
      // It looks when the test says so, and never by itself.
      timing: { ...TIMING, look: 2 ** 31 - 1 },
      handlers: {
        onTaken: (partition, epoch, isTakeover) => {
          this.owned.set(partition, epoch);
          onTaken(partition, epoch, isTakeover);
        },
        onReturn: async (partition) => void this.owned.delete(partition),
        onLost: (partition) => void this.owned.delete(partition),
      },
    });
    void this.pool.run(this.#stop.signal);
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  set isFrozen(isFrozen: boolean) {
    this.#isFrozen = isFrozen;
    // It looks first: what it is told waits in its socket.
    if (!isFrozen) this.pool.look();
    this.leases.setFrozen(isFrozen);
  }

  /** As by kill -9: it says nothing more. */
  kill(): void {
    this.isDead = true;
    this.leases.setCut(true);
  }

  leave(): void {
    this.isDead = true;
    this.end();
  }

  /** It runs no more, dead or alive: its timer would keep the test's process. */
  end(): void {
    this.#stop.abort();
  }
}

const worlds = new Set<World>();

/** A pool on a clock of its own. */
class World {
  readonly shared = new SharedLeases();
  readonly hosts: Host[] = [];
  readonly epochs = new Map<number, number>();
  moves = 0;
  takeovers = 0;
  #now = 1_000;
  #names = 0;

  constructor() {
    worlds.add(this);
  }

  join(): Host {
    const host = new Host(
      `h${this.#names++}`,
      this.shared,
      () => this.#now,
      (partition, epoch, isTakeover) => {
        assert.ok(epoch > (this.epochs.get(partition) ?? 0), `epoch ${epoch} of partition ${partition} is new`);
        this.epochs.set(partition, epoch);
        this.moves++;
        if (isTakeover) this.takeovers++;
      },
    );
    this.hosts.push(host);
    return host;
  }

  get living(): Host[] {
    return this.hosts.filter(({ isDead }) => !isDead);
  }

  /** Lets so much time pass, and checks at each step that no partition has two owners. */
  async pass(ms: number): Promise<void> {
    for (const end = this.#now + ms; this.#now < end; this.#now += STEP_MS) {
      for (const host of this.living) if (!host.isFrozen) host.pool.look();
      for (let i = 0; i < 3; i++) await turn();
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const owners = this.hosts.filter(({ pool, isDead }) => !isDead && pool.holds(partition));
        assert.ok(owners.length <= 1, `partition ${partition}: ${owners.map(({ name }) => name)}`);
      }
    }
  }

  /** How many partitions each living host has. */
  get shares(): number[] {
    return this.living.map(({ pool }) => pool.held.size);
  }

  get isWhole(): boolean {
    return this.shares.reduce((sum, share) => sum + share, 0) === PARTITIONS;
  }
}

test.after.each(() => {
  for (const { hosts } of worlds) for (const host of hosts) host.end();
  worlds.clear();
});

test("one host has all; a second gets its half within seconds, and no more than that moves", async () => {
  const world = new World();
  world.join();
  await world.pass(1_000);
  assert.equal(world.shares, [8]);
  const before = world.moves;
  world.join();
  await world.pass(10_000);
  assert.equal(world.shares, [4, 4]);
  assert.is(world.moves - before, 4);
  assert.is(world.takeovers, 0);
});

test("what a killed host had is judged again within six seconds, and what the others had stays theirs", async () => {
  const world = new World();
  const [first] = [world.join(), world.join()];
  await world.pass(10_000);
  const kept = [...world.hosts[1]!.owned];
  const before = world.moves;
  first!.kill();
  await world.pass(6_000);
  assert.equal(world.shares, [8]);
  assert.is(world.moves - before, 4);
  assert.is(world.takeovers, 4);
  for (const [partition, epoch] of kept) assert.is(world.hosts[1]!.owned.get(partition), epoch);
});

test("what a host gives back as it leaves has an owner within a second", async () => {
  const world = new World();
  const [first] = [world.join(), world.join()];
  await world.pass(10_000);
  first!.leave();
  await world.pass(1_000);
  assert.equal(world.shares, [8]);
  assert.is(world.takeovers, 0);
});

test("a frozen host holds nothing when it wakes, is told what it lost, and takes nothing for a while", async () => {
  const world = new World();
  const [first] = [world.join(), world.join()];
  await world.pass(10_000);
  first!.isFrozen = true;
  await world.pass(9_000);
  assert.is(first!.pool.held.size, 0);
  assert.is(first!.owned.size, 4); // it has not looked yet
  first!.isFrozen = false;
  assert.is(first!.owned.size, 0);
  await world.pass(1_000);
  assert.equal(world.shares, [0, 8]);
  await world.pass(15_000);
  assert.equal(world.shares, [4, 4]);
});

test("a host without the table gives up by itself before another takes, and says why once", async () => {
  const world = new World();
  const [first] = [world.join(), world.join()];
  await world.pass(10_000);
  first!.leases.setCut(true);
  await world.pass(TIMING.lease);
  assert.is(first!.owned.size, 0);
  await world.pass(3_000);
  assert.is(first!.said.length, 1);
  assert.match(first!.said[0]!, /cannot be reached: it is cut off/);
  assert.equal(world.shares, [0, 8]);
});

test("whatever befalls hosts, no partition ever has two owners, and all have one in the end", async () => {
  const seed = Number(process.env.VEDETTE_LEASE_SEED ?? Math.floor(Math.random() * 2 ** 31));
  const random = randomOf(seed);
  const some = <T>(values: readonly T[]): T | undefined => values[Math.floor(random() * values.length)];
  try {
    for (let life = 0; life < 12; life++) {
      const world = new World();
      world.join();
      for (let event = 0; event < 12; event++) {
        const host = some(world.living);
        const what = random();
        if (what < 0.25 && world.living.length < 5) world.join();
        else if (what < 0.4 && world.living.length > 1) host?.kill();
        else if (what < 0.5 && world.living.length > 1) host?.leave();
        else if (what < 0.75 && host !== undefined) host.isFrozen = !host.isFrozen;
        else host?.leases.setCut(random() < 0.5);
        await world.pass(random() * 8_000);
      }
      for (const host of world.living) {
        host.isFrozen = false;
        host.leases.setCut(false);
      }
      await world.pass(30_000);
      assert.ok(world.isWhole, `shares ${world.shares}`);
    }
  } catch (error) {
    throw new Error(`VEDETTE_LEASE_SEED=${seed}: ${String(error)}`, { cause: error });
  }
});

/** Numbers from 0 to 1 that a seed repeats: mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

test.run();
