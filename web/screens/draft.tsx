// SPDX-License-Identifier: Apache-2.0
// A draft of a policy: a copy of its index.ts that somebody changes and tries: its errors with their lines,
// its tests, and what it raises of what just happened beside what the loaded version raises. Nothing of it is
// loaded or kept by Vedette; who wrote it takes the text along.
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { PolicyDrafted, PolicyPage } from "../../host/control/shapes.js";
import { queryOf, useAct, useAsked } from "../api.js";
import { draftOf } from "../drafts.js";
import { Editor, goTo } from "../editor.js";
import { Answer, ByRule, Named, Table, Time } from "../parts.js";
import { tenant as owner } from "../session.js";
import { count, hasUnseen, some, visible } from "../words.js";
import { nameOf } from "./policies.js";

const SOURCE = "index.ts";
/** What the API takes. */
const TEXT_MAX = 64 << 10;

type Problem = PolicyDrafted["problems"][number];
type Place = (line: number, column: number) => void;

export function Draft({ tenant, policy }: { tenant: string; policy: string }) {
  const asked = useAsked<PolicyPage>(`/api/v1/policy${queryOf({ tenant, policy })}`);
  const name = nameOf({ tenant, policy });
  return (
    <>
      <h1>
        Draft of <Named of={name} />
      </h1>
      <p>
        <a href={`#/policies${queryOf({ tenant, policy })}`}>Back to the policy</a>. This is a copy of its {SOURCE}.
        Change it and test it: nothing of it is loaded, and nothing is written. Take the text along when it is right.
      </p>
      <Answer asked={asked.value} isNone={() => false} none="">
        {({ detail }) => {
          const file = detail?.files?.find((one) => one.name === SOURCE);
          if (file === undefined) return <p class="quiet">It has no {SOURCE} that could be changed here.</p>;
          if (!file.isWhole) return <p class="quiet">Its {SOURCE} is too long to be changed here.</p>;
          return <OfText tenant={tenant} policy={policy} loaded={file.text} />;
        }}
      </Answer>
    </>
  );
}

function OfText({ tenant, policy, loaded }: { tenant: string; policy: string; loaded: string }) {
  const { busy, said, act } = useAct<PolicyDrafted>("/api/v1/policies/draft");
  const field = useRef<HTMLTextAreaElement>(null);
  const name = nameOf({ tenant, policy });
  const { text, base } = draftOf(owner.value, name, loaded);
  const told = said.value?.value ?? null;
  const isLong = text.value.length > TEXT_MAX;
  const tries = (): void => {
    if (busy.value === null && !isLong) void act(name, { tenant, policy, text: text.value });
  };
  const marked = new Set(told?.problems.flatMap(({ file, line }) => (file === SOURCE && line !== null ? [line] : [])));
  return (
    <div class="panes two draft">
      <section aria-label="Text">
        <Unseen text={text.value} />
        {base !== loaded && text.value !== loaded && (
          <p class="warning">
            Another text has been loaded since this draft was begun. Take yours along before you start again.
          </p>
        )}
        <Editor label={SOURCE} of={text} marked={marked} field={field} onTry={tries} />
        <p id="editor-keys" class="quiet">
          Ctrl and Enter test it. Tab indents; Esc leaves the field, and then Tab goes on.
        </p>
        {isLong && <p class="problem">A draft has at most {count(TEXT_MAX)} characters.</p>}
        <div class="filter">
          {/* Not "disabled": it would lose the focus. */}
          <button type="button" aria-disabled={busy.value !== null || isLong} onClick={tries}>
            {busy.value === null ? "Test the draft" : "Testing …"}
          </button>
          <Take text={text.value} field={field} />
          <Again text={text} loaded={loaded} />
        </div>
      </section>
      <section aria-label="What became of it">
        <div role="status">
          {busy.value !== null && <p class="quiet">It is compiled, tested and shown what just happened …</p>}
          {busy.value === null && said.value?.problem != null && <p class="problem">{visible(said.value.problem)}</p>}
          {busy.value === null && told !== null && <p>{inShort(told)}</p>}
        </div>
        {busy.value === null && told !== null && (
          <Told of={told} goTo={(line, column) => goTo(field.current!, line, column)} />
        )}
      </section>
    </div>
  );
}

