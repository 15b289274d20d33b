// SPDX-License-Identifier: Apache-2.0
// Speaks MongoDB's protocol as its documentation says it (Debian has no server of it): OP_MSG, compressed too, and
// the old form of a client's first words. It keeps nothing. It writes what it has answered into a file: a line
// for each command, with its collection and its error. What it answers is in the collection's name.
//
//   node mongodb-server.mjs PORT LOG PATH-OF-THE-DRIVER
import { appendFileSync } from "node:fs";
import { deflateSync, inflateSync } from "node:zlib";
import { serve } from "./message-server.mjs";

const [port, log, driver] = process.argv.slice(2);
const { BSON } = await import(driver);
const COLLECTIONS = new Set("find insert update delete aggregate findAndModify drop createIndexes listIndexes".split(" "));
const CODES = { denied: 13, twice: 11000, nosuch: 26, own: 31337 };
let replies = 1;

const HELLO = {
  helloOk: true,
  isWritablePrimary: true,
  ismaster: true,
  maxBsonObjectSize: 1 << 24,
  maxMessageSizeBytes: 48000000,
  maxWriteBatchSize: 100000,
  logicalSessionTimeoutMinutes: 30,
  minWireVersion: 0,
  maxWireVersion: 25,
};
const rows = (count) => Array.from({ length: count }, (_, i) => ({ _id: i, text: "s3cret find insert".repeat(20) }));

function answerTo(name, command) {
  const collection = command[name];
  const code = CODES[collection];
  if (code === 11000) return { n: 0, writeErrors: [{ index: 0, code, errmsg: "s3cret is there" }], ok: 1 };
  if (code !== undefined) return { ok: 0, errmsg: `s3cret ${"x".repeat(50)}`, code, codeName: "S3cret" };
  const ns = `d.${collection}`;
  switch (name.toLowerCase()) {
    case "hello":
    case "ismaster":
      return { ...HELLO, ...(command.compression?.length ? { compression: command.compression } : {}), ok: 1 };
    case "find":
      return { cursor: { firstBatch: rows(100), id: BSON.Long.fromNumber(collection === "many" ? 7 : 0), ns }, ok: 1 };
    case "getmore":
      return { cursor: { nextBatch: rows(3), id: BSON.Long.ZERO, ns: `d.${command.collection}` }, ok: 1 };
    case "aggregate":
    case "listindexes":
    case "listcollections":
      return { cursor: { firstBatch: rows(1), id: BSON.Long.ZERO, ns }, ok: 1 };
    case "findandmodify":
      return { value: { _id: 1 }, lastErrorObject: { n: 1 }, ok: 1 };
    default:
      return { n: 1, nModified: 1, ok: 1 };
  }
}

function told(name, command, isPacked) {
  const collection = COLLECTIONS.has(name) ? command[name] : "";
  const code = CODES[command[name]];
  const forms = { own: "_OTHER", denied: "_OTHER", twice: "_OTHER", nosuch: "_OTHER" };
  const shown = isPacked ? ["_OTHER", "", ""] : [name, forms[collection] ?? collection, code === 31337 ? "_OTHER" : (code ?? "")];
  appendFileSync(log, `${shown.join(" ").trim().replace(/ +/g, " ")}\n`);
}

/** Gives how many bytes it has taken. */
function take(socket, bytes) {
  if (bytes.length < 4 || bytes.length < bytes.readInt32LE(0)) return 0;
  const size = bytes.readInt32LE(0);
  const [id, , code] = [4, 8, 12].map((at) => bytes.readInt32LE(at));
  let body = bytes.subarray(16, size);
  const isPacked = code === 2012;
  if (isPacked) body = inflateSync(body.subarray(9));
  const isOld = code === 2004;
  const flags = isOld ? 0 : body.readUInt32LE(0);
  const at = isOld ? body.indexOf(0, 4) + 9 : 5;
  const command = BSON.deserialize(body.subarray(at, at + body.readInt32LE(at)));
  const name = Object.keys(command)[0];
  if (flags & 2) return size; // no reply is wanted
  const document = BSON.serialize(answerTo(name, command));
  const head = Buffer.alloc(isOld ? 20 : 5);
  if (isOld) head.writeInt32LE(1, 16);
  let reply = Buffer.concat([head, document]);
  if (isPacked) {
    const packed = Buffer.alloc(9);
    packed.writeInt32LE(2013);
    packed.writeInt32LE(reply.length, 4);
    packed[8] = 2;
    reply = Buffer.concat([packed, deflateSync(reply)]);
  }
  const header = Buffer.alloc(16);
  [16 + reply.length, replies++, id, isOld ? 1 : code].forEach((number, i) => void header.writeInt32LE(number, 4 * i));
  told(name, command, isPacked);
  socket.write(Buffer.concat([header, reply]));
  return size;
}

serve(port, take);
