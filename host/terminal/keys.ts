// SPDX-License-Identifier: Apache-2.0
// What a terminal sends when a key is pressed, as the key's name: `f2`, `up`, `enter`, `ctrl-c`, or the
// character itself. Terminals differ in what they send for F1 to F4, so both ways are here.

const SEQUENCES: Readonly<Record<string, string>> = {
  "[A": "up",
  "[B": "down",
  "[C": "right",
  "[D": "left",
  OA: "up",
  OB: "down",
  OC: "right",
  OD: "left",
  "[H": "home",
  "[F": "end",
  OH: "home",
  OF: "end",
  "[1~": "home",
  "[4~": "end",
  "[7~": "home",
  "[8~": "end",
  "[3~": "delete",
  "[5~": "pageup",
  "[6~": "pagedown",
  OP: "f1",
  OQ: "f2",
  OR: "f3",
  OS: "f4",
  "[11~": "f1",
  "[12~": "f2",
  "[13~": "f3",
  "[14~": "f4",
  "[[A": "f1",
  "[[B": "f2",
  "[[C": "f3",
  "[[D": "f4",
  "[[E": "f5",
  "[15~": "f5",
  "[17~": "f6",
  "[18~": "f7",
  "[19~": "f8",
  "[20~": "f9",
  "[21~": "f10",
};
const CONTROLS: Readonly<Record<string, string>> = {
  "\r": "enter",
  "\n": "enter",
  "\x7f": "backspace",
  "\b": "backspace",
  "\x03": "ctrl-c",
  "\x06": "ctrl-f",
  "\x0c": "ctrl-l",
  "\x15": "ctrl-u",
  "\x1a": "ctrl-z",
};
const SEQUENCE = /^\x1b(\[\[[A-E]|\[[0-9;]*[A-Za-z~]|O[A-Za-z])/;

/** The keys of one read, in order. What no key of ours sends is left out. */
export function keysOf(text: string): string[] {
  const keys: string[] = [];
  for (let rest = text; rest !== ""; ) {
    const [sequence] = SEQUENCE.exec(rest) ?? [];
    if (sequence !== undefined) {
      const name = SEQUENCES[sequence.slice(1)];
      if (name !== undefined) keys.push(name);
      rest = rest.slice(sequence.length);
      continue;
    }
    const char = String.fromCodePoint(rest.codePointAt(0) as number);
    if (char === "\x1b") keys.push("escape");
    else if (CONTROLS[char] !== undefined) keys.push(CONTROLS[char]);
    else if (char >= " ") keys.push(char);
    rest = rest.slice(char.length);
  }
  return keys;
}
