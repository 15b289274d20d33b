// SPDX-License-Identifier: Apache-2.0
// MySQL and MariaDB as their servers and their clients see them. A request is a packet with number 0; its
// answer is one packet, or result sets up to their last. An operation is a text of statements, or a prepared
// one that is executed, by the first word of the text. What prepares, pings or fetches is none; a statement
// that cannot be prepared is one that fails.
//
//   const SQL = new MySql();
//   ... for (let i = 0, n = SQL.saw(e); i < n; i++) DURATION.label(SQL.operation(i)) ... .record(SQL.seconds(i));
//
// The server speaks first. Which of a result's packets is its last, the packets say (0xfe), whether or not
// the two agreed to leave out the one between columns and rows: that one has 5 bytes, and the last 7 or more.
import { total } from "../connection/cursor";
import { OWN, PairedProtocol } from "../connection/paired";
import { Words } from "../connection/words";
import { hours } from "../duration";
import { StateTable, UNKEPT } from "../state/table";
import { mix } from "../string-set";
import {
  byteAt, DONE, isIdle, isParted, keptSize, lengthOf, MORE, numberOf, packet, PACKET, PREPARE, QUERY, reset, shortAt, verbAt, verbSize, wordAt,
} from "./packets";

/** First words of the statements of MySQL 8.4 and MariaDB 11.8. */
// @ts-ignore: decorator
@lazy const OPERATIONS = new Words(
  "SELECT INSERT UPDATE DELETE REPLACE WITH VALUES TABLE CALL DO BEGIN START COMMIT ROLLBACK SAVEPOINT RELEASE SET SHOW DESCRIBE " +
  "DESC EXPLAIN USE CREATE ALTER DROP RENAME TRUNCATE GRANT REVOKE ANALYZE CHECK CHECKSUM OPTIMIZE REPAIR FLUSH RESET PURGE " +
  "CHANGE STOP LOCK UNLOCK LOAD HANDLER PREPARE EXECUTE DEALLOCATE KILL INSTALL UNINSTALL XA CACHE HELP SIGNAL RESIGNAL GET " +
  "SHUTDOWN BINLOG IMPORT CLONE RESTART BACKUP",
);

/** A connection's own bytes: the two directions, then what it is about. */
const IN: usize = OWN;
const OUT: usize = IN + PACKET;
const SCENE: usize = OUT + PACKET; // u8
const PHASE: usize = SCENE + 1; // u8: where in the answer
const TEXT_FROM: usize = SCENE + 2; // u8: where in a request's packet its text begins
const HAS_EOFS: usize = SCENE + 3; // u8: definitions have an end, as the login says
const IS_PACKED: usize = SCENE + 4; // u8: what follows the login is compressed
const PREPARED: usize = SCENE + 6; // u16: the word that was prepared last
const LEFT: usize = SCENE + 8; // u32: definitions of a prepared statement that are to come
const OWN_SIZE: usize = SCENE + 16 - OWN;

/** What comes next: the server's greeting; the client's login; requests; rows of a file from the client. */
const GREETING: u8 = 0;
const LOGIN: u8 = 1;
const REQUESTS: u8 = 2;
const ROWS_IN: u8 = 3;

/** Of an answer. */
const FIRST: u8 = 0;
const COLUMNS: u8 = 1;
const ROWS: u8 = 2;
const DEFINITIONS: u8 = 3;

/** What a request is. LOG_IN stands for the client's first packet. */
const QUIT: u32 = 0x01;
const INIT_DB: u32 = 0x02;
const FIELD_LIST: u32 = 0x04;
const PROCESS_INFO: u32 = 0x0a;
const PING: u32 = 0x0e;
const CHANGE_USER: u32 = 0x11;
const EXECUTE: u32 = 0x17;
const LONG_DATA: u32 = 0x18;
const CLOSE: u32 = 0x19;
const RESET: u32 = 0x1a;
const FETCH: u32 = 0x1c;
const BULK_EXECUTE: u32 = 0xfa;
const LOG_IN: u32 = 0xff;

