// SPDX-License-Identifier: Apache-2.0
// Who may ask over TCP: a file with a line for each token. It holds SHA-256 of a token, never the token
// itself, so whoever reads the file cannot ask with it.
//
//   # SHA-256 of the token                                            whom it speaks for   until (may be left out)
//   9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  operator
//   60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752  tenant:payments      2026-12-31T00:00:00Z
//   fd61a03af4f77d870fc21e05e7e80678095c92d808cfb3b5c279ee04c74aca13  viewer
import { createHash, timingSafeEqual } from "node:crypto";
import { VedetteError } from "../errors.js";
import { readPlainFile } from "../plain-file.js";
import { reasonOf } from "../reason.js";

const BYTES_MAX = 1 << 20;

/** Whom a token or a key speaks for. */
export interface Holder {
  /** Null: the operator, or who may only look. */
  readonly tenant: string | null;
  /** False: may look, and change nothing. */
  readonly mayAct: boolean;
}

interface Token extends Holder {
  readonly digest: Buffer;
  /** ms since the epoch. */
  readonly until: number;
}

/** The file's tokens, read once. Tokens are compared in constant time. */
export class Tokens {
  readonly #tokens: readonly Token[];

  private constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /** Throws VEDETTE_CONTROL_TOKENS. */
  static read(path: string): Tokens {
    const wrong = (reason: string): VedetteError => new VedetteError("VEDETTE_CONTROL_TOKENS", { path, reason });
    let text: string;
    try {
      text = readPlainFile(path, { most: BYTES_MAX }).toString();
    } catch (error) {
      throw wrong(reasonOf(error));
    }
    const tokens = text.split("\n").flatMap((line, index) => {
      const words = line.replace(/#.*/, "").trim();
      if (words === "") return [];
      const token = tokenIn(words);
      if (token === null)
        throw wrong(`line ${index + 1} is not SHA-256, then operator, viewer or tenant:NAME, then a date`);
      return [token];
    });
    if (tokens.length === 0) throw wrong("it names no token");
    return new Tokens(tokens);
  }

  /** Whom a token speaks for; undefined: nobody. */
  holder(token: string): Holder | undefined {
    const digest = createHash("sha256").update(token).digest();
    const found = this.#tokens.filter((one) => timingSafeEqual(one.digest, digest) && Date.now() < one.until);
    return found[0];
  }
}

/** The token in `Authorization`; undefined: there is none. */
export function tokenOf(authorization: string | undefined): string | undefined {
  return /^Bearer +([\x21-\x7e]{1,512})$/i.exec(authorization ?? "")?.[1];
}

function tokenIn(line: string): Token | null {
  const [digest = "", whom = "", until, ...rest] = line.split(/\s+/);
  const [, tenant = null] = /^tenant:([a-z0-9._-]{1,100})$/.exec(whom) ?? [];
  const end = until === undefined ? Number.POSITIVE_INFINITY : Date.parse(until);
  if (!/^[0-9a-f]{64}$/.test(digest) || Number.isNaN(end) || rest.length > 0) return null;
  if (tenant === null && whom !== "operator" && whom !== "viewer") return null;
  return { digest: Buffer.from(digest, "hex"), tenant, mayAct: whom !== "viewer", until: end };
}
