// SPDX-License-Identifier: Apache-2.0
// Who this tab speaks for. A ticket in the address is given for a key at once and taken out of the address.
// The key stays in this tab: a cookie would go to every port of this machine.
import { computed, signal } from "@preact/signals";
import type { Self } from "../host/control/shapes.js";
import { forgetDrafts } from "./drafts.js";

const KEY = "vedette.key";

/** `unknown`: not asked yet. `out`: a key is needed. */
export type Access = "unknown" | "in" | "out";

export const access = signal<Access>("unknown");
/** Why nobody is in; null: nothing went wrong. */
export const refusal = signal<string | null>(null);
/** Null: the operator, or nobody is in. */
export const tenant = signal<string | null>(null);

/** False: may look, and change nothing. */
export const mayAct = signal(true);

/** `store`: nothing runs here; what is shown was stored. */
export const from = signal<Self["from"]>("sensor");

/** Something runs here that may be tested, and who looks may ask for that. */
export const mayTest = computed(() => mayAct.value && from.value === "sensor");

export const keyOf = (): string => sessionStorage.getItem(KEY) ?? "";

/** Takes the ticket out of the address, or the key that this tab has. */
export async function enter(): Promise<void> {
  const ticket = /^#t=([\w-]+)$/.exec(location.hash)?.[1];
  if (ticket !== undefined) {
    history.replaceState(null, "", "/#/");
    await redeem(ticket);
  }
  await look();
}

/** Somebody typed a token. */
export async function enterWith(token: string): Promise<void> {
  sessionStorage.setItem(KEY, token);
  await look();
}

/** Forgets the key, here and there, and what was not taken along. */
export async function leave(): Promise<void> {
  await fetch("/api/v1/session", { method: "DELETE", headers: { authorization: `Bearer ${keyOf()}` } }).catch(
    () => null,
  );
  forgetDrafts(); // behind it: until then somebody may type on
  shutOut(null);
}

/** The key does not hold, or no longer. */
export function shutOut(why: string | null): void {
  sessionStorage.removeItem(KEY);
  refusal.value = why;
  access.value = "out";
}

async function redeem(ticket: string): Promise<void> {
  const body = JSON.stringify({ ticket });
  const answer = await fetch("/api/v1/session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  const said = (await answer.json()) as { key?: string; title?: string };
  if (said.key !== undefined) sessionStorage.setItem(KEY, said.key);
  else refusal.value = said.title ?? "This ticket was not taken.";
}

async function look(): Promise<void> {
  if (keyOf() === "") return shutOut(refusal.value);
  const answer = await fetch("/api/v1/self", { headers: { authorization: `Bearer ${keyOf()}` } });
  if (!answer.ok) return shutOut(((await answer.json()) as { title: string }).title);
  const self = (await answer.json()) as Self;
  tenant.value = self.tenant;
  mayAct.value = self.mayAct;
  from.value = self.from;
  refusal.value = null;
  access.value = "in";
}
