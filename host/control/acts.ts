// SPDX-License-Identifier: Apache-2.0
// What a door does beside answering: it lets somebody in, and out. One row an act; the server works by this
// table, and openapi.ts describes it.
import * as z from "zod";
import type { OutputAsked } from "../output/try-one.js";
import { withoutUnseen } from "../output/visible.js";
import type { Drafted } from "../policy/seated.js";
import type { Decision } from "../store/store.js";
import { CONDITION_MAX } from "./condition.js";
import { Problem } from "./problem.js";
import { type Answer, found, INCIDENT_ID, type Shown } from "./routes.js";
import type { Sessions } from "./sessions.js";
import { IncidentsDecided, OutputTried, PolicyDrafted, PolicyExplained, PolicyTried } from "./shapes.js";
import type { ExplainAsked } from "./trial.js";
import { ownerOf, sees, type Viewer } from "./viewer.js";

/** Who acts, and with what. */
export interface Acting {
  readonly sessions: Sessions;
  /** The console's address; null: it is not shown. */
  readonly consoleAt: string | null;
  /** Whom the Unix socket or the token speaks for; null where the act itself is to find that out. */
  readonly viewer: Viewer | null;
  /** Of `Authorization`. */
  readonly token: string | null;
  readonly shown: Pick<Shown, "store" | "tryOutput" | "tryPolicy" | "explainPolicy" | "tryDraft">;
  /** What `{braces}` in the path stand for. */
  readonly parts: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
}

/** One row of the table. */
export interface Act {
  readonly method: "POST" | "DELETE";
  readonly path: string;
  readonly summary: string;
  /** `socket`: a Unix socket alone; `tcp`: TCP alone. */
  readonly door: "socket" | "tcp" | "any";
  /**
   * Who may do it. `strangers`: the act itself finds out who they are. `anybody`: also who may only look.
   * `actors`: who may change something of what is his. `operator`: who may change something of all.
   */
  readonly for: "strangers" | "anybody" | "actors" | "operator";
  /** It may take longer than an answer does. */
  readonly isSlow?: true;
  /** A viewer has one of them underway: one request makes the store work for long. */
  readonly isAlone?: true;
  /** Bytes of its body; left out: those of any act. */
  readonly bodyMax?: number;
  /** Null: it takes no body. */
  readonly body: z.ZodObject | null;
  /** Null: an empty answer. */
  readonly answer: z.ZodType | null;
  readonly of: (acting: Acting) => Answer | Promise<Answer>;
}

const secret = z.string().regex(/^[\w-]{43}$/);
/** Characters as they are sent, and bytes of UTF-8 as they are kept. */
const NOTE_MAX = 2_000;
const NOTE_BYTES_MAX = 2 << 10;
const NAME_MAX = 4_096;
const NO_POLICY = "There is no such policy, or nothing of it runs.";
/** Longest that a test of an output is waited for. */
const OUTPUT_MS = 4_000;
const SEVERAL = "Several outputs have this name. Say the kind of one that is the only one of its kind with this name.";
/** Of an act on several: a page of them. */
const INCIDENTS_MAX = 100;
/** Characters of a draft's text, and bytes of it as JSON: where each is one of three bytes. */
export const DRAFT_MAX = 64 << 10;
const DRAFT_BODY_MAX = 4 * DRAFT_MAX;
const SAYS_NOTHING = "it says nothing";
/** What a person says of an incident. */
const decision = {
  state: z.enum(["open", "closed"]).optional(),
  verdict: z.enum(["true_positive", "false_positive"]).optional(),
  note: z.string().max(NOTE_MAX).optional(),
};
const seconds = z.int().describe("for so long it holds");

