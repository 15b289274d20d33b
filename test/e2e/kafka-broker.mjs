// SPDX-License-Identifier: Apache-2.0
// Speaks Kafka's protocol as its guide says it (Debian has no broker), in old versions of a few APIs. It keeps
// nothing. It writes what it has answered into a file: a line for each request, with its error. What it answers to a
// Produce is in the topic's name, and each third heartbeat says that the group begins anew.
//
//   node kafka-broker.mjs PORT LOG
import { appendFileSync } from "node:fs";
import { serve } from "./message-server.mjs";

const [port, log] = process.argv.slice(2);
const VERSIONS = [
  [0, "Produce", 3],
  [1, "Fetch", 4],
  [2, "ListOffsets", 1],
  [3, "Metadata", 1],
  [9, "OffsetFetch", 1],
  [10, "FindCoordinator", 0],
  [11, "JoinGroup", 0],
  [12, "Heartbeat", 0],
  [13, "LeaveGroup", 0],
  [14, "SyncGroup", 0],
  [16, "ListGroups", 0],
  [18, "ApiVersions", 1],
  [19, "CreateTopics", 0],
];
const NAMES = new Map(VERSIONS.map(([api, name]) => [api, name]));
const ERRORS = { denied: 29, large: 10 };
let beats = 0;

/** Writes numbers, texts and arrays. */
class Out {
  bytes = [];
  i8 = (n) => this.put(1, (b) => b.writeInt8(n));
  i16 = (n) => this.put(2, (b) => b.writeInt16BE(n));
  i32 = (n) => this.put(4, (b) => b.writeInt32BE(n));
  i64 = (n) => this.put(8, (b) => b.writeBigInt64BE(BigInt(n)));
  text = (t) => (t === null ? this.i16(-1) : this.i16(t.length).raw(Buffer.from(t)));
  blob = (b) => this.i32(b.length).raw(b);
  raw = (b) => {
    this.bytes.push(b);
    return this;
  };
  list = (all, put) => {
    this.i32(all.length);
    for (const one of all) put(one);
    return this;
  };
  put(size, write) {
    const bytes = Buffer.alloc(size);
    write(bytes);
    return this.raw(bytes);
  }
}

/** Reads them. */
class In {
  constructor(bytes, at) {
    this.bytes = bytes;
    this.at = at;
  }
  number(size) {
    this.at += size;
    return this.bytes.readIntBE(this.at - size, size);
  }
  text() {
    const size = this.number(2);
    if (size < 0) return null;
    this.at += size;
    return this.bytes.toString("utf8", this.at - size, this.at);
  }
  blob() {
    const size = this.number(4);
    this.at += Math.max(size, 0);
    return this.bytes.subarray(this.at - size, this.at);
  }
  list(read) {
    return Array.from({ length: Math.max(this.number(4), 0) }, read);
  }
}

/** Puts the answer. Gives its error; undefined: none is wanted. */
function answer(api, version, from, to) {
  switch (NAMES.get(api)) {
    case "Produce": {
      from.text();
      const acks = from.number(2);
      from.number(4);
      const topics = from.list(() => [from.text(), from.list(() => [from.number(4), from.blob()][0])]);
      if (acks === 0) return undefined;
      const error = ERRORS[topics[0][0]] ?? 0;
      to.list(topics, ([name, parts]) => to.text(name).list(parts, (part) => to.i32(part).i16(error).i64(5).i64(-1))).i32(0);
      return error;
    }
    case "Fetch": {
      for (let i = 0; i < 3; i++) from.number(4);
      from.number(4);
      from.number(1);
      const topics = from.list(() => {
        const name = from.text();
        return [name, from.list(() => {
          const part = from.number(4);
          from.at += 12;
          return part;
        })];
      });
      to.i32(0);
      to.list(topics, ([name, parts]) =>
        to.text(name).list(parts, (part) => to.i32(part).i16(0).i64(0).i64(0).i32(-1).blob(Buffer.alloc(0))),
      );
      return 0;
    }
    case "ListOffsets": {
      from.number(4);
      const topics = from.list(() => [from.text(), from.list(() => {
        const part = from.number(4);
        from.at += 8;
        return part;
      })]);
      to.list(topics, ([name, parts]) => to.text(name).list(parts, (part) => to.i32(part).i16(0).i64(-1).i64(0)));
      return 0;
    }
    case "Metadata": {
      const topics = from.list(() => from.text());
      to.list([0], () => to.i32(0).text("127.0.0.1").i32(Number(port)).text(null)).i32(0);
      to.list(topics, (name) =>
        to.i16(0).text(name).i8(0).list([0], () => to.i16(0).i32(0).i32(0).list([0], to.i32).list([0], to.i32)),
      );
      return 0;
    }
    case "OffsetFetch": {
      from.text();
      const topics = from.list(() => [from.text(), from.list(() => from.number(4))]);
      to.list(topics, ([name, parts]) => to.text(name).list(parts, (part) => to.i32(part).i64(-1).text("").i16(0)));
      return 0;
    }
    case "FindCoordinator":
      to.i16(0).i32(0).text("127.0.0.1").i32(Number(port));
      return 0;
    case "JoinGroup": {
      from.text();
      from.number(4);
      const member = from.text() || "member-s3cret";
      from.text();
      const [[protocol, metadata]] = from.list(() => [from.text(), from.blob()]);
      to.i16(0).i32(1).text(protocol).text(member).text(member).list([0], () => to.text(member).blob(metadata));
      return 0;
    }
    case "SyncGroup": {
      from.text();
      from.number(4);
      from.text();
      const all = from.list(() => [from.text(), from.blob()][1]);
      to.i16(0).blob(all[0] ?? Buffer.alloc(0));
      return 0;
    }
    case "Heartbeat": {
      const error = ++beats % 3 === 0 ? 27 : 0;
      to.i16(error);
      return error;
    }
    case "ListGroups":
      to.i16(0).list([], () => to);
      return 0;
    case "ApiVersions":
      to.i16(version > 1 ? 35 : 0).list(VERSIONS, ([one, , last]) => to.i16(one).i16(one === 18 ? 0 : last).i16(last));
      if (version === 1) to.i32(0);
      return version > 1 ? 35 : 0;
    case "CreateTopics":
      to.list(["new"], (name) => to.text(name).i16(0));
      return 0;
    default:
      to.i16(0);
      return 0;
  }
}

/** Gives how many bytes it has taken. */
function take(socket, bytes) {
  if (bytes.length < 4 || bytes.length < 4 + bytes.readInt32BE(0)) return 0;
  const size = 4 + bytes.readInt32BE(0);
  const from = new In(bytes.subarray(0, size), 4);
  const [api, version, id] = [from.number(2), from.number(2), from.number(4)];
  from.text();
  const to = new Out().i32(id);
  const error = answer(api, version, from, to);
  if (error === undefined) return size;
  const body = Buffer.concat(to.bytes);
  const reply = Buffer.alloc(4);
  reply.writeInt32BE(body.length);
  appendFileSync(log, `${NAMES.get(api)}${error === 0 ? "" : ` ${error}`}\n`);
  const send = () => socket.write(Buffer.concat([reply, body]));
  if (NAMES.get(api) === "Fetch") setTimeout(send, 100);
  else send();
  return size;
}

serve(port, take);
