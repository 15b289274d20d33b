// SPDX-License-Identifier: Apache-2.0
// MongoDB as its servers and its clients see it
// (https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/). A request has a number, which its
// reply says. An operation is a command that is replied to, by its name, which is its first key. The name of
// its collection may leave once it has succeeded, as a template (routes.ts). Of a message that is compressed
// neither is known. What follows a reply without being asked for is no operation.
//
//   length 4   number 4   replied-to 4   code 4   flags 4   kind 1   document ...
//
//   const SERVERS = new MongoDb();
//   ... for (let i = 0, n = SERVERS.saw(e); i < n; i++) DURATION.label(SERVERS.operation(i)) ...
import { programOf } from "../connection/key";
import { Routes } from "../connection/routes";
import { Lengths } from "../connection/sized";
import { BEHIND_SIZED, SizedProtocol } from "../connection/sized-protocol";
import { Stash } from "../connection/stash";
import { Words } from "../connection/words";
import { Event } from "../event";
import { Str } from "../str";
import { mix } from "../string-set";
import { isSame } from "../text";
import { setSpan } from "../wire/frame";
import { ARRAY, DOCUMENT, find, first, keyAt, keySize, number, TEXT, type, valueAt } from "./bson";

/** Commands of MongoDB 8 that name a collection, then others. */
// @ts-ignore: decorator
@lazy const COMMANDS = new Words(
  "find insert update delete aggregate count distinct findAndModify findandmodify killCursors create drop createIndexes " +
  "dropIndexes listIndexes collMod collStats validate compact reIndex mapReduce convertToCapped " +
  "hello isMaster ismaster ping getMore bulkWrite explain listCollections listDatabases dropDatabase renameCollection " +
  "commitTransaction abortTransaction startSession endSessions refreshSessions killSessions killAllSessions " +
  "saslStart saslContinue authenticate logout getnonce buildInfo buildinfo serverStatus dbStats dbstats connectionStatus " +
  "connPoolStats hostInfo currentOp killOp profile top getLog getParameter setParameter getCmdLineOpts listCommands " +
  "whatsmyuri features fsync fsyncUnlock shutdown usersInfo rolesInfo createUser updateUser dropUser grantRolesToUser " +
  "revokeRolesFromUser createRole updateRole dropRole replSetGetStatus replSetGetConfig replSetHeartbeat replSetInitiate " +
  "replSetReconfig replSetStepDown replSetUpdatePosition enableSharding shardCollection moveChunk split balancerStatus " +
  "getShardMap listShards addShard removeShard setFeatureCompatibilityVersion createSearchIndexes updateSearchIndex " +
  "dropSearchIndex listSearchIndexes",
);
/** Of the first so many the value is a collection's name. */
const WITH_COLLECTION: u32 = 22;

/** A connection's own byte, u8: whether replies come unasked. */
const HAS_MORE: usize = BEHIND_SIZED;
const OWN_SIZE: usize = 8;

const ID: usize = 4;
const REPLIED_TO: usize = 8;
const CODE: usize = 12;
const FLAGS: usize = 16;
const HEADER: u32 = 16;
/** Bytes of a message's header and flags. */
const KNOWN: u32 = 20;
const MESSAGE: u32 = 2013;
const COMPRESSED: u32 = 2012;
const OLD_QUERY: u32 = 2004;
const OLD_REPLY: u32 = 1;
/** Flags of MESSAGE: nothing is replied, or more follows. Of 16 bits none may be set that nobody knows. */
const MORE_TO_COME: u32 = 2;
const UNKNOWN_FLAGS: u32 = 0xfffc;
const MESSAGE_MAX: u32 = 1 << 26;
/** Behind the flags of OLD_REPLY. */
const OLD_REPLY_DOCUMENT: usize = 36;

/** A name: the command, and above it the collection's number and 1. */
const COLLECTION: u32 = 16;
const COMMAND: u32 = 0xffff;
const OF_NONE: u32 = 0;
const UNLEARNED: u32 = 0x7fff;
const COLLECTION_MAX: u32 = 120;
/** An error of which the number was not seen. */
const UNSEEN_ERROR: u32 = u32.MAX_VALUE;