/** All of them. */
export const ACTS: readonly Act[] = [
  {
    method: "POST",
    path: "/api/v1/tickets",
    summary: "A ticket for the console: it lets a browser in once, as whoever this socket speaks for.",
    door: "socket",
    for: "actors",
    body: null,
    answer: z.strictObject({ ticket: secret, seconds, console: z.string().nullable().describe("null: it is off") }),
    of: ({ sessions, consoleAt, viewer }) => {
      const { secret: ticket, seconds } = sessions.ticket(ownerOf(viewer!));
      return found(JSON.stringify({ ticket, seconds, console: consoleAt }));
    },
  },
  {
    method: "POST",
    path: "/api/v1/session",
    summary: "A key for a ticket. The key is a bearer token, and the ticket is used up.",
    door: "tcp",
    for: "strangers",
    body: z.strictObject({ ticket: secret }),
    answer: z.strictObject({ key: secret, seconds, tenant: z.string().nullable() }),
    of: ({ sessions, body }) => {
      const entered = sessions.enter(body.ticket as string);
      if (entered === null) throw new Problem(401, "This ticket was used, or is too old. Ask for another one.");
      const { secret: key, seconds, tenant } = entered;
      return found(JSON.stringify({ key, seconds, tenant }));
    },
  },
  {
    method: "DELETE",
    path: "/api/v1/session",
    summary: "Ends the session of the key that asks.",
    door: "tcp",
    for: "anybody",
    body: null,
    answer: null,
    of: ({ sessions, token }) => {
      sessions.leave(token ?? "");
      return { status: 204, type: "text/plain", body: "" };
    },
  },
  {
    method: "POST",
    path: "/api/v1/incidents/{id}",
    summary: "What a person decides about an incident. Who did so is written down.",
    door: "any",
    for: "actors",
    body: z.strictObject(decision).refine((body) => Object.keys(body).length > 0, SAYS_NOTHING),
    answer: null,
    of: async ({ shown, viewer, body, parts: { id = "" } }) => {
      const owner = ownerOf(viewer!);
      if (!(await shown.store.decide(owner, id, decisionOf(body), owner ?? "operator")))
        throw new Problem(404, "There is no such incident, or it is not kept any more.");
      return { status: 204, type: "text/plain", body: "" };
    },
  },
  {
    method: "POST",
    path: "/api/v1/incidents",
    summary: "The same of several incidents at once, which is written down for each.",
    door: "any",
    for: "actors",
    isSlow: true,
    isAlone: true,
    body: z
      .strictObject({ ids: z.array(INCIDENT_ID).min(1).max(INCIDENTS_MAX), ...decision })
      .refine((body) => Object.keys(body).length > 1, SAYS_NOTHING),
    answer: IncidentsDecided,
    of: async ({ shown, viewer, body: { ids, ...body } }) => {
      const owner = ownerOf(viewer!);
      const missing: string[] = [];
      const all = new Set(ids as readonly string[]);
      // One after the other: others' questions come in between.
      for (const id of all)
        if (!(await shown.store.decide(owner, id, decisionOf(body), owner ?? "operator"))) missing.push(id);
      return found(JSON.stringify({ decided: all.size - missing.length, missing }));
    },
  },
  {
    method: "POST",
    path: "/api/v1/outputs/test",
    summary: "Sends an alert that says it is a test to one output, behind all that wait there.",
    door: "any",
    for: "operator",
    isSlow: true,
    body: z.strictObject({
      name: z.string().min(1).max(NAME_MAX),
      kind: z.string().max(NAME_MAX).optional().describe("where several outputs have that name"),
    }),
    answer: OutputTried,
    of: async ({ shown, body }) => {
      const tried = await shown.tryOutput(body as unknown as OutputAsked, OUTPUT_MS);
      if (tried === "none") throw new Problem(404, "There is no such output, or it cannot be tested.");
      if (tried === "several") throw new Problem(409, SEVERAL);
      return found(JSON.stringify(tried));
    },
  },
  {
    method: "POST",
    path: "/api/v1/policies/test",
    summary: "Shows a policy what just happened, from a new state and in a process of its own, and says its alerts.",
    door: "any",
    for: "actors",
    isSlow: true,
    body: z.strictObject({
      tenant: z.string().max(NAME_MAX).default("").describe("empty: the operator's own"),
      policy: z.string().min(1).max(NAME_MAX),
    }),
    answer: PolicyTried,
    of: async ({ shown, viewer, body: { tenant, policy } }) => {
      const isSeen = sees(viewer!, tenant as string);
      const tried = isSeen ? await shown.tryPolicy(viewer!, tenant as string, policy as string) : null;
      if (tried === null) throw new Problem(404, NO_POLICY);
      return found(JSON.stringify(tried));
    },
  },
  {
    method: "POST",
    path: "/api/v1/policies/explain",
    summary: "Which terms of a policy's rules kept them from firing for what just happened, or made them fire.",
    door: "any",
    for: "actors",
    isSlow: true,
    body: z.strictObject({
      tenant: z.string().max(NAME_MAX).default("").describe("empty: the operator's own"),
      policy: z.string().min(1).max(NAME_MAX),
      condition: z.string().max(CONDITION_MAX).default("").describe("Falco's, of the events asked about; empty: all"),
    }),
    answer: PolicyExplained,
    of: async ({ shown, viewer, body }) => {
      const asked = body as unknown as ExplainAsked;
      const explained = sees(viewer!, asked.tenant) ? await shown.explainPolicy(viewer!, asked) : null;
      if (explained === null) throw new Problem(404, NO_POLICY);
      return found(JSON.stringify(explained));
    },
  },
  {
    method: "POST",
    path: "/api/v1/policies/draft",
    summary:
      "Compiles another text of a policy's index.ts, runs its tests, and shows it what just happened, beside the version that is loaded. Nothing of it is loaded or written.",
    door: "any",
    for: "actors",
    isSlow: true,
    bodyMax: DRAFT_BODY_MAX,
    body: z.strictObject({
      tenant: z.string().max(NAME_MAX).default("").describe("empty: the operator's own"),
      policy: z.string().min(1).max(NAME_MAX),
      text: z.string().max(DRAFT_MAX).describe("of index.ts; its other files are those that are there now"),
    }),
    answer: PolicyDrafted,
    of: async ({ shown, viewer, body }) => {
      const drafted = body as unknown as Drafted;
      const tried = sees(viewer!, drafted.tenant) ? await shown.tryDraft(viewer!, drafted) : null;
      if (tried === null) throw new Problem(404, NO_POLICY);
      return found(JSON.stringify(tried));
    },
  },
];

/** As the store takes it. Throws a Problem. */
function decisionOf({ state, note, ...body }: Readonly<Record<string, unknown>>): Decision {
  return { ...body, case: state, note: note === undefined ? undefined : noteOf(note as string) } as Decision;
}

/** Without what moves a terminal's cursor or turns a line: six bytes of JSON each. Throws a Problem. */
function noteOf(text: string): string {
  const note = Buffer.from(withoutUnseen(text)); // half a character becomes U+FFFD
  if (note.length > NOTE_BYTES_MAX) throw new Problem(400, `A note has at most ${NOTE_BYTES_MAX} bytes.`);
  return note.toString();
}

/** Whether who is known may do it. */
export function mayDo(act: Act, viewer: Viewer): boolean {
  if (act.for === "operator" && viewer.kind !== "operator") return false;
  return act.for === "anybody" || viewer.mayAct;
}