/** A name: the word's number, and above it what the request is. */
const COMMAND: u32 = 16;
const WORD: u32 = 0xffff;

/** What a server's packet begins with. */
const OK: u32 = 0x00;
const IN_FILE: u32 = 0xfb;
const EOF: u32 = 0xfe;
const ERROR: u32 = 0xff;
/** The number of an error that is none: how far a long statement is. */
const PROGRESS: u32 = 0xffff;
const UNSEEN_ERROR: u32 = 0xfffe;
/** A server's status. */
const MORE_RESULTS: u32 = 0x0008;
const HAS_CURSOR: u32 = 0x0040;
/** What a client can, or wants. */
const PACKED: u32 = 1 << 5 | 1 << 26;
const PROTOCOL_41: u32 = 1 << 9;
const TLS: u32 = 1 << 11;
const NO_EOFS: u32 = 1 << 24;
const ATTRIBUTES: u32 = 1 << 27;
const TLS_REQUEST: u32 = 32;
const GREETING_MAX: u32 = 512;
/** The last statement that was prepared, as MariaDB's clients say it. */
const LATEST: u32 = 0xffffffff;

/** Connections of all servers that a policy sees. One is made at the top of a file. */
export class MySql extends PairedProtocol {
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

  /** The number of the error that answered it; 0: there was none. */
  error(i: i32): u32 {
    return this.errorOf(i);
  }

  /** Whether it is the number of one of the server's own errors. A routine can signal any. */
  isListed(i: i32): bool {
    const error = this.errorOf(i);
    return error - 1000 < 1000 || error - 3000 < 1500;
  }

  protected isRequest(from: usize, size: u32): bool {
    if (size < 5 || load<u8>(from, 3) != 0) return false;
    const length = load<u32>(from) & 0xffffff, command: u32 = load<u8>(from, 4);
    switch (command) {
      case QUERY:
      case PREPARE:
        return length > 3 && (size == 5 || load<u8>(from, 5) >= 0x09 || load<u8>(from, 5) < 0x02);
      case INIT_DB:
        return length > 1 && length <= 257;
      case EXECUTE:
        return length >= 10;
      case CLOSE:
      case RESET:
        return length == 5;
      case FETCH:
        return length == 9;
      case PING:
      case QUIT:
        return length == 1;
      default:
        return false;
    }
  }

  protected startAnew(c: usize): void {
    reset(c + IN);
    reset(c + OUT);
    store<u8>(c, REQUESTS, SCENE);
    store<u8>(c, FIRST, PHASE);
    store<u16>(c, 0, PREPARED); // what was not seen may have prepared another
    if (load<u8>(c, TEXT_FROM) == 0) store<u8>(c, 1, TEXT_FROM);
  }

  protected read(c: usize): void {
    const p = c + IN;
    if (load<u8>(c, SCENE) == GREETING) return this.beOther(c); // its client speaks first
    while (total > 0) {
      if (isIdle(p)) this.mayStart(c);
      const came = packet(p, load<u8>(c, TEXT_FROM));
      if (came == MORE) return;
      if (came == DONE) this.take(c, p);
      else {
        if (isParted(p)) this.take(c, p);
        reset(p);
        return this.cutRequest(c);
      }
      reset(p);
      if (!this.isFollowed(c)) return;
    }
  }

  /** A packet of the client is there. */
  private take(c: usize, p: usize): void {
    const scene = load<u8>(c, SCENE);
    if (scene == LOGIN && !this.isWaiting(c)) return this.logIn(c, p);
    if (scene == ROWS_IN) {
      if (lengthOf(p) == 0) store<u8>(c, REQUESTS, SCENE);
      return;
    }
    if (numberOf(p) != 0 && this.isWaiting(c)) return; // more of a login
    if (keptSize(p) == 0) return lengthOf(p) == 0 ? this.beOther(c) : this.lose(c);
    const command = byteAt(p, 0);
    if (numberOf(p) != 0 || !isPaired(command)) return this.beOther(c);
    if (command == CLOSE && keptSize(p) > 4) this.statements.drop(this.statement(wordAt(p, 1)));
    if (command == CLOSE || command == LONG_DATA || command == QUIT) return; // they are not answered
    if (this.isWaiting(c)) this.pipeline(c);
    const word = this.wordOf(c, p, command);
    if (command == PREPARE) store<u16>(c, <u16>word, PREPARED);
    this.wait(c, command << COMMAND | word);
  }

