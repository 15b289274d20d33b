// SPDX-License-Identifier: Apache-2.0
// Handshakes of TLS on TCP as both ends see them, whatever the port: which server a client asks for, by
// which version, and how it ends. Records have their length, so what is not looked at need not be seen.
// It is TLS if the first bytes of a connection are a client's hello. A connection whose begin was not
// seen is not known.
//
//   const CONNECTIONS = new Tls();
//   ... if (CONNECTIONS.saw(e) != 0) DURATION.label(CONNECTIONS.version) ... .record(CONNECTIONS.seconds(0));
//
//   record: type 1   version 2   length 2   ...      22 handshake, 20 change cipher spec, 21 alert, 23 data
import { at, begin, seen, skip, total } from "../connection/cursor";
import { isStream, programOf, socketOf, writerOf } from "../connection/key";
import { Names } from "../connection/names";
import { Protocol } from "../connection/protocol";
import { Stash } from "../connection/stash";
import { hours } from "../duration";
import { Event } from "../event";
import { u16At } from "../network-order";
import { StateTable, UNKEPT } from "../state/table";
import { Str } from "../str";
import { mix } from "../string-set";
import { batchLost } from "../wire/frame";
import {
  cipher, HELLO_MAX, helloSize, isHello, isNameless, name, NAME_MAX, nameSize, protocolAt, protocolSize, readHello, version,
} from "./hello";
import { CLOSED, ENCRYPTED_ALERT, failureText, NO_TLS, PROTOCOLS, versionText } from "./words";

const CHANGE: u32 = 20;
const ALERT: u32 = 21;
const HANDSHAKE: u32 = 22;
const DATA: u32 = 23;
const RECORD_MAX: u32 = 16384 + 2048;
const RECORD_HEAD: u32 = 5;
const TLS_1_3: u32 = 0x0304;
/** A cipher whose tags have 8 bytes; all others have 16. */
const CCM_8: u32 = 0x1305;
const FATAL: u32 = 2;

/** One direction of a connection. */
const HEAD_SIZE: usize = 0; // u8: bytes of the record's head that are there
const HEAD: usize = 1; // 5 bytes
const MODE: usize = 6; // u8
const HELLO: usize = 7; // u8
const LEFT: usize = 8; // u32: bytes of the record that are to come
const HAS_CHANGED: usize = 12; // u8: its keys are in use
const ALERT_SIZE: usize = 13; // u8
const ALERT_BYTES: usize = 14; // 2 bytes
const DIRECTION: usize = 16;

/** Of MODE: where the next record begins is known; is not; nothing more is looked at. */
const RECORDS: u32 = 0;
const UNSURE: u32 = 1;
const IGNORED: u32 = 2;
/** Of HELLO: none has come; is known; a part of it is there. */
const AWAITED: u32 = 0;
const KNOWN: u32 = 1;
const GATHERING: u32 = 2;

/** A connection. */
const IS_CLIENT: usize = 0; // u8
const OFFERED: usize = 1; // u8: number of the protocol that the client wants most, from 1; 0: it says none
const VERSION: usize = 2; // u16
const CIPHER: usize = 4; // u16
const NAMED: usize = 6; // u8: bytes of the name
const HAS_NO_NAME: usize = 7; // u8
const BEGUN: usize = 8; // u64
const LOST: usize = 16; // u64
const MOVER: usize = 24; // u64
const OF_CLIENT: usize = 32;
const OF_SERVER: usize = OF_CLIENT + DIRECTION;
const NAME: usize = OF_SERVER + DIRECTION;
const CONNECTION: usize = NAME + <usize>NAME_MAX;

/** Clients and servers that a policy sees. One is made at the top of a file. */
export class Tls extends Protocol {
  private readonly connections: StateTable;
  private readonly begins: Stash = new Stash(HELLO_MAX);
  private readonly names: Names = new Names();
  private count: i32 = 0;
  private key: u64 = 0;
  private foundBegin: u64 = 0;
  private foundEnd: u64 = 0;
  private foundName: i32 = -1;
  private foundFailure: u32 = 0;
  private foundVersion: u32 = 0;
  private foundOffered: u32 = 0;
  /** Of the handshake that has ended: whether its client told of it. */
  isOfClient: bool = false;
  /** Whether it succeeded, as far as it is in plaintext. */
  isGood: bool = false;
  /** Whether the client gave no name for sure. */
  isNameless: bool = false;

  /** Handshakes that are known at the same time; who is silent for longest goes. */
  constructor(underway: u32 = 1024) {
    super();
    this.isOfRecords = true;
    this.connections = new StateTable(UNKEPT, underway, CONNECTION, hours(1));
  }