/** Where the text has characters that are not seen, or that turn the direction of a line. */
function Unseen({ text }: { text: string }) {
  const lines = text.split("\n").flatMap((line, index) => (hasUnseen(line) ? [index + 1] : []));
  if (lines.length === 0) return null;
  const which = `${lines.slice(0, 10).join(", ")}${lines.length > 10 ? " …" : ""}`;
  return (
    <p class="warning">
      {lines.length === 1 ? "Line" : "Lines"} {which} of the text {lines.length === 1 ? "has" : "have"} characters that
      are not seen, or that turn the direction of a line.
    </p>
  );
}

/** The text for the author's repository. */
function Take({ text, field }: { text: string; field: { readonly current: HTMLTextAreaElement | null } }) {
  const copied = useSignal("");
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      copied.value = "Copied.";
    } catch {
      field.current!.select();
      copied.value = "The browser does not let us copy: it is selected, press Ctrl and C.";
    }
  };
  return (
    <>
      <button type="button" onClick={() => void copy()}>
        Copy the text
      </button>
      <button type="button" onClick={() => download(text)}>
        Download {SOURCE}
      </button>
      <span role="status" class="quiet">
        {copied.value}
      </span>
    </>
  );
}

/** Back to the text that is loaded, and back from there. */
function Again({ text, loaded }: { text: { value: string }; loaded: string }) {
  const left = useSignal<string | null>(null);
  const swap = (to: string, from: string | null): void => {
    text.value = to;
    left.value = from;
  };
  if (text.value !== loaded)
    return (
      <button type="button" onClick={() => swap(loaded, text.value)}>
        Start again
      </button>
    );
  if (left.value === null) return null;
  return (
    <button type="button" onClick={() => swap(left.value!, null)}>
      Bring my draft back
    </button>
  );
}

