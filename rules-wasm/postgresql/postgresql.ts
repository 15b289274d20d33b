// SPDX-License-Identifier: Apache-2.0
// PostgreSQL as its servers and its clients see it. A request is a simple query, a function call, or
// whatever a client sends up to a Sync; its answer ends with ReadyForQuery. An operation is a statement
// that the server says is complete, by the server's own word for it (SELECT, INSERT), or that it answers
// with an error: then its name is the first word of the statement, or `_OTHER` where the request has
// statements of several kinds.
//
//   const SQL = new PostgreSql();
//   ... for (let i = 0, n = SQL.received(e, e.data); i < n; i++) DURATION.label(SQL.operation(i)) ... .record(SQL.seconds(i));
import { at, seen, skip, total } from "../connection/cursor";
import { OWN, PairedProtocol } from "../connection/paired";
import { OTHER, Words } from "../connection/words";
import { hours } from "../duration";
import { StateTable } from "../state/table";
import { Str } from "../str";
import { mix } from "../string-set";
import { writeUtf8 } from "../text";
import { setSpan } from "../wire/frame";
import {
  BIND, CALL, COMPLETE, COPY_BOTH, DONE, ERROR, EXECUTE, GSS_REQUEST, isIdle, isOfUnit, isRequest, isUnasked, message, MORE, PARSE, PARSER,
  QUERY, READY, reset, SSL_REQUEST, startup, startupCode, statementOf, SYNC, tagOf, UNSEEN, VERSION_3, wordAt, wordSize,
} from "./messages";

/** First words of PostgreSQL 17's statements, and of what a server says that it has completed. */
const OPERATIONS = new Words(
  "SELECT INSERT UPDATE DELETE MERGE WITH VALUES TABLE BEGIN START COMMIT END ROLLBACK ABORT SAVEPOINT RELEASE PREPARE EXECUTE " +
  "DEALLOCATE DECLARE FETCH MOVE CLOSE COPY CREATE ALTER DROP TRUNCATE GRANT REVOKE VACUUM ANALYZE REINDEX CLUSTER LOCK EXPLAIN " +
  "SHOW SET RESET DISCARD CALL DO LISTEN NOTIFY UNLISTEN CHECKPOINT REFRESH COMMENT SECURITY LOAD IMPORT REASSIGN",
);

/** A connection's own bytes: the parsers, then what it is about. */
const IN: usize = OWN;
const OUT: usize = OWN + PARSER;
const SCENE: usize = OWN + 2 * PARSER; // u8
const IS_OPEN: usize = SCENE + 1; // u8: a request has begun, and its Sync is to come
const TOLD: usize = SCENE + 2; // u8: an operation of the oldest request was told
const OWN_SIZE: usize = SCENE + 8 - OWN;

/** What comes next: the client's first message; messages; the server's byte about encryption. */
const FIRST_MESSAGE: u8 = 0;
const MESSAGES: u8 = 1;
const ENCRYPTION: u8 = 2;

/** A request's name while it has no statement, and that of the first message, which is no operation. */
const NO_NAME: u32 = 0xffff;
const NO_OPERATION: u32 = 0xfffe;
const NAMES: u32 = 0xffff;
/** With the name: the request executes something. */
const EXECUTES: u32 = 1 << 16;
const CODE_SIZE: u32 = 5;
const UNKNOWN_CODE: u32 = u32.MAX_VALUE;
/** The text of an error's code, and what names it. */
const text: usize = memory.data(8);
const span: usize = memory.data(8);
/** The server says no to encryption. */
const NO: u32 = 0x4e;

/** Connections of all servers that a policy sees. One is made at the top of a file. */
export class PostgreSql extends PairedProtocol {
  /** Of prepared statements: their first word. */
  private readonly statements: StateTable;

  /** How many connections, requests underway and prepared statements are known; the oldest go. */
  constructor(connections: u32 = 2048, underway: u32 = 4096, statements: u32 = 4096) {
    super(connections, underway, OWN_SIZE);
    this.statements = new StateTable(8, statements, 8, hours(24), false);
  }

  /** Of an operation that is finished, by its number in the answer. */
  operation(i: i32): string {
    return OPERATIONS.text(this.nameOf(i));
  }

  /**
   * The SQLSTATE of the error that answered it, `_OTHER` where it was not seen; empty where none did. It is
   * good until the next is asked for.
   */
  error(i: i32): Str {
    const error = this.errorOf(i);
    let size: u32 = 0;
    if (error == UNKNOWN_CODE) {
      size = <u32>OTHER.length;
      writeUtf8(OTHER, text);
    } else if (error != 0) {
      size = CODE_SIZE;
      for (let k = size, rest = error - 1; k > 0; k--, rest /= 36) {
        const digit = rest % 36;
        store<u8>(text + k - 1, <u8>(digit < 10 ? digit + 0x30 : digit + 0x37));
      }
    }
    return changetype<Str>(setSpan(span, text, size));
  }

  protected isRequest(from: usize, size: u32): bool {
    return isRequest(from, size);
  }

  protected startAnew(c: usize): void {
    memory.fill(c + OWN, 0, OWN_SIZE);
    store<u8>(c, MESSAGES, SCENE);
  }

