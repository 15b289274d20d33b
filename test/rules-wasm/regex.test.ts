// SPDX-License-Identifier: Apache-2.0
// Regular expressions and the clock of the SDK. The oracle of both is JavaScript: its RegExp with the flags
// s and u switched as ours are, and its Date. VEDETTE_SEED=N repeats a run's random choices.
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { TEST_EPOCH } from "../../host/policy/short-event.js";
import { cleanUp, loadSource, Running, type ShortEvent } from "./shared.js";

const SEED = Number(process.env.VEDETTE_SEED ?? 7);
const PATTERNS = 300;
const TEXTS = 12;
const PATTERN_MAX = 40;
const named = (name: string): ShortEvent => ["openat", { proc: { name }, name: "/x", flags: 0 }];

test.after(cleanUp);

/** A policy that notes, of each event, which patterns match all of its process's name, and which a part. */
function policyOf(patterns: readonly string[]): string {
  const checks = patterns.map((pattern, i) => {
    const made = `const R${i} = new Regex(${JSON.stringify(pattern)});`;
    return [made, `said += R${i}.matches(e.proc.name) ? "w" : R${i}.isIn(e.proc.name) ? "p" : "-";`] as const;
  });
  return `import { note, Openat, Priority, Regex, rule } from "vedette";
${checks.map(([made]) => made).join("\n")}
@rule({ name: "regex", priority: Priority.Notice, output: "said" })
export function regex(e: Openat): bool {
  let said = "";
${checks.map(([, check]) => `  ${check}`).join("\n")}
  note(said);
  return true;
}
`;
}

async function judged(patterns: readonly string[], texts: readonly string[]): Promise<string[]> {
  const running = new Running(await loadSource(policyOf(patterns)));
  return texts.flatMap((text) => running.judge(named(text)).map((said) => said.replace(/^said /, "")));
}

/** As ours are: `.` is not a line feed, whatever else ends lines elsewhere. */
function expected(pattern: string, text: string): string {
  const isInsensitive = pattern.startsWith("(?i)");
  const body = (isInsensitive ? pattern.slice("(?i)".length) : pattern).replace(/\\[\s\S]|\[[\s\S]*?\]|\./g, (part) =>
    part === "." ? "[^\\n]" : part,
  );
  const flags = isInsensitive ? "iu" : "u";
  if (new RegExp(`^(?:${body})$`, flags).test(text)) return "w";
  return new RegExp(body, flags).test(text) ? "p" : "-";
}

const letter = fc.constantFrom("a", "b", "c", "A", "0", "1", "-", "é", "\n", " ");
const atom = fc.oneof(
  letter.map((one) => (one === "-" ? "\\-" : one)),
  fc.constantFrom(
    ".",
    "\\d",
    "\\w",
    "\\s",
    "\\D",
    "\\W",
    "\\S",
    "[a-c]",
    "[^a-c]",
    "[^\\d]",
    "[\\w\\-]",
    "[^a\\n]",
    "\\x41",
  ),
);
const quantifier = fc.constantFrom("", "", "", "*", "+", "?", "*?", "{2}", "{1,}", "{0,2}", "{2,3}");
// Groups in groups grow a pattern by what they repeat, and it may have 1,000 steps.
const { pattern } = fc.letrec<{ pattern: string; branch: string; piece: string; group: string }>((tie) => ({
  pattern: fc.array(tie("branch"), { minLength: 1, maxLength: 3 }).map((parts) => parts.join("|")),
  branch: fc.array(tie("piece"), { maxLength: 4 }).map((parts) => parts.join("")),
  piece: fc.oneof(
    { weight: 5, arbitrary: fc.tuple(atom, quantifier).map((parts) => parts.join("")) },
    { weight: 2, arbitrary: tie("group") },
    { weight: 1, arbitrary: fc.constantFrom("^", "$") },
  ),
  group: fc
    .tuple(fc.constantFrom("(", "(?:"), tie("pattern"), fc.constantFrom("", "", "*", "+", "?", "{2}"))
    .map(([open, inner, times]) => `${open}${inner})${times}`),
}));
// `\-` means nothing outside [ ] to JavaScript with the flag u.
const forJavaScript = (text: string): string =>
  text.replace(/\[[^\]]*\]|\\-/g, (part) => (part === "\\-" ? "-" : part));