  labels(e: Event, i: i32): u64 {
    const failure = this.isGood ? u32.MAX_VALUE : this.foundFailure, shown = u64(this.isNameless) << 32 | failure;
    const told = mix(<u64>this.foundVersion << 32 | this.foundOffered, mix(shown, mix(<u64>this.foundName, this.names.round)));
    return this.labelsOf(e, this.isOfClient, told);
  }

  /** `1.3`; empty where it is not known. */
  get version(): string {
    return versionText(this.foundVersion);
  }

  /** The protocol that the client wants most, by ALPN; empty where it says none. */
  get offered(): string {
    return this.foundOffered == 0 ? "" : PROTOCOLS.text(this.foundOffered - 1);
  }

  /** Why it failed, empty where it did not. */
  get failure(): string {
    return this.isGood ? "" : failureText(this.foundFailure);
  }

  /** Whether name has it. */
  get isNamed(): bool {
    return this.foundName >= 0;
  }

  /** The server's name, if it is one of those that were learned. */
  get name(): Str {
    return this.names.text(<u32>this.foundName);
  }

  /** From the hello's first byte to what shows that the handshake is over. */
  seconds(i: i32): f64 {
    return this.foundEnd > this.foundBegin ? <f64>(this.foundEnd - this.foundBegin) / 1e9 : 0;
  }

  protected accepted(e: Event): void {
    this.connect(e, false);
  }

  protected connected(e: Event): void {
    this.connect(e, true);
  }

  protected received(e: Event, data: Str): i32 {
    return this.moved(e, data.address, data.size, true);
  }

  protected sent(e: Event, data: Str): i32 {
    return this.moved(e, data.address, data.size, false);
  }

  protected sentUnseen(e: Event): i32 {
    return this.moved(e, 0, 0, false);
  }

  protected messages(e: Event): i32 {
    this.count = 0;
    const c = e.res > 0 ? this.find(e) : 0;
    if (c != 0) this.lose(c);
    return 0;
  }

  protected heardAll(e: Event): i32 {
    return this.end(e, false);
  }

  protected ended(e: Event): i32 {
    return this.end(e, false);
  }

  protected closed(e: Event): i32 {
    return this.end(e, true);
  }

  private find(e: Event): usize {
    if (!isStream(e.fd)) return 0;
    this.key = socketOf(e);
    return this.connections.find(this.key, e.time);
  }

  /** A connection has begun: whatever had its inode before is over. */
  private connect(e: Event, isClient: bool): void {
    const c = this.connections.take(socketOf(e), e.time);
    memory.fill(c, 0, CONNECTION);
    store<u8>(c, u8(isClient), IS_CLIENT);
    store<u64>(c, batchLost(), LOST);
  }

  private end(e: Event, isClosed: bool): i32 {
    this.count = 0;
    const c = this.find(e);
    if (c == 0 || (isClosed && load<u64>(c, MOVER) != writerOf(e))) return 0;
    if (load<u64>(c, LOST) != batchLost()) this.lose(c);
    else this.give(e, c, CLOSED);
    return this.count;
  }

  private moved(e: Event, address: usize, size: u32, isRead: bool): i32 {
    this.count = 0;
    if (e.res <= 0 || !this.isOnStream(e)) return 0;
    const c = this.find(e);
    if (c == 0) {
      this.leave(e);
      return 0;
    }
    if (load<u64>(c, LOST) != batchLost()) {
      this.lose(c);
      return 0;
    }
    const isClient = load<u8>(c, IS_CLIENT) != 0, isOfClient = isClient != isRead;
    store<u64>(c, writerOf(e), MOVER);
    if (load<u64>(c, BEGUN) == 0) store<u64>(c, isClient ? e.time - e.latency : e.time, BEGUN);
    begin(address, size, e.res);
    this.records(e, c, c + (isOfClient ? OF_CLIENT : OF_SERVER), isOfClient);
    return this.count;
  }

