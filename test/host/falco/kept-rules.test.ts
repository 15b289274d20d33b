// SPDX-License-Identifier: Apache-2.0
// Rules that were compiled before count only where nobody else can have written them.
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { keepRules, keptFolder, keptRules } from "../../../host/falco/kept-rules.js";
import { scratch } from "../../e2e/programs.js";

const KEY = "0123abc";
const RULES = { said: ["a warning\nof two lines", "é"], wasm: Uint8Array.from([0, 10, 255, 10]) };
const NOBODY = 65_534;

/** A folder in which rules are kept, and the file. */
function filled(): { folder: string; file: string } {
  const folder = join(scratch(), "caches", "rules");
  keepRules(folder, KEY, RULES);
  return { folder, file: join(folder, KEY) };
}

test("what is kept comes back, for its key alone, and nobody else can read or write it", () => {
  const { folder, file } = filled();
  const kept = keptRules(folder, KEY);
  assert.equal(kept?.said, RULES.said);
  assert.equal(Uint8Array.from(kept!.wasm), RULES.wasm);
  assert.is(keptRules(folder, "another"), null);
  assert.equal([statSync(folder).mode & 0o777, statSync(file).mode & 0o777], [0o700, 0o600]);
  assert.equal(readdirSync(folder), [KEY]);
});

const spoiled: readonly [how: string, spoil: (place: { folder: string; file: string }) => void][] = [
  ["a file that a group may write", ({ file }) => chmodSync(file, 0o620)],
  ["a file that all may write", ({ file }) => chmodSync(file, 0o602)],
  ["a folder that all may write", ({ folder }) => chmodSync(folder, 0o1777)],
  [
    "a link to a file that is right",
    ({ file }) => {
      renameSync(file, `${file}.elsewhere`);
      symlinkSync(`${file}.elsewhere`, file);
    },
  ],
  [
    "a link to the folder",
    ({ folder }) => {
      renameSync(folder, `${folder}.elsewhere`);
      symlinkSync(`${folder}.elsewhere`, folder);
      chmodSync(`${folder}.elsewhere`, 0o777);
    },
  ],
  [
    "a file with one byte changed",
    ({ file }) => {
      const bytes = readFileSync(file);
      bytes[bytes.length - 1]! ^= 1;
      writeFileSync(file, bytes);
    },
  ],
  ["a file that was cut off", ({ file }) => writeFileSync(file, readFileSync(file).subarray(0, -1))],
  ["an empty file", ({ file }) => writeFileSync(file, "")],
  [
    "a folder in its place",
    ({ file }) => {
      renameSync(file, `${file}.elsewhere`);
      mkdirSync(file);
    },
  ],
  // Only root can give a file away.
  ...(process.geteuid!() === 0
    ? ([
        ["another user's file", ({ file }) => chownSync(file, NOBODY, NOBODY)],
        ["another user's folder", ({ folder }) => chownSync(folder, NOBODY, NOBODY)],
      ] as [string, (place: { folder: string; file: string }) => void][])
    : []),
];
for (const [how, spoil] of spoiled) {
  test(`H25: ${how} does not count`, () => {
    const place = filled();
    spoil(place);
    assert.is(keptRules(place.folder, KEY), null);
  });
}

test("H25: nothing is kept in a folder that others may write", () => {
  const folder = scratch();
  chmodSync(folder, 0o777);
  keepRules(folder, KEY, RULES);
  assert.equal(readdirSync(folder), []);
});

test("of many, those that were kept longest ago are dropped", () => {
  const { folder, file } = filled();
  utimesSync(file, 1, 1);
  for (let i = 0; i < 16; i++) keepRules(folder, `more${i}`, RULES);
  assert.is(readdirSync(folder).length, 16);
  assert.not(existsSync(file));
});

test("a module that is too large is not kept, nor is anything where no folder can be made", () => {
  const folder = join(scratch(), "rules");
  keepRules(folder, KEY, { said: [], wasm: new Uint8Array(9 << 20) });
  assert.not(existsSync(folder));
  const file = join(scratch(), "file");
  writeFileSync(file, "");
  keepRules(join(file, "rules"), KEY, RULES);
  assert.is(keptRules(join(file, "rules"), KEY), null);
});

test("the folder is the one that is named, or the user's for caches; a relative one is none", () => {
  assert.is(keptFolder({ VEDETTE_RULE_CACHE: "/a" }), "/a");
  assert.is(keptFolder({ VEDETTE_RULE_CACHE: "off", XDG_CACHE_HOME: "/b" }), null);
  assert.is(keptFolder({ XDG_CACHE_HOME: "/b" }), "/b/vedette/rules");
  assert.match(String(keptFolder({ XDG_CACHE_HOME: "b" })), /^\/.*\/\.cache\/vedette\/rules$/);
});

test.run();
