// SPDX-License-Identifier: Apache-2.0
// Asks the control API, once or again and again. An answer has three states, so that no screen says "none"
// where it should say "I could not look".
import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { keyOf, shutOut } from "./session.js";

const EVERY_MS = 3_000;

/** `looking`: no answer yet. `failed`: the last try; `value` is what the one before it gave. */
export interface Asked<T> {
  readonly state: "looking" | "there" | "failed";
  readonly value: T | null;
  readonly problem: string | null;
}

/** What the API refused, in its own words. */
export class Refused extends Error {}

/** What is said of an answer that did not come: why the API refused it, or `otherwise`. */
export function problemOf(error: unknown, otherwise = "Vedette does not answer."): string {
  return error instanceof Refused ? error.message : otherwise;
}

/** Throws Refused. A connection lives for seconds, and may be closed under us: then we ask once more. */
export async function ask<T>(path: string, signal?: AbortSignal): Promise<T> {
  const answer = await openAnswer(path, signal).catch((error: unknown) => {
    if (error instanceof Refused || signal?.aborted === true) throw error;
    return openAnswer(path, signal);
  });
  return (await answer.json()) as T;
}

/** The answer where it is a good one, as health is that is red (status 503). Throws Refused. */
export async function openAnswer(path: string, signal?: AbortSignal): Promise<Response> {
  const answer = await fetch(path, { headers: { authorization: `Bearer ${keyOf()}` }, signal: signal ?? null });
  const isRefusal = answer.headers.get("content-type")?.startsWith("application/problem+json") ?? false;
  if (answer.ok || (path === "/api/v1/health" && !isRefusal)) return answer;
  const { title, hint = "" } = (await answer.json()) as { title: string; hint?: string };
  if (answer.status === 401) shutOut("The session has ended.");
  throw new Refused(`${title} ${hint}`.trim());
}

/** Tells the API what somebody decided; its answer where it has one. Throws Refused. */
export async function tell<T = null>(path: string, body: object): Promise<T> {
  const headers = { authorization: `Bearer ${keyOf()}`, "content-type": "application/json" };
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Refused(((await answer.json()) as { title: string }).title);
  return (answer.status === 204 ? null : await answer.json()) as T;
}

/** What an act answers; `busy` is the one that is under way. One at a time. */
export function useAct<T>(path: string) {
  const busy = useSignal<string | null>(null);
  const said = useSignal<{ readonly of: string; readonly value: T | null; readonly problem: string | null } | null>(
    null,
  );
  const act = async (of: string, body: object): Promise<void> => {
    busy.value = of;
    try {
      said.value = { of, value: await tell<T>(path, body), problem: null };
    } catch (error) {
      said.value = { of, value: null, problem: problemOf(error) };
    }
    busy.value = null;
  };
  return { busy, said, act };
}

/** A query of those that are not empty, with its question mark. */
export function queryOf(parts: Readonly<Record<string, string>>): string {
  return `?${new URLSearchParams(Object.entries(parts).filter(([, value]) => value !== ""))}`;
}

/** Asks now, and every three seconds while the page is seen; `isOnce`: what costs much is asked now alone. */
export function useAsked<T>(path: string, isOnce = false): Signal<Asked<T>> {
  const asked = useSignal<Asked<T>>({ state: "looking", value: null, problem: null });
  useEffect(() => {
    const over = new AbortController();
    const look = async (): Promise<void> => {
      if (document.hidden && asked.value.state === "there") return;
      try {
        asked.value = { state: "there", value: await ask<T>(path, over.signal), problem: null };
      } catch (error) {
        if (over.signal.aborted) return;
        asked.value = { state: "failed", value: asked.value.value, problem: problemOf(error) };
      }
    };
    const timer = isOnce ? undefined : setInterval(look, EVERY_MS);
    asked.value = { state: "looking", value: null, problem: null };
    void look();
    return () => {
      clearInterval(timer);
      over.abort();
    };
  }, [path, isOnce]);
  return asked;
}
