// SPDX-License-Identifier: Apache-2.0
// A field for a program's text: its lines have numbers, Tab indents, Enter keeps the indent. It is the
// browser's own field, which brings undo, search and screen readers along. Esc leaves it, as every field
// (keys.tsx), and Tab goes on from there (WCAG 2.1.2).
import { type ReadonlySignal, type Signal, useComputed } from "@preact/signals";
import type { RefObject, TargetedKeyboardEvent } from "preact";
import { useRef } from "preact/hooks";

type Field = HTMLTextAreaElement;

const INDENT = "  ";

/** `marked`: numbers of lines of which something is said. `onTry`: Ctrl and Enter. */
export function Editor(props: {
  label: string;
  of: Signal<string>;
  marked: ReadonlySet<number>;
  field: RefObject<Field | null>;
  onTry: () => void;
}) {
  const { label, of, marked, field, onTry } = props;
  const numbers = useRef<HTMLPreElement>(null);
  const count = useComputed(() => of.value.split("\n").length);
  return (
    <div class="editor">
      <pre ref={numbers} aria-hidden="true">
        <Numbers count={count} marked={marked} />
      </pre>
      <textarea
        ref={field}
        aria-label={label}
        aria-describedby="editor-keys"
        wrap="off"
        spellcheck={false}
        autocapitalize="off"
        autocomplete="off"
        value={of}
        onInput={(event) => {
          of.value = event.currentTarget.value;
        }}
        onScroll={(event) => {
          numbers.current!.scrollTop = event.currentTarget.scrollTop;
        }}
        onKeyDown={(event) => onKey(event, onTry)}
      />
    </div>
  );
}

function Numbers({ count, marked }: { count: ReadonlySignal<number>; marked: ReadonlySet<number> }) {
  return (
    <>
      {Array.from({ length: count.value }, (_, index) =>
        marked.has(index + 1) ? (
          <b key={`${index}`} class="problem">
            {`${index + 1}\n`}
          </b>
        ) : (
          `${index + 1}\n`
        ),
      )}
    </>
  );
}

/** Puts the cursor there, line and column from 1, where it is seen. */
export function goTo(field: Field, line: number, column: number): void {
  const lines = field.value.split("\n");
  const start = lines.slice(0, line - 1).reduce((sum, { length }) => sum + length + 1, 0) + column - 1;
  field.focus();
  field.setSelectionRange(start, start);
  const width = field.scrollWidth / Math.max(1, ...lines.map(({ length }) => length));
  field.scrollLeft = Math.max(0, width * (column - 1) - field.clientWidth / 2);
  field.scrollTop = Math.max(0, (field.scrollHeight / lines.length) * (line - 1) - field.clientHeight / 2);
}

function onKey(event: TargetedKeyboardEvent<Field>, onTry: () => void): void {
  const { key, currentTarget: field, ctrlKey, metaKey, altKey, shiftKey, isComposing } = event;
  const isCommand = ctrlKey || metaKey;
  if (altKey || isComposing || (isCommand && key !== "Enter")) return;
  if (key === "Enter" && isCommand) onTry();
  else if (key === "Tab") indent(field, shiftKey);
  else if (key === "Enter" && indentAt(field) !== "") insert(field, `\n${indentAt(field)}`);
  else return;
  event.preventDefault();
}

/** Of the line with the cursor, up to it. */
function indentAt({ value, selectionStart }: Field): string {
  const line = value.slice(value.lastIndexOf("\n", selectionStart - 1) + 1, selectionStart);
  return /^[ \t]*/.exec(line)![0];
}

/** Two blanks more, or less, before all lines of a selection; or at the cursor. */
function indent(field: Field, isLess: boolean): void {
  const { value, selectionStart: from, selectionEnd: to } = field;
  if (!isLess && from === to) {
    insert(field, INDENT);
    return;
  }
  const begin = from === 0 ? 0 : value.lastIndexOf("\n", from - 1) + 1;
  const lines = value.slice(begin, to).split("\n");
  const text = lines.map((line) => (isLess ? line.replace(/^ {1,2}|^\t/, "") : `${INDENT}${line}`)).join("\n");
  field.setSelectionRange(begin, to);
  insert(field, text);
  field.setSelectionRange(from === to ? begin + text.length : begin, begin + text.length);
}

/** In place of the selection. The old command is the one that undo knows of. */
function insert(field: Field, text: string): void {
  if (document.execCommand("insertText", false, text)) return;
  field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
}
