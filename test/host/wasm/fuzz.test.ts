// SPDX-License-Identifier: Apache-2.0
// Modules that nobody wrote: bytes of real ones flipped, cut and put together, and bytes of chance. Admission
// answers each with a refusal that has a code or lets it in, quickly, without taking memory for what the
// bytes only claim; and what it lets in can be instantiated and stays inside its bounds.
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { VedetteError } from "../../../host/errors.js";
import { keepHeapSmall } from "../../../host/heap.js";
import { type Admitted, admit } from "../../../host/wasm/admission.js";
import { PolicyInstance } from "../../../host/wasm/instance.js";
import { assemble, HAND_WRITTEN } from "./shared.js";

// As in the host: what V8 keeps for young objects is no growth of ours.
keepHeapSmall();

const MODULE = assemble(HAND_WRITTEN);
const RUNS = 3000;
/** Of this process's processor time, whatever else the machine does. */
const CPU_MS_MAX = 200;
const GROWTH_MAX = 64 << 20;

function assertSmall(growth: number): void {
  assert.ok(growth < GROWTH_MAX, `grew by ${growth >> 20} MiB`);
}

async function answer(bytes: Uint8Array): Promise<Admitted | VedetteError> {
  const begun = process.cpuUsage();
  try {
    return await admit(bytes, "fuzz");
  } catch (error) {
    if (!(error instanceof VedetteError)) throw error;
    return error;
  } finally {
    const { user, system } = process.cpuUsage(begun);
    assert.ok((user + system) / 1_000 < CPU_MS_MAX, "an answer takes no time");
  }
}

async function survives(bytes: Uint8Array): Promise<boolean> {
  const got = await answer(bytes);
  if (got instanceof VedetteError) return true;
  try {
    // A flipped constant in a loop may make it endless, so nothing of it is called but what instantiation
    // does.
    PolicyInstance.start(
      { ...got, memory: { initial: got.memory.initial, maximum: got.memory.initial } },
      {},
      { onAlert: () => undefined, onLog: () => undefined },
    );
  } catch (error) {
    if (!(error instanceof VedetteError) && !(error instanceof WebAssembly.RuntimeError) && !(error instanceof Error))
      throw error;
  }
  return got.memory.maximum <= 64;
}

test("flipped bytes of a real module are answered, with no more memory than the module itself takes", async () => {
  // V8's compiler gives back late what it took, so as many whole modules come first.
  for (let run = 0; run < RUNS; run++) await answer(MODULE);
  const before = process.memoryUsage().rss;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(MODULE.length - 1), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 }),
      async (flips) => {
        const bytes = Uint8Array.from(MODULE);
        for (const [at, mask] of flips) bytes[at] = (bytes[at] as number) ^ mask;
        const got = await answer(bytes);
        return got instanceof VedetteError || got.memory.maximum <= 64;
      },
    ),
    { numRuns: RUNS },
  );
  assertSmall(process.memoryUsage().rss - before);
});

test("every single byte of a real module, set to its extremes, is answered", async () => {
  for (let at = 0; at < MODULE.length; at++) {
    for (const value of [0x00, 0x7f, 0x80, 0xff]) {
      const bytes = Uint8Array.from(MODULE);
      bytes[at] = value;
      await answer(bytes);
    }
  }
});

test("a real module that is cut anywhere is refused", async () => {
  for (let size = 0; size < MODULE.length; size++) {
    const got = await answer(MODULE.subarray(0, size));
    assert.instance(got, VedetteError, `${size} bytes of it were let in`);
  }
});

test("bytes of chance behind a module's header are answered", async () => {
  const header = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (rest) => survives(Buffer.concat([header, rest]))),
    { numRuns: RUNS },
  );
});

test("a module of a million types, functions or exports is answered", async () => {
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const size = [0xc0, 0x84, 0x3d]; // 1,000,000
  const section = (id: number, item: readonly number[], count: number): Uint8Array => {
    const content = Buffer.concat([Buffer.from(size), Buffer.alloc(item.length * count, Buffer.from(item))]);
    const length = [0, 7, 14, 21].map((shift) => ((content.length >> shift) & 0x7f) | (shift < 21 ? 0x80 : 0));
    return Buffer.concat([Buffer.from([id, ...length]), content]);
  };
  const type = Buffer.from([1, 4, 1, 0x60, 0, 0]);
  const million = 1_000_000;
  for (const bytes of [section(3, [0], million), section(10, [0], million), section(7, [0, 0, 0], million)]) {
    const got = await admit(Buffer.concat([Buffer.from(header), type, bytes]), "large", {
      moduleBytes: 4 << 20,
      memoryPages: 64,
    }).catch((error) => error);
    assert.instance(got, VedetteError);
  }
});

test("sections that claim four thousand million items take no memory", async () => {
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const before = process.memoryUsage().rss;
  for (let id = 0; id <= 13; id++) {
    const got = await answer(Uint8Array.from([...header, id, 6, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x00]));
    assert.instance(got, VedetteError);
  }
  assertSmall(process.memoryUsage().rss - before);
});

test.run();
