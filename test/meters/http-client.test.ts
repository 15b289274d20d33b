// SPDX-License-Identifier: Apache-2.0
// The meter of HTTP clients on a conversation that is cut in every way: what is told is right, or it is not
// told. test/e2e/http-client-meter.test.ts asks a true server whether it is.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { cleanUp } from "../rules-wasm/shared.js";
import { Meter as Conversation, cutAt, cutsOf, isPartOf, meterNamed } from "./conversation.js";
import { CONVERSATION } from "./http-conversation.js";

const POLICY = await meterNamed("http-client");
const CLIENT = { isClient: true };

/** The meter on curl. */
class Meter extends Conversation {
  constructor(snaplen?: number) {
    super(POLICY, "/usr/bin/curl", snaplen);
  }

  /** As `GET 200 192.0.2.1 4711`, once for each request, sorted. */
  get told(): string[] {
    return this.series("http.client.request.duration")
      .flatMap(({ labels, buckets }) => {
        const shown = (labels ?? []).slice(1, -1).join(" ");
        return new Array<string>(buckets.reduce((sum, one) => sum + one, 0)).fill(shown);
      })
      .sort();
  }
}

const TOLD = ["GET 200", "GET 304", "GET 404", "HEAD 200", "POST 201", "PUT 200"].map((one) => `${one} 192.0.2.1 4711`);

test("cut into reads and writes at every byte, all is told, with the server", () => {
  for (const cut of cutsOf(CONVERSATION)) {
    const meter = new Meter().judge(cutAt(CONVERSATION, cut), 7, 0, CLIENT);
    assert.equal([meter.told, meter.unsynced], [TOLD, 0], `cut at ${cut}`);
  }
});

test("with every number of bytes that is kept of a buffer, nothing wrong is told", () => {
  for (let snaplen = 0; snaplen < 130; snaplen++) {
    const { told } = new Meter(snaplen).judge(CONVERSATION, 7, 0, CLIENT);
    assert.ok(isPartOf(told, TOLD), `${snaplen} bytes: ${told.join("; ")}`);
  }
});

test("with any step lost and counted, nothing wrong is told, and a new connection is followed", () => {
  for (let gone = 1; gone < CONVERSATION.length; gone++) {
    const meter = new Meter().judge(CONVERSATION.slice(0, gone), 7, 0, CLIENT);
    meter.judge(CONVERSATION.slice(gone + 1), 7, 1, CLIENT);
    const { told } = meter;
    assert.ok(isPartOf(told, TOLD), `without step ${gone}: ${told.join("; ")}`);
    meter.judge(CONVERSATION, 7, 1, CLIENT);
    assert.ok(isPartOf(TOLD, meter.told), `a new connection after step ${gone}`);
  }
});

test("a chunk's end need not be seen", () => {
  const meter = new Meter(512).judge(
    [
      ["accept", ""],
      [">", "PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"],
      [">", `1000\r\n${"x".repeat(0x1000)}\r\n`],
      [">", `1000\r\n${"GET / HTTP/1.1\r\n\r\n".padEnd(0x1000)}\r\n`],
      [">", "0\r\n\r\n"],
      ["<", "HTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n"],
      [">", "GET /b HTTP/1.1\r\n\r\n"],
      ["<", "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"],
    ],
    7,
    0,
    CLIENT,
  );
  assert.equal([meter.told.map((one) => one.slice(0, 7)), meter.unsynced], [["GET 404", "PUT 201"], 0]);
});

test("a chunk's end of which the first byte alone is seen takes nothing of the next chunk's length", () => {
  const meter = new Meter(40).judge(
    [
      ["accept", ""],
      [">", "PUT /a HTTP/1.1\r\n"],
      [">", "Transfer-Encoding: chunked\r\n\r\n"],
      [">", `23\r\n${"x".repeat(35)}\r\n1`], // 40 bytes are kept: the line's end is cut in two
      [">", "2\r\nGET / HTTP/1.1\r\n\r\n\r\n"],
      [">", "0\r\n\r\n"],
      ["<", "HTTP/1.1 201 Made\r\n"],
      ["<", "Content-Length: 0\r\n\r\n"],
    ],
    7,
    0,
    CLIENT,
  );
  for (const one of meter.told) assert.match(one, "PUT 201");
});

test("what a server is asked is no request of a client", () => {
  assert.equal(new Meter().judge(CONVERSATION).told, []);
});

test.after(cleanUp);
test.run();