  private wordOf(c: usize, p: usize, command: u32): u32 {
    if (command == QUERY || command == PREPARE) {
      // Of a query with attributes there are two numbers before the text, and the values of those it has.
      const hasValues = command == QUERY && load<u8>(c, TEXT_FROM) == 3 && (keptSize(p) < 2 || byteAt(p, 1) != 0);
      return hasValues ? 0 : OPERATIONS.number(verbAt(p), verbSize(p));
    }
    if ((command != EXECUTE && command != BULK_EXECUTE) || keptSize(p) < 5) return 0;
    const id = wordAt(p, 1);
    if (id == LATEST) return load<u16>(c, PREPARED);
    const known = this.statements.find(this.statement(id), this.time);
    return known == 0 ? 0 : load<u32>(known);
  }

  /** The client's first packet. */
  private logIn(c: usize, p: usize): void {
    if (keptSize(p) < 4 || isParted(p)) return this.beOther(c);
    const can = wordAt(p, 0);
    if ((can & PROTOCOL_41) == 0 || ((can & TLS) != 0 && lengthOf(p) == TLS_REQUEST)) return this.beOther(c);
    store<u8>(c, u8((can & PACKED) != 0), IS_PACKED);
    store<u8>(c, u8((can & NO_EOFS) == 0), HAS_EOFS);
    store<u8>(c, (can & ATTRIBUTES) != 0 ? 3 : 1, TEXT_FROM);
    this.wait(c, LOG_IN << COMMAND);
  }

  private statement(id: u32): u64 {
    return mix(this.socket, id);
  }

  protected answer(c: usize): void {
    const p = c + OUT;
    while (total > 0) {
      const came = packet(p, 0);
      if (load<u8>(c, SCENE) == GREETING && !this.isGreeting(p, came)) return this.beOther(c);
      if (came == MORE) return;
      if (came != DONE) return this.cutAnswer(c);
      if (load<u8>(c, SCENE) == GREETING) store<u8>(c, LOGIN, SCENE);
      else if (this.isWaiting(c)) {
        if (!this.hear(c, p)) return this.cutAnswer(c);
      } else if (!isUnasked(p)) return this.doubt(c);
      reset(p);
      if (!this.isFollowed(c)) return;
    }
  }

  /** Whether what is there of the server's first packet may be a greeting. */
  private isGreeting(p: usize, came: u32): bool {
    if (came == DONE) return numberOf(p) == 0 && keptSize(p) != 0 && byteAt(p, 0) == 0x0a && !isParted(p);
    return came == MORE && numberOf(p) == 0 && lengthOf(p) <= GREETING_MAX;
  }

  /** A packet of the server is there, while a request waits. False: what it says was not seen. */
  private hear(c: usize, p: usize): bool {
    const all = this.waitingName(c), command = all >> COMMAND;
    if (keptSize(p) == 0) return lengthOf(p) == 0;
    const first = byteAt(p, 0), isEnd = first == EOF && !isParted(p);
    if (first == ERROR && !isParted(p)) {
      const error = keptSize(p) < 3 ? UNSEEN_ERROR : shortAt(p, 1);
      if (error != PROGRESS) this.finish(c, error);
      return true;
    }
    switch (load<u8>(c, PHASE)) {
      case FIRST:
        return this.begin(c, p, command, first);
      case DEFINITIONS: {
        const left = load<u32>(c, LEFT) - u32(!isEnd);
        store<u32>(c, left, LEFT);
        if (left == 0 && (isEnd || load<u8>(c, HAS_EOFS) == 0)) this.finish(c, 0);
        return true;
      }
      case COLUMNS:
        if (isEnd && lengthOf(p) == 5) {
          if (keptSize(p) < 5) return false;
          if ((shortAt(p, 3) & HAS_CURSOR) == 0) store<u8>(c, ROWS, PHASE);
          else this.finish(c, 0);
          return true;
        }
    }
    return !isEnd || this.endResult(c, p);
  }