  /** Takes what comes in one direction, until the handshake is over. */
  private records(e: Event, c: usize, d: usize, isOfClient: bool): void {
    const isTold = load<u8>(c + OF_CLIENT, HELLO) == KNOWN;
    if (!isOfClient && !isTold && load<u8>(d, HEAD_SIZE) == 0) return this.drop(); // its server speaks first
    if (load<u8>(d, MODE) == UNSURE && isShown(at, seen)) store<u8>(d, <u8>RECORDS, MODE);
    while (total > 0 && load<u8>(d, MODE) == RECORDS) {
      if (load<u32>(d, LEFT) != 0) {
        if (!this.inside(e, c, d, isOfClient)) return;
        continue;
      }
      const size: u32 = load<u8>(d, HEAD_SIZE);
      if (seen == 0) {
        if (load<u8>(c + OF_CLIENT, HELLO) != KNOWN) return this.drop();
        store<u8>(d, <u8>UNSURE, MODE);
        store<u8>(d, <u8>KNOWN, HELLO); // or never
        store<u8>(d, 0, HEAD_SIZE);
        return;
      }
      store<u8>(d + HEAD + size, load<u8>(at));
      store<u8>(d, <u8>(size + 1), HEAD_SIZE);
      skip(1);
      if (!isHeadOf(d, isOfClient)) return load<u8>(d, HELLO) == KNOWN ? this.lose(c) : this.give(e, c, NO_TLS);
      if (size + 1 < RECORD_HEAD) continue;
      store<u8>(d, 0, HEAD_SIZE);
      store<u32>(d, lengthOf(d), LEFT);
      if (!this.record(e, c, d, isOfClient)) return;
    }
  }

  /** A record begins. False: the handshake is over. */
  private record(e: Event, c: usize, d: usize, isOfClient: bool): bool {
    const kind: u32 = load<u8>(d, HEAD), size = load<u32>(d, LEFT), tls: u32 = load<u16>(c, VERSION);
    const hasHello = load<u8>(d, HELLO) == KNOWN;
    if (!hasHello && kind != HANDSHAKE && (isOfClient || kind != ALERT)) {
      this.give(e, c, NO_TLS);
      return false;
    }
    if (kind == CHANGE) {
      store<u8>(d, 1, HAS_CHANGED);
      const both = load<u8>(c + OF_CLIENT, HAS_CHANGED) != 0 && load<u8>(c + OF_SERVER, HAS_CHANGED) != 0;
      if (both && tls != 0 && tls < TLS_1_3) return this.succeed(e, c);
    } else if (kind == ALERT) {
      store<u8>(d, 0, ALERT_SIZE);
      if (size != 2) {
        this.give(e, c, ENCRYPTED_ALERT);
        return false;
      }
    } else if (kind == DATA && load<u8>(c + OF_SERVER, HELLO) == KNOWN) return this.data(e, c, size, tls, isOfClient);
    return true;
  }

  /**
   * Encrypted data. A client's shows that it has what it needs, unless it is as short as an alert. Before the
   * server's hello it is early, and shows nothing.
   */
  private data(e: Event, c: usize, size: u32, tls: u32, isOfClient: bool): bool {
    if (!isOfClient) return tls == 0 || tls >= TLS_1_3 || this.succeed(e, c);
    const isAlert = size == (load<u16>(c, CIPHER) == CCM_8 ? 11 : 19);
    if (!isAlert || (tls != 0 && tls < TLS_1_3)) return this.succeed(e, c);
    if (tls == TLS_1_3) this.give(e, c, ENCRYPTED_ALERT);
    else this.lose(c);
    return false;
  }

  /** Bytes of a record. False: the handshake is over. */
  private inside(e: Event, c: usize, d: usize, isOfClient: bool): bool {
    const kind: u32 = load<u8>(d, HEAD), left = load<u32>(d, LEFT), more = <u32>min<u64>(left, total);
    const there = min(more, seen);
    store<u32>(d, left - more, LEFT);
    if (kind == HANDSHAKE && load<u8>(d, HELLO) != KNOWN) {
      if (!this.gather(e, c, d, there, there < more, isOfClient)) return false;
    } else if (kind == ALERT) {
      for (let i: u32 = 0; i < there; i++) store<u8>(d + ALERT_BYTES + min<u32>(load<u8>(d, ALERT_SIZE) + i, 1), load<u8>(at + i));
      store<u8>(d, <u8>min<u32>(load<u8>(d, ALERT_SIZE) + there, 2), ALERT_SIZE);
      skip(more);
      return left != more || this.alert(e, c, d);
    }
    skip(more);
    return true;
  }

  /** An alert has come. Warnings that are no end are none of ours. False: the handshake is over. */
  private alert(e: Event, c: usize, d: usize): bool {
    const isRead = load<u8>(d, ALERT_SIZE) == 2, number: u32 = load<u8>(d, ALERT_BYTES + 1);
    if (isRead && load<u8>(d, ALERT_BYTES) != FATAL && number != 0) return true;
    if (isRead) this.give(e, c, number);
    else this.lose(c);
    return false;
  }

