// SPDX-License-Identifier: Apache-2.0
// The one error that Vedette throws. Its code, sentence and hint stand in capture/wire/errors.yaml; the
// values fill the sentence's {braces}. Whoever catches one prints `message` and `hint`, never the stack: the
// user did not write this code.
import { ERRORS, type ErrorCode } from "../build/generated/errors.js";

export type { ErrorCode };
/** What stands in the braces of an error's sentence and hint. */
export type ErrorValues = Readonly<Record<string, string | number | bigint>>;

/**
 * An error of the catalogue. `message` and `hint` are whole sentences for the user, and `cause` keeps the
 * first error.
 */
export class VedetteError extends Error {
  override readonly name = "VedetteError";
  readonly code: ErrorCode;
  readonly hint: string;
  /** The exit status of a command that ends with this error. */
  readonly exit: number;

  constructor(code: ErrorCode, values: ErrorValues = {}, options?: { cause?: unknown }) {
    super(fill(ERRORS[code].message, values), options);
    this.code = code;
    this.hint = fill(ERRORS[code].hint, values);
    this.exit = ERRORS[code].exit;
  }
}

/** What a person reads: the sentence, and under it what to do. */
export function explain(error: VedetteError): string {
  return error.hint === "" ? `${error.message} [${error.code}]` : `${error.message} [${error.code}]\n  ${error.hint}`;
}

/** Characters of one value: it may be anybody's word, and the sentence is told, sent and kept. */
const VALUE_MAX = 4_000;

/** An empty value takes the blank before it along. */
function fill(template: string, values: ErrorValues): string {
  return template.replace(/( ?)\{(\w+)\}/g, (whole, blank: string, name: string) => {
    if (!Object.hasOwn(values, name)) return whole;
    const value = String(values[name]);
    const shown = value.length > VALUE_MAX ? `${value.slice(0, VALUE_MAX)}... (${value.length} characters)` : value;
    return value === "" ? "" : blank + shown;
  });
}
