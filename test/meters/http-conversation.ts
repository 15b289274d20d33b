// SPDX-License-Identifier: Apache-2.0
// A conversation over HTTP/1.1, for the meters of both ends.
import type { Step } from "./conversation.js";

export const ok = (body: string, more = ""): string =>
  `HTTP/1.1 200 OK\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;
export const CHUNKED = "Transfer-Encoding: chunked\r\n";

/** What a client sends, what the server answers, and what of it is told. */
export const CONVERSATION: readonly Step[] = [
  ["accept", ""],
  [">", "GET /users/12 HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["<", ok("hello")],
  [">", `POST /upload HTTP/1.1\r\n${CHUNKED}\r\n5;a=b\r\nGET /\r\n0\r\nTrailer: x\r\n\r\n`],
  ["<", "HTTP/1.1 100 Continue\r\n\r\n"],
  ["<", `HTTP/1.1 201 Made\r\n${CHUNKED}\r\n1A\r\nHTTP/1.1 500 No\r\n\r\nabcdefg\r\n0\r\n\r\n`],
  [">", "HEAD / HTTP/1.1\r\n\r\nGET /cached HTTP/1.1\r\n\r\nGET /missing HTTP/1.1\r\n\r\n"],
  ["<", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"],
  ["<", "HTTP/1.1 304 Not\r\nContent-Length: 1000\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"],
  [">", "PUT /users/13 HTTP/1.0\r\nContent-Length: 4\r\n\r\nGET "],
  ["<", "HTTP/1.0 200 OK\r\n\r\nuntil it closes"],
  ["close", ""],
];