  /**
   * Bytes of a hello, which may go on in further records. A begin that is there may be of a connection that
   * was before this one. False: this is no TLS, or the hello's begin has gone.
   */
  private gather(e: Event, c: usize, d: usize, there: u32, isCut: bool, isOfClient: bool): bool {
    const place = mix(this.key, u64(isOfClient));
    if (load<u8>(d, HELLO) != GATHERING) this.begins.start(place, e.time);
    else if (!this.begins.find(place, e.time)) {
      this.lose(c);
      return false;
    }
    store<u8>(d, <u8>GATHERING, HELLO);
    this.begins.add(at, there);
    const hello = this.begins.at, size = this.begins.size;
    if (!isHello(hello, size, isOfClient)) {
      this.begins.drop(place);
      this.give(e, c, NO_TLS);
      return false;
    }
    const whole = helloSize(hello, size);
    if ((whole == 0 || size < min(whole, HELLO_MAX)) && !isCut) return true;
    const isRight = readHello(hello, min(size, whole == 0 ? size : whole), isOfClient);
    if (isRight) this.keep(c, isOfClient);
    this.begins.drop(place);
    store<u8>(d, <u8>KNOWN, HELLO);
    if (isRight && !isOfClient && load<u16>(c, VERSION) == TLS_1_3) store<u8>(d, <u8>IGNORED, MODE);
    if (!isRight) this.drop();
    return isRight;
  }

  /** Keeps of a hello what is told when the handshake is over. */
  private keep(c: usize, isOfClient: bool): void {
    if (!isOfClient) {
      store<u16>(c, <u16>version, VERSION);
      store<u16>(c, <u16>cipher, CIPHER);
      return;
    }
    store<u8>(c, <u8>nameSize, NAMED);
    store<u8>(c, u8(isNameless), HAS_NO_NAME);
    memory.copy(c + NAME, name, nameSize);
    store<u8>(c, protocolSize == 0 ? 0 : <u8>(1 + PROTOCOLS.number(protocolAt, protocolSize)), OFFERED);
  }

  private succeed(e: Event, c: usize): bool {
    this.isGood = true;
    this.tell(e, c);
    return false;
  }

  /** It fails, if it was TLS at all. */
  private give(e: Event, c: usize, why: u32): void {
    if (load<u8>(c + OF_CLIENT, HELLO) != KNOWN) return this.drop();
    this.isGood = false;
    this.foundFailure = why;
    this.tell(e, c);
  }

  private tell(e: Event, c: usize): void {
    this.names.makeRoom();
    this.count = 1;
    this.foundBegin = load<u64>(c, BEGUN);
    this.foundEnd = e.time;
    this.foundVersion = load<u16>(c, VERSION);
    this.foundOffered = load<u8>(c, OFFERED);
    this.isOfClient = load<u8>(c, IS_CLIENT) != 0;
    this.isNameless = load<u8>(c, HAS_NO_NAME) != 0;
    const size: u32 = load<u8>(c, NAMED);
    this.foundName = size == 0 ? -1 : this.names.find(programOf(e), c + NAME, size, this.isGood);
    this.drop();
  }

  private lose(c: usize): void {
    if (load<u8>(c + OF_CLIENT, HELLO) == KNOWN) this.unsynced++;
    this.drop();
  }

  private drop(): void {
    this.connections.drop(this.key);
  }
}

/** Whether the bytes of a record's head that are there can be one's. */
function isHeadOf(d: usize, isOfClient: bool): bool {
  const size: u32 = load<u8>(d, HEAD_SIZE), kind: u32 = load<u8>(d, HEAD), isFirst = load<u8>(d, HELLO) != KNOWN;
  if (kind < CHANGE || kind > DATA + 1 || (isFirst && isOfClient && kind != HANDSHAKE)) return false;
  if (size > 1 && load<u8>(d, HEAD + 1) != 3) return false;
  if (size > 2 && load<u8>(d, HEAD + 2) > 4) return false;
  return size < RECORD_HEAD || (lengthOf(d) != 0 && lengthOf(d) <= RECORD_MAX);
}

function lengthOf(d: usize): u32 {
  return u16At(d + HEAD + 3);
}

/** Whether bytes begin as a record that ends a handshake does, so that they are one. */
function isShown(from: usize, size: u32): bool {
  if (size < RECORD_HEAD || load<u8>(from, 1) != 3 || load<u8>(from, 2) > 4) return false;
  const kind: u32 = load<u8>(from), length = u16At(from + 3);
  if (kind == CHANGE) return length == 1 && size >= 6 && load<u8>(from, 5) == 1;
  if (kind == ALERT) return length == 2 && size >= 6 && <u32>load<u8>(from, 5) - 1 < 2;
  return kind == DATA && length > 16 && length <= RECORD_MAX;
}
