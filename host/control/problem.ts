// SPDX-License-Identifier: Apache-2.0
// What the API answers when it refuses a request: a status, a sentence, and the catalogue's code and hint if
// there is one (RFC 9457, application/problem+json).
import type { VedetteError } from "../errors.js";

/** An HTTP status (4xx or 5xx) and a sentence. Throw it from a handler: the server answers with its JSON. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string | null;
  readonly hint: string | null;

  constructor(status: number, message: string, code: string | null = null, hint: string | null = null) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = hint;
  }

  /** A mistake of whoever asked. */
  static of(error: VedetteError): Problem {
    return new Problem(400, error.message, error.code, error.hint);
  }

  get json(): string {
    const { status, message: title, code, hint } = this;
    return `${JSON.stringify({ status, title, ...(code === null ? {} : { code }), ...(hint === null ? {} : { hint }) })}\n`;
  }
}