  /** The first packet of an answer, or of one more result. */
  private begin(c: usize, p: usize, command: u32, first: u32): bool {
    switch (command) {
      case QUERY:
      case EXECUTE:
      case BULK_EXECUTE:
      case PROCESS_INFO:
        if (first == OK) return this.endResult(c, p);
        if (first == IN_FILE) store<u8>(c, ROWS_IN, SCENE);
        else store<u8>(c, COLUMNS, PHASE);
        return true;
      case PREPARE:
        return first == OK && this.prepared(c, p);
      case FIELD_LIST:
      case FETCH:
        if (first == EOF && !isParted(p)) return this.endResult(c, p);
        store<u8>(c, ROWS, PHASE);
        return true;
      case LOG_IN:
      case CHANGE_USER:
        if (first == OK) this.finish(c, 0);
        return true; // else there is more to say
      default:
        this.finish(c, 0);
        return true;
    }
  }

  /** OK 1   id 4   columns 2   parameters 2   ...; then a packet for each of both. */
  private prepared(c: usize, p: usize): bool {
    if (keptSize(p) < 9) return false;
    store<u32>(this.statements.take(this.statement(wordAt(p, 1)), this.time), this.waitingName(c) & WORD);
    const left = shortAt(p, 5) + shortAt(p, 7);
    store<u32>(c, left, LEFT);
    if (left == 0) this.finish(c, 0);
    else store<u8>(c, DEFINITIONS, PHASE);
    return true;
  }

  /** A result has ended. OK or 0xfe 1   two numbers   status 2; or 0xfe 1   warnings 2   status 2. */
  private endResult(c: usize, p: usize): bool {
    const isShort = byteAt(p, 0) == EOF && lengthOf(p) == 5, place: u32 = isShort ? 3 : behindNumber(p, behindNumber(p, 1));
    if (place + 2 > keptSize(p)) return false;
    store<u8>(c, FIRST, PHASE);
    if ((shortAt(p, place) & MORE_RESULTS) == 0) this.finish(c, 0);
    return true;
  }

  /** The oldest request is answered. */
  private finish(c: usize, error: u32): void {
    const all = this.waitingName(c), command = all >> COMMAND;
    const isOperation = command == QUERY || command == EXECUTE || command == BULK_EXECUTE || (command == PREPARE && error != 0);
    if (isOperation) this.tell(c, all & WORD, error);
    this.answered(c);
    store<u8>(c, FIRST, PHASE);
    store<u8>(c, REQUESTS, SCENE);
    if (load<u8>(c, IS_PACKED) != 0) this.beOther(c);
  }

  protected finishCut(c: usize): void {
    this.finish(c, 0);
  }

  protected forgetAnswer(c: usize): void {
    reset(c + OUT);
    store<u8>(c, FIRST, PHASE);
  }
}

/** What a client asks for in pairs: no replication, and not several requests in one packet. */
function isPaired(command: u32): bool {
  switch (command) {
    case 0x12:
    case 0x13:
    case 0x1d:
    case 0x1e:
      return false;
    default:
      return command <= 0x1f || command == BULK_EXECUTE;
  }
}

/**
 * What a server says without being asked: that it ends the connection. Of one that was there before us, the
 * end of definitions may come when they seem to be over.
 */
function isUnasked(p: usize): bool {
  return keptSize(p) != 0 && (byteAt(p, 0) == ERROR || (byteAt(p, 0) == EOF && lengthOf(p) == 5));
}

/** Behind a number that has as many bytes as its first one says. */
function behindNumber(p: usize, from: u32): u32 {
  if (from >= keptSize(p)) return from + 1;
  switch (byteAt(p, from)) {
    case 0xfc:
      return from + 3;
    case 0xfd:
      return from + 4;
    case 0xfe:
      return from + 9;
    default:
      return from + 1;
  }
}
