// SPDX-License-Identifier: Apache-2.0
// The evidence of an incident: the recordings that were kept, with their digests, to be taken along. The
// key is sent as a header, so a file is fetched and then handed to the browser; a plain link could not send
// it.
import { useSignal } from "@preact/signals";
import type { EvidenceList, EvidenceRow } from "../../host/control/shapes.js";
import { openAnswer, problemOf, useAsked } from "../api.js";
import { Answer, Table } from "../parts.js";
import { bytes, count, moment } from "../words.js";

const HEAD = ["File", "#Size", "From (UTC)", "To (UTC)", "#Events", "State", "SHA-256", "Take"];
const STATES = {
  whole: "whole",
  full: "ended by a bound",
  cut: "the rest could not be written",
  killed: "Vedette was ended",
} as const;

export function Evidence({ of }: { of: string }) {
  const asked = useAsked<EvidenceList>(`/api/v1/incidents/${of}/evidence`);
  const problem = useSignal<string | null>(null);
  const take = async (file: string): Promise<void> => {
    try {
      problem.value = null;
      await download(file);
    } catch (error) {
      problem.value = problemOf(error, "The file could not be fetched.");
    }
  };
  return (
    <section aria-label="Evidence">
      <h2>Evidence</h2>
      {problem.value !== null && (
        <p class="problem" role="alert">
          {problem.value}
        </p>
      )}
      <Answer asked={asked.value} isNone={() => false} none="">
        {({ isKept, items }) =>
          !isKept ? (
            <p class="quiet">
              Nobody looked: no folder of evidence was given (<code>--evidence DIR</code>).
            </p>
          ) : items.length === 0 ? (
            <p class="quiet">No evidence was kept of this incident, or it is still being written.</p>
          ) : (
            <Table name="Files of evidence" head={HEAD}>
              {items.flatMap((one) => [
                <File key={one.file} one={one} of={one} take={take} />,
                one.capture !== undefined && <File key={one.capture.file} one={one} of={one.capture} take={take} />,
              ])}
            </Table>
          )
        }
      </Answer>
    </section>
  );
}

/** A recording, or the capture that was made of it. */
function File(props: {
  one: EvidenceRow;
  of: Pick<EvidenceRow, "file" | "bytes" | "sha256">;
  take: (file: string) => Promise<void>;
}) {
  const { one, of, take } = props;
  return (
    <tr>
      <td>{of.file}</td>
      <td class="number">{bytes(of.bytes)}</td>
      <td>{one.from === null ? "" : short(one.from)}</td>
      <td>{one.to === null ? "" : short(one.to)}</td>
      <td class="number">{count(one.events)}</td>
      <td class={one.state === "whole" ? "" : "problem"}>{STATES[one.state]}</td>
      <td class="text">
        <code>{of.sha256}</code>
      </td>
      <td>
        <button type="button" aria-label={`Take ${of.file}`} onClick={() => void take(of.file)}>
          Take
        </button>
      </td>
    </tr>
  );
}

const short = (ns: string): string => moment(ns).slice(0, 19).replace("T", " ");

async function download(file: string): Promise<void> {
  const answer = await openAnswer(`/api/v1/evidence/${encodeURIComponent(file)}`);
  const url = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