// @ts-ignore: decorator
@lazy const LENGTHS = new Lengths(false, 0, HEADER, MESSAGE_MAX);

/** Connections of all servers that a policy sees. One is made at the top of a file. */
export class MongoDb extends SizedProtocol {
  private readonly routes: Routes = new Routes(50);
  /** Collections of requests that wait. */
  private readonly collections: Stash = new Stash(COLLECTION_MAX);
  private readonly path: usize = heap.alloc(<usize>COLLECTION_MAX + 1);
  private readonly span: usize = heap.alloc(8);
  private event: usize = 0;

  /** How many connections and requests underway are known; the oldest go. */
  constructor(connections: u32 = 1024, underway: u32 = 4096) {
    super(connections, underway, OWN_SIZE, LENGTHS, KNOWN);
  }

  protected get namesRound(): u64 {
    return this.routes.round;
  }

  /** Of an operation that is finished, by its number in the answer: `find`. */
  operation(i: i32): string {
    return COMMANDS.text(this.nameOf(i) & COMMAND);
  }

  /** Whether collection() has it. */
  isNamed(i: i32): bool {
    const collection = this.nameOf(i) >> COLLECTION;
    return collection != OF_NONE && collection != UNLEARNED;
  }

  /** Whether it is about a collection. */
  hasCollection(i: i32): bool {
    return this.nameOf(i) >> COLLECTION != OF_NONE;
  }

  /** Its collection's template. It is good until the next is asked for. */
  collection(i: i32): Str {
    const at = (this.nameOf(i) >> COLLECTION) - 1;
    return changetype<Str>(setSpan(this.span, this.routes.address(at) + 1, this.routes.size(at) - 1));
  }

  /** The number of the error that answered it; 0: there was none, or it was not seen. */
  error(i: i32): u32 {
    return this.errorOf(i);
  }

  /** Whether it is the number of one of the server's named errors. */
  isListed(i: i32): bool {
    const error = this.errorOf(i);
    return error < 1000 || error - 10000 < 10000;
  }

  protected received(e: Event, data: Str): i32 {
    this.begin(e);
    return super.received(e, data);
  }

  protected sent(e: Event, data: Str): i32 {
    this.begin(e);
    return super.sent(e, data);
  }

  protected sentUnseen(e: Event): i32 {
    this.begin(e);
    return super.sentUnseen(e);
  }

  private begin(e: Event): void {
    this.event = changetype<usize>(e);
    this.routes.makeRoom();
  }

  protected isRequest(from: usize, size: u32): bool {
    if (size < KNOWN || LENGTHS.of(from) < KNOWN || load<u32>(from, REPLIED_TO) != 0) return false;
    const code = load<u32>(from, CODE);
    return code == OLD_QUERY || code == COMPRESSED || (code == MESSAGE && (load<u32>(from, FLAGS) & UNKNOWN_FLAGS) == 0);
  }

  protected startAnew(c: usize): void {
    super.startAnew(c);
    store<u8>(c, 0, HAS_MORE);
  }

  protected take(c: usize, from: usize, size: u32): void {
    if (size < KNOWN && LENGTHS.of(from) > size) return this.miss(c);
    if (!this.isRequest(from, size)) return this.beOther(c);
    const code = load<u32>(from, CODE), id = load<u32>(from, ID), end = from + size;
    if (code == MESSAGE && (load<u32>(from, FLAGS) & MORE_TO_COME) != 0) return;
    const doc = code == MESSAGE ? bodyOf(from + KNOWN, end) : code == OLD_QUERY ? behindName(from + KNOWN, end) : 0;
    if (this.isWaiting(c)) this.pipeline(c);
    if (!this.wait(c, doc == 0 ? 0 : this.commandOf(doc, end, id), id)) return;
    store<u8>(c, 0, HAS_MORE);
  }