test("random patterns match what JavaScript's match", async () => {
  const arbitrary = fc
    .tuple(fc.boolean(), pattern)
    .map(([isInsensitive, text]) => `${isInsensitive ? "(?i)" : ""}${text}`);
  const short = arbitrary.filter((text) => text.length <= PATTERN_MAX);
  const patterns = fc.sample(short, { seed: SEED, numRuns: PATTERNS });
  const texts = fc.sample(fc.string({ unit: letter, maxLength: 8 }), { seed: SEED, numRuns: TEXTS });
  for (let from = 0; from < PATTERNS; from += 100) {
    const some = patterns.slice(from, from + 100);
    const said = await judged(some, ["", ...texts]);
    for (const [k, text] of ["", ...texts].entries())
      for (const [i, one] of some.entries())
        assert.is(
          said[k]?.[i],
          expected(forJavaScript(one), text),
          `${JSON.stringify(one)} on ${JSON.stringify(text)}`,
        );
  }
});

test("A14: patterns as people write them", async () => {
  const cases: [pattern: string, text: string, what: string][] = [
    ["\\.(sh|py|pl)$", "x.py", "p"],
    ["\\.(sh|py|pl)$", "x.pyc", "-"],
    ["(?i)xmrig|minerd|kinsing", "XMRig", "w"],
    ["[0-9]{1,3}(\\.[0-9]{1,3}){3}", "at 10.0.0.1 now", "p"],
    ["^/proc/[0-9]+/(mem|environ)$", "/proc/1/mem", "w"],
    ["größ.", "größe", "w"],
    ["[]a]+", "]a", "w"],
    ["a{3}", "aa", "-"],
  ];
  for (const [one, text, what] of cases) assert.equal(await judged([one], [text]), [what], `${one} on ${text}`);
});

test("a byte that goes on with nothing is a character, so that no name hides behind one", async () => {
  const patterns = ["^.\\.sh$", "^[^/]+\\.sh$", "^\\D\\.sh$", "^[\\W]\\.sh", "^\\xa9\\.sh", "^[^\\W]\\.sh"];
  const source = policyOf(patterns).replaceAll("e.proc.name", "e.name.slice(6)"); // the second byte of é
  const running = new Running(await loadSource(source));
  assert.equal(running.judge(["openat", { name: "/tmp/é.sh", flags: 0 }]), ["said wwwww-"]);
});

test("a pattern that takes others exponential time takes steps times bytes", async () => {
  const text = "a".repeat(4000);
  const before = performance.now();
  assert.equal(await judged(["(a*)*b", "(a|a)*b", "(a+)+$b", "(.*)*(.*)*(.*)*b"], [text]), ["----"]);
  assert.ok(performance.now() - before < 60_000, "it ended");
});

test("what is no regular expression is told when the policy is loaded, with why", async () => {
  const wrong: [pattern: string, why: string][] = [
    ["(a", "a ( that nothing closes"],
    ["a)", "a ) that closes nothing"],
    ["[a", "a [ that nothing closes"],
    ["*a", "a sign that repeats nothing"],
    ["a**", "several times"],
    ["a{2", "a {} that is not"],
    ["a{3,2}", "a {} that is not"],
    ["a{999}", "a {} without a number up to 255"],
    ["(a{200}){200}", "more than 1000 steps"],
    ["[z-a]", "a range that ends before it begins"],
    ["\\b", "a \\ before a letter or digit"],
    ["(?=a)", "a (? that is not (?:"],
    ["a\\", "cut off"],
    ["[é]", "beyond ASCII in [ ]"],
    ["[\\x80-\\xbf]", "beyond ASCII in [ ]"],
    ["(".repeat(60) + ")".repeat(60), "more than 50 groups"],
  ];
  for (const [one, why] of wrong) {
    const message = await judged([one], []).then(
      () => "it was started",
      (error: Error) => error.message,
    );
    assert.ok(message.includes("is not a regular expression") && message.includes(why), `${one}: ${message}`);
  }
});

test("A14: the clock gives hour, minute and day of the week in UTC", async () => {
  const source = `import { hourOf, minuteOf, note, Openat, Priority, rule, weekdayOf } from "vedette";
@rule({ name: "clock", priority: Priority.Notice, output: "said" })
export function clock(e: Openat): bool {
  note(weekdayOf(e.time).toString() + " " + hourOf(e.time).toString() + " " + minuteOf(e.time).toString());
  return true;
}
`;
  const running = new Running(await loadSource(source));
  const date = (after: number) => new Date(Number(TEST_EPOCH / 1_000_000n) + after * 3_600_000);
  for (const after of [0, 5, 13, 26, 24 * 6, 24 * 365]) {
    const at = date(after);
    const said = running.judge(["openat", { name: "/x", flags: 0, at: `${after}h` }]);
    assert.equal(said, [`said ${at.getUTCDay()} ${at.getUTCHours()} ${at.getUTCMinutes()}`], at.toISOString());
  }
});

test.run();
