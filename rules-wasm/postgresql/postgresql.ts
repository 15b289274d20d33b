// SPDX-License-Identifier: Apache-2.0
// PostgreSQL as its servers and its clients see it. A request is a simple query, a function call, or
// whatever a client sends up to a Sync; its answer ends with ReadyForQuery. An operation is a statement
// that the server says is complete, by the server's own word for it (SELECT, INSERT), or that it answers
// with an error: then its name is the first word of the statement, or `_OTHER` where the request has
// statements of several kinds.
//
//   const SQL = new PostgreSql();
//   ... for (let i = 0, n = SQL.saw(e); i < n; i++) DURATION.label(SQL.operation(i)) ... .record(SQL.seconds(i));
import { at, seen, skip, total } from "../connection/cursor";
import { OWN, PairedProtocol } from "../connection/paired";
import { Words } from "../connection/words";
import { hours } from "../duration";
import { StateTable, UNKEPT } from "../state/table";
import { mix } from "../string-set";
import {
  BIND, CALL, COMPLETE, COPY_BOTH, COPY_IN, DONE, ERROR, EXECUTE, GSS_REQUEST, isIdle, isOfUnit, isRequest, isSync,
  isUnasked, message, MORE, PARSE, PARSER, QUERY, READY, reset, SSL_REQUEST, startup, startupCode, statementOf, SYNC, tagOf,
  UNSEEN, VERSION_3, wordAt, wordSize,
} from "./messages";
import { SQLSTATES } from "./sqlstates";

/** First words of PostgreSQL 17's statements, and of what a server says that it has completed. */
// @ts-ignore: decorator
@lazy const OPERATIONS = new Words(
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
const COPIES: usize = SCENE + 3; // u8: the oldest request takes rows
const OWN_SIZE: usize = SCENE + 8 - OWN;

/** What comes next: the client's first message; messages; the server's byte about encryption. */
const FIRST_MESSAGE: u8 = 0;
const MESSAGES: u8 = 1;
const ENCRYPTION: u8 = 2;

/** A request's name while it has no statement, and that of the first message, which is no operation. */
const NO_NAME: u32 = 0xffff;
const NO_OPERATION: u32 = 0xfffe;
const NAMES: u32 = 0xffff;
/** With the name: the request executes something; it is one text, perhaps of several statements. */
const EXECUTES: u32 = 1 << 16;
const IS_TEXT: u32 = 1 << 17;
/** The server says no to encryption. */
const NO: u32 = 0x4e;

/** Connections of all servers that a policy sees. One is made at the top of a file. */
export class PostgreSql extends PairedProtocol {
  /** Of prepared statements: their first word. */
  private readonly statements: StateTable;

  /** How many connections, requests underway and prepared statements are known; the oldest go. */
  constructor(connections: u32 = 2048, underway: u32 = 4096, statements: u32 = 4096) {
    super(connections, underway, OWN_SIZE);
    this.statements = new StateTable(UNKEPT, statements, 8, hours(24));
  }

  /** Of an operation that is finished, by its number in the answer. */
  operation(i: i32): string {
    return OPERATIONS.text(this.nameOf(i));
  }

  /** The SQLSTATE of the error that answered it; `_OTHER`: it is not listed; empty: there was none. */
  error(i: i32): string {
    const error = this.errorOf(i);
    return error == 0 ? "" : SQLSTATES.text(error - 1);
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
      // A server that takes rows answers no Sync. A prepared COPY has one, and another behind its rows.
      const isIgnored = load<u8>(c, COPIES) != 0 && isSync(at, seen);
      if (isIdle(p) && load<u8>(c, IS_OPEN) == 0 && isOfUnit(at, seen) && !isIgnored) {
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
      if (tag == PARSE && statementOf(p) != 0) this.remember(this.statement(p), verb);
    } else if (tag == BIND) {
      const known = statementOf(p) == 0 ? 0 : this.statements.find(this.statement(p), this.time);
      this.add(c, known == 0 ? 0 : load<u32>(known));
    }
    if (tag == QUERY) this.nameLast(c, this.lastName(c) | EXECUTES | IS_TEXT);
    else if (tag == EXECUTE) this.nameLast(c, this.lastName(c) | EXECUTES);
    if (tag == QUERY || tag == SYNC || tag == CALL) store<u8>(c, 0, IS_OPEN);
  }

  /** The request that waits last has a statement of this kind. */
  private add(c: usize, verb: u32): void {
    const all = this.lastName(c), name = all & NAMES;
    this.nameLast(c, (all & ~NAMES) | (name == NO_NAME || name == verb ? verb : 0));
  }

  /** One that is there with another word may be made anew, or this one fails. */
  private remember(statement: u64, verb: u32): void {
    const known = this.statements.find(statement, this.time);
    const isOther = known != 0 && load<u32>(known) != verb;
    store<u32>(this.statements.take(statement, this.time), isOther ? 0 : verb);
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
      if (isIdle(p) && !this.isWaiting(c) && !isUnasked(at, seen)) return this.doubt(c);
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
    else if (tag == COPY_IN) store<u8>(c, 1, COPIES);
    else if (tag == COMPLETE) this.complete(c, OPERATIONS.number(wordAt(p), wordSize(p)), 0);
    else if (tag == ERROR) {
      const all = this.waitingName(c), name = all & NAMES;
      // Of several statements in one text, the first one's word is known alone.
      const isUnknown = name == NO_NAME || ((all & IS_TEXT) != 0 && load<u8>(c, TOLD) != 0);
      if (name != NO_OPERATION) this.complete(c, isUnknown ? 0 : name, 1 + SQLSTATES.number(wordAt(p), wordSize(p)));
    } else if (tag == READY) {
      this.answered(c);
      this.startAnswer(c);
    }
  }

  private startAnswer(c: usize): void {
    store<u8>(c, 0, TOLD);
    store<u8>(c, 0, COPIES);
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
    this.startAnswer(c);
  }

  protected forgetAnswer(c: usize): void {
    reset(c + OUT);
  }
}
