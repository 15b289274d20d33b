// SPDX-License-Identifier: Apache-2.0
// Nobody judges while one is alone, and who waits for that can be called off.
import { setImmediate as soon } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Turns } from "../../../host/fleet/turns.js";

const EVER = new AbortController().signal;

/** Something that lasts until it is told to end. */
function lasting(said: string[], name: string): { work: () => Promise<void>; end: () => void } {
  let end = (): void => undefined;
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  const work = async (): Promise<void> => {
    said.push(`${name} begins`);
    await over;
    said.push(`${name} ends`);
  };
  return { work, end };
}

test("who is alone waits for all that judge, and for what they were given; who comes meanwhile waits for him", async () => {
  const turns = new Turns();
  const said: string[] = [];
  const [first, second, alone, late] = ["first", "second", "alone", "late"].map((name) => lasting(said, name)) as [
    ReturnType<typeof lasting>,
    ...ReturnType<typeof lasting>[],
  ];
  turns.join(async () => void said.push("settled"));
  const left = turns.join(async () => void said.push("of one that left"));
  left();
  const all = [first, second!].map(({ work }) => turns.together(work, EVER));
  all.push(turns.alone(alone!.work, EVER));
  all.push(turns.together(late!.work, EVER));
  for (const { end } of [second!, first, alone!, late!]) {
    await soon();
    said.push("-");
    end();
  }
  await Promise.all(all);
  const expected =
    "first begins,second begins,-,second ends,-,first ends,settled,alone begins,-,alone ends,late begins,-,late ends";
  assert.is(said.join(), expected);
});

test("who waits for his turn is called off, and then others go on", async () => {
  const turns = new Turns();
  const said: string[] = [];
  const [judging, alone, waiting] = ["judging", "alone", "waiting"].map((name) => lasting(said, name)) as [
    ReturnType<typeof lasting>,
    ...ReturnType<typeof lasting>[],
  ];
  const judged = turns.together(judging.work, EVER);
  const calls = [new AbortController(), new AbortController()] as const;
  const aloneOver = turns.alone(alone!.work, calls[0].signal);
  const waitingOver = turns.together(waiting!.work, calls[1].signal);
  calls[1].abort();
  await waitingOver;
  calls[0].abort();
  await aloneOver;
  await turns.together(async () => void said.push("another"), EVER);
  judging.end();
  await judged;
  assert.is(said.join(), "judging begins,another,judging ends");
});

test("an error of the work is the caller's, and ends its turn", async () => {
  const turns = new Turns();
  const failing = async (): Promise<void> => {
    throw new Error("it failed");
  };
  for (const kind of ["alone", "together"] as const) {
    const told = await turns[kind](failing, EVER).catch(({ message }: Error) => message);
    assert.is(told, "it failed");
  }
  const said: string[] = [];
  await turns.alone(async () => void said.push("done"), EVER);
  assert.equal(said, ["done"]);
});

test.run();
