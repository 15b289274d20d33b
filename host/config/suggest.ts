// SPDX-License-Identifier: Apache-2.0
// Which word somebody probably meant.

/** So many letters may be wrong, for each so many that there are. */
const LETTERS_PER_MISTAKE = 3;

/** `Did you mean "url"?`, or nothing where no word is near. */
export function suggested(word: string, known: readonly string[]): string {
  const near = known
    .map((one) => ({ one, mistakes: mistakesBetween(word.toLowerCase(), one.toLowerCase()) }))
    .filter(
      ({ one, mistakes }) =>
        mistakes <= Math.max(1, Math.floor(Math.max(one.length, word.length) / LETTERS_PER_MISTAKE)),
    )
    .sort((a, b) => a.mistakes - b.mistakes)[0];
  return near === undefined ? "" : `Did you mean "${near.one}"?`;
}

/** Letters to add, take away, change or exchange with their neighbour (optimal string alignment). */
function mistakesBetween(a: string, b: string): number {
  let [before, last]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, i) => i)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (last[j - 1] as number) + Number(a[i - 1] !== b[j - 1]);
      row[j] = Math.min((last[j] as number) + 1, (row[j - 1] as number) + 1, change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        row[j] = Math.min(row[j] as number, (before[j - 2] as number) + 1);
    }
    [before, last] = [last, row];
  }
  return last[b.length] as number;
}