  protected read(c: usize): void {
    const p = c + IN;
    for (let isFirst = true; total > 0; isFirst = false) {
      const scene = load<u8>(c, SCENE);
      if (scene == ENCRYPTION) return this.beOther(c); // it does not wait for the answer
      if (scene == FIRST_MESSAGE) {
        const came = startup(p);
        if (came == MORE) return;
        if (came != DONE || !this.isBegun(c, startupCode(p))) return this.beOther(c);
        reset(p);
        continue;
      }
      if (isIdle(p) && load<u8>(c, IS_OPEN) == 0 && isOfUnit(at, seen)) {
        this.startRequest(c, isFirst);
        if (!this.wait(c, NO_NAME)) return;
        store<u8>(c, 1, IS_OPEN);
      }
      const came = message(p, true);
      if (came == MORE) return;
      if (came == UNSEEN) {
        store<u8>(c, 0, IS_OPEN);
        return this.cutRequest(c);
      }
      if (came != DONE) return this.beOther(c);
      this.take(c, p);
      reset(p);
    }
  }

  /** A message of the client is there. */
  private take(c: usize, p: usize): void {
    const tag = tagOf(p);
    if (tag == QUERY || tag == PARSE) {
      const verb = OPERATIONS.number(wordAt(p), wordSize(p));
      this.add(c, verb);
      if (tag == PARSE && statementOf(p) != 0) store<u32>(this.statements.take(this.statement(p), this.time), verb);
    } else if (tag == BIND) {
      const known = statementOf(p) == 0 ? 0 : this.statements.find(this.statement(p), this.time);
      this.add(c, known == 0 ? 0 : load<u32>(known));
    }
    if (tag == QUERY || tag == EXECUTE) this.nameLast(c, this.lastName(c) | EXECUTES);
    if (tag == QUERY || tag == SYNC || tag == CALL) store<u8>(c, 0, IS_OPEN);
  }

  /** The request that waits last has a statement of this kind. */
  private add(c: usize, verb: u32): void {
    const all = this.lastName(c), name = all & NAMES;
    this.nameLast(c, (all & EXECUTES) | (name == NO_NAME || name == verb ? verb : 0));
  }

  private statement(p: usize): u64 {
    return mix(this.socket, statementOf(p));
  }

  /** The first message asks for encryption, or begins a session. False: it does neither. */
  private isBegun(c: usize, code: u32): bool {
    if (code == SSL_REQUEST || code == GSS_REQUEST) {
      store<u8>(c, ENCRYPTION, SCENE);
      return true;
    }
    store<u8>(c, MESSAGES, SCENE);
    if (code >> 16 != VERSION_3) return false;
    this.startRequest(c, true);
    return this.wait(c, NO_OPERATION);
  }

  protected answer(c: usize): void {
    const p = c + OUT;
    if (load<u8>(c, SCENE) == ENCRYPTION) {
      if (total != 1 || seen == 0 || load<u8>(at) != NO) return this.beOther(c);
      store<u8>(c, FIRST_MESSAGE, SCENE);
      return skip(total);
    }
    while (total > 0) {
      if (isIdle(p) && !this.isWaiting(c) && !isUnasked(at, seen)) return this.beOther(c);
      const came = message(p, false);
      if (came == MORE) return;
      if (came == UNSEEN) return this.cutAnswer(c);
      if (came != DONE) return this.beOther(c);
      if (this.isWaiting(c)) this.hear(c, p);
      reset(p);
      if (!this.isFollowed(c)) return;
    }
  }

  /** A message of the server is there, while a request waits. */
  private hear(c: usize, p: usize): void {
    const tag = tagOf(p);
    if (tag == COPY_BOTH) this.beOther(c);
    else if (tag == COMPLETE) this.complete(c, OPERATIONS.number(wordAt(p), wordSize(p)), 0);
    else if (tag == ERROR) {
      const name = this.waitingName(c) & NAMES;
      if (name != NO_OPERATION) this.complete(c, name == NO_NAME ? 0 : name, codeOf(p));
    } else if (tag == READY) {
      this.answered(c);
      store<u8>(c, 0, TOLD);
    }
  }

  private complete(c: usize, operation: u32, error: u32): void {
    store<u8>(c, 1, TOLD);
    this.tell(c, operation, error);
  }

  protected finishCut(c: usize): void {
    const all = this.waitingName(c), name = all & NAMES;
    if (load<u8>(c, TOLD) == 0 && name != NO_OPERATION) {
      if ((all & EXECUTES) != 0 && name != NO_NAME) this.tell(c, name, 0);
      else this.unsynced++; // nobody knows whether it executes something
    }
    this.answered(c);
    store<u8>(c, 0, TOLD);
    reset(c + OUT);
  }
}

/** The number of an error's SQLSTATE: five digits and letters. */
function codeOf(p: usize): u32 {
  if (wordSize(p) != CODE_SIZE) return UNKNOWN_CODE;
  let code: u32 = 0;
  for (let i: u32 = 0; i < CODE_SIZE; i++) {
    const byte: u32 = load<u8>(wordAt(p) + i), digit = byte - 0x30, letter = byte - 0x41;
    if (digit >= 10 && letter >= 26) return UNKNOWN_CODE;
    code = code * 36 + (digit < 10 ? digit : letter + 10);
  }
  return code + 1;
}
