// SPDX-License-Identifier: Apache-2.0
// A policy's state outside of its instance: what is given back is what was saved last, whole.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { StateKeep } from "../../../host/engine/keep.js";
import { Random } from "../falco/random.js";

const SCHEMA = 7n;
const SIZES = [1, 4096, 4097, 100_000];

test("after each save the state is what it was, whatever of it has changed since", () => {
  const random = new Random(1);
  for (const size of SIZES) {
    const state = new Uint8Array(size);
    const keep = StateKeep.for({ bytes: state, schema: SCHEMA });
    for (let round = 0; round < 50; round++) {
      for (let i = random.below(4); i > 0; i--) state[random.below(size)] = random.below(256);
      keep.save({ bytes: state, schema: SCHEMA });
      const given = new Uint8Array(size).fill(9);
      new StateKeep(keep.memory).restore({ bytes: given, schema: SCHEMA });
      assert.equal(given, state, `${size} bytes, round ${round}`);
    }
  }
});

test("a state that is a part of a larger memory is kept alone", () => {
  const memory = new Uint8Array(30_000).fill(1);
  const state = memory.subarray(10_000, 20_000).fill(2);
  const keep = StateKeep.for({ bytes: state, schema: SCHEMA });
  keep.save({ bytes: state, schema: SCHEMA });
  keep.restore({ bytes: memory.subarray(5_000, 15_000), schema: SCHEMA });
  assert.is(memory[4_999], 1);
  assert.ok(memory.subarray(5_000, 20_000).every((byte) => byte === 2));
});

test("what was never saved changes nothing", () => {
  const state = new Uint8Array(5000).fill(3);
  const keep = StateKeep.for({ bytes: state, schema: SCHEMA });
  keep.restore({ bytes: state, schema: SCHEMA });
  assert.ok(state.every((byte) => byte === 3));
});

test("a state of another size or form does not fit", () => {
  const keep = StateKeep.for({ bytes: new Uint8Array(10), schema: SCHEMA });
  assert.is(keep.fits({ bytes: new Uint8Array(10), schema: SCHEMA }), true);
  assert.is(keep.fits({ bytes: new Uint8Array(11), schema: SCHEMA }), false);
  assert.is(keep.fits({ bytes: new Uint8Array(10), schema: 8n }), false);
});

test.run();