function download(text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = SOURCE;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** One sentence, which is read out: the rest is looked at. */
function inShort({ problems, tests, draft }: PolicyDrafted): string {
  const errors = problems.filter(({ isError }) => isError).length;
  if (errors > 0) return `The draft has ${some(errors, "error")}.`;
  const failed = tests === null || tests.problem !== null ? "" : `, ${some(tests.failed, "failed test")}`;
  const raised = draft === null ? 0 : draft.alerts + draft.left_out;
  return `The draft is compiled${failed}, and it raised ${some(raised, "alert")}.`;
}

function Told({ of, goTo: go }: { of: PolicyDrafted; goTo: Place }) {
  const errors = of.problems.filter(({ isError }) => isError);
  const warnings = of.problems.filter(({ isError }) => !isError);
  return (
    <>
      {errors.length > 0 && <Problems title="Errors" all={errors} goTo={go} />}
      {errors.length > 0 && <p class="quiet">Until they are mended there is nothing to test.</p>}
      {warnings.length > 0 && <Problems title="Warnings" all={warnings} goTo={go} />}
      {errors.length === 0 && <Tests of={of.tests} />}
      {errors.length === 0 && <Alerts of={of} />}
    </>
  );
}

function Problems({ title, all, goTo: go }: { title: string; all: readonly Problem[]; goTo: Place }) {
  return (
    <>
      <h2>{title}</h2>
      {all.map(({ file, line, column, text, hint }, index) => (
        <div key={`${index}`}>
          <p>
            {line !== null && column !== null && (
              <>
                {file === SOURCE ? (
                  <button type="button" onClick={() => go(line, column)}>
                    Line {line}, column {column}
                  </button>
                ) : (
                  <Named of={`${file}:${line}:${column}`} />
                )}{" "}
              </>
            )}
            <span class={title === "Errors" ? "problem" : "warning"}>
              <Named of={text} />
            </span>
          </p>
          {line === null ? (
            <p class="quiet">
              <Named of={hint} />
            </p>
          ) : (
            // biome-ignore lint/a11y/noNoninteractiveTabindex: who has no mouse scrolls it by keys (WCAG 2.1.1).
            <section class="scrolls" aria-label={`Line ${line}`} tabIndex={0}>
              <pre>{hint.split("\n").map(visible).join("\n")}</pre>
            </section>
          )}
        </div>
      ))}
    </>
  );
}

function Tests({ of }: { of: PolicyDrafted["tests"] }) {
  if (of === null)
    return (
      <>
        <h2>Tests</h2>
        <p class="quiet">There is no tests.yaml.</p>
      </>
    );
  const { passed, failed, problem, failures, missing } = of;
  return (
    <>
      <h2>Tests</h2>
      {problem === null ? (
        <p class={failed > 0 ? "problem" : "well"}>
          {count(passed)} passed, {count(failed)} failed.
        </p>
      ) : (
        <p class="problem">
          They could not be run: <Named of={problem} />
        </p>
      )}
      {failures.map(({ name, differences, logs }, index) => (
        <div key={`${index}`}>
          <h3>
            <Named of={name} />
          </h3>
          {[...differences, ...logs.map((line) => `log: ${line}`)].map((line, nth) => (
            <p key={`${nth}`}>
              <code>
                <Named of={line} />
              </code>
            </p>
          ))}
        </div>
      ))}
      {missing.map((sentence) => (
        <p key={sentence} class="quiet">
          <Named of={sentence} />
        </p>
      ))}
    </>
  );
}

const BY = { draft: "draft alone", loaded: "loaded alone", both: "both" } as const;

function Alerts({ of: { events, from, to, draft, loaded, rules, samples } }: { of: PolicyDrafted }) {
  return (
    <>
      <h2>What just happened</h2>
      {events === 0 || draft === null || loaded === null ? (
        <p class="quiet">No event has come so far that it could be shown. Its tests alone were run.</p>
      ) : (
        <p>
          Both were shown {some(events, "event")}
          {from !== null && to !== null && (
            <>
              {" "}
              from <Time ns={from} /> to <Time ns={to} />
            </>
          )}
          , from a new state. The loaded version raised {some(loaded.alerts + loaded.left_out, "alert")}, the draft{" "}
          {count(draft.alerts + draft.left_out)}.
        </p>
      )}
      <Fault of={draft} who="The draft" />
      <Fault of={loaded} who="The loaded version" />
      <ByRule
        name="Alerts by rule"
        heads={["#Loaded", "#Draft"]}
        of={rules}
        counts={(one) => [one.loaded, one.draft]}
      />
      {samples.length > 0 && (
        <Table name="Their first alerts" head={["Raised by", "Alert"]}>
          {samples.map((one, index) => (
            <tr key={`${index}`}>
              <td class={one.by === "both" ? "quiet" : "found"}>{BY[one.by]}</td>
              <td class="text">
                <Time ns={one.time} /> <Named of={one.output} />
              </td>
            </tr>
          ))}
        </Table>
      )}
      {draft !== null && draft.logs.length > 0 && (
        <>
          <h3>Log of the draft</h3>
          {draft.logs.map((line, index) => (
            <p key={`${index}`}>
              <code>
                <Named of={line} />
              </code>
            </p>
          ))}
        </>
      )}
    </>
  );
}

function Fault({ of, who }: { of: PolicyDrafted["draft"]; who: string }) {
  if (of === null) return null;
  return (
    <>
      {of.fault !== null && (
        <p class="problem">
          {who} failed: <Named of={of.fault} />
        </p>
      )}
      {of.left_out > 0 && (
        <p class="quiet">
          {who} raised {some(of.left_out, "further alert")}: too many to be told one by one and compared.
        </p>
      )}
    </>
  );
}
