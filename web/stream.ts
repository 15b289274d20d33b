// SPDX-License-Identifier: Apache-2.0
// Server-sent events, read by fetch: EventSource cannot send a key. It goes on until the signal ends it.
import { openAnswer } from "./api.js";

/** Events that the host had no room for. */
export interface Gap {
  readonly missed: number;
  readonly batches: number;
}

export interface Following {
  readonly signal: AbortSignal;
  readonly onEvent: (event: Readonly<Record<string, unknown>>) => void;
  readonly onGap: (gap: Gap) => void;
}

/** Resolves when the host ends the stream. Throws Refused where the condition is wrong. */
export async function follow(condition: string, { signal, onEvent, onGap }: Following): Promise<void> {
  const query = condition === "" ? "" : `?filter=${encodeURIComponent(condition)}`;
  const answer = await openAnswer(`/api/v1/events${query}`, signal);
  let text = "";
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop()!;
    for (const block of blocks) {
      const [, kind, data] = /^event: (\w+)\ndata: (.*)$/s.exec(block) ?? [];
      if (kind === "event") onEvent(JSON.parse(data!) as Readonly<Record<string, unknown>>);
      if (kind === "gap") onGap(JSON.parse(data!) as Gap);
    }
  }
}