  /** The command's name. Of its collection the text is kept. */
  private commandOf(doc: usize, end: usize, id: u32): u32 {
    if (!first(doc, end)) return 0;
    const command = COMMANDS.number(keyAt, keySize);
    if (command == 0 || command > WITH_COLLECTION || type != TEXT) return command;
    const size = valueAt + 4 <= end ? load<u32>(valueAt) - 1 : u32.MAX_VALUE;
    const isThere = size > 0 && size <= COLLECTION_MAX && valueAt + 4 + size <= end;
    if (isThere) {
      this.collections.start(mix(this.socket, id), this.time);
      this.collections.add(valueAt + 4, size);
    }
    return command | (UNLEARNED << COLLECTION);
  }

  protected hear(c: usize, from: usize, size: u32): void {
    if (size < KNOWN) return LENGTHS.of(from) > size ? this.miss(c) : this.beOther(c);
    const code = load<u32>(from, CODE), id = load<u32>(from, REPLIED_TO);
    if (code != MESSAGE && code != COMPRESSED && code != OLD_REPLY) return this.beOther(c);
    if (!this.isAnswerTo(c, id)) {
      if (load<u8>(c, HAS_MORE) == 0) this.doubt(c);
      return;
    }
    const end = from + size, doc = code == MESSAGE ? bodyOf(from + KNOWN, end) : code == OLD_REPLY ? from + OLD_REPLY_DOCUMENT : 0;
    const error = doc == 0 ? 0 : errorIn(doc, end), name = this.waitingName(c);
    this.tell(c, this.learn(name, id, error == 0 && isDone(doc, end)), error);
    this.answered(c);
    // Where others wait, each answer that is nobody's would be looked for among all of them.
    const hasMore = code == MESSAGE && !this.isWaiting(c) && (load<u32>(from, FLAGS) & MORE_TO_COME) != 0;
    store<u8>(c, u8(hasMore), HAS_MORE);
  }

  /** The name with its collection's number, if that may leave. */
  private learn(name: u32, id: u32, isGood: bool): u32 {
    const key = mix(this.socket, id);
    if (name >> COLLECTION == OF_NONE || !this.collections.find(key, this.time)) return name;
    store<u8>(this.path, 0x2f);
    memory.copy(this.path + 1, this.collections.at, this.collections.size);
    const found = this.routes.find(programOf(changetype<Event>(this.event)), this.path, this.collections.size + 1, isGood);
    this.collections.drop(key);
    return found < 0 ? name : (name & COMMAND) | ((<u32>found + 1) << COLLECTION);
  }
}

/**
 * The document of a message's body: the section of kind 0, behind others that say how long they are. 0:
 * not there.
 */
function bodyOf(from: usize, end: usize): usize {
  let at = from;
  for (let i = 0; i < 8 && at + 5 <= end; i++) {
    if (load<u8>(at) == 0) return at + 1;
    const length = load<u32>(at, 1);
    if (load<u8>(at) != 1 || length < 5 || length > MESSAGE_MAX) return 0;
    at += 1 + length;
  }
  return 0;
}

/** The document behind a collection's name and two numbers. */
function behindName(from: usize, end: usize): usize {
  for (let at = from; at < end; at++) if (load<u8>(at) == 0) return at + 9;
  return 0;
}

/**
 * The number of the error that a reply tells: `ok` is 0, or not all was written. 0: none, or it was not
 * seen.
 */
function errorIn(doc: usize, end: usize): u32 {
  const isFailed = find(doc, end, "ok") && number(end) == 0;
  if (isFailed) return find(doc, end, "code") ? asError(number(end)) : UNSEEN_ERROR;
  if (!find(doc, end, "writeErrors") || type != ARRAY || !first(valueAt, end) || type != DOCUMENT) return 0;
  return find(valueAt, end, "code") ? asError(number(end)) : UNSEEN_ERROR;
}

/** Whether a reply is seen to be of a command that has succeeded. */
function isDone(doc: usize, end: usize): bool {
  if (doc == 0) return false;
  if (find(doc, end, "ok")) return number(end) == 1 && !find(doc, end, "writeErrors");
  return first(doc, end) && isSame(keyAt, keySize, "cursor");
}

function asError(code: i64): u32 {
  return code > 0 && code < <i64>UNSEEN_ERROR ? <u32>code : UNSEEN_ERROR;
}
