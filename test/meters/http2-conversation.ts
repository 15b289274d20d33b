// SPDX-License-Identifier: Apache-2.0
// A conversation over HTTP/2, for the meters of both ends: frames, and an encoder of fields that adds each
// one to the table which is not there yet.
import type { Step } from "./conversation.js";

export const END_STREAM = 1;
export const END_HEADERS = 4;
export const PADDED = 8;
export const PRIORITY = 32;

export const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const number = (value: number, size: number): string =>
  Array.from({ length: size }, (_, i) => String.fromCharCode(Math.floor(value / 256 ** (size - 1 - i)) % 256)).join("");

/** Bytes as characters, as all of a conversation is. */
export const frame = (type: number, flags: number, stream: number, payload = ""): string =>
  number(payload.length, 3) + number(type, 1) + number(flags, 1) + number(stream, 4) + payload;

export const data = (stream: number, body: string, flags = 0): string => frame(0, flags, stream, body);
export const rst = (stream: number, error: number): string => frame(3, 0, stream, number(error, 4));
export const settings = (flags = 0): string => frame(4, flags, 0, flags === 0 ? `\x00\x03${number(100, 4)}` : "");
export const goAway = (last: number): string => frame(7, 0, 0, number(last, 4) + number(0, 4));
/** A first word of a server, then what it says to the client's. */
export const HELLO = settings() + settings(1);

export type Fields = Readonly<Record<string, string>>;

const STATIC: readonly string[] = ["", "", ":method GET", ":method POST", ":path /", ":path /index.html"];

/** One side of a connection. */
export class Encoder {
  readonly #newest: string[] = [];

  block(fields: Fields): string {
    return Object.entries(fields)
      .map(([name, value]) => this.#field(name, value))
      .join("");
  }

  /** Fields in one frame, with its flags. */
  headers(stream: number, fields: Fields, flags = 0): string {
    return frame(1, END_HEADERS | flags, stream, this.block(fields));
  }

  /** Fields in a frame with padding and priority, and frames that go on, of so many bytes each. */
  pieces(stream: number, fields: Fields, size: number, flags = 0): string {
    const block = this.block(fields);
    const parts = Array.from({ length: Math.ceil(block.length / size) }, (_, i) =>
      block.slice(i * size, (i + 1) * size),
    );
    const [first = "", ...more] = parts;
    const head = frame(1, PADDED | PRIORITY | flags, stream, `\x03${number(0, 4)}\x10${first}\x00\x00\x00`);
    return head + more.map((part, i) => frame(9, i === more.length - 1 ? END_HEADERS : 0, stream, part)).join("");
  }

  #field(name: string, value: string): string {
    const known = STATIC.indexOf(`${name} ${value}`);
    if (known > 0) return number(0x80 | known, 1);
    const at = this.#newest.indexOf(`${name} ${value}`);
    if (at >= 0) return number(0x80 | (62 + at), 1);
    this.#newest.unshift(`${name} ${value}`);
    return `\x40${number(name.length, 1)}${name}${number(value.length, 1)}${value}`;
  }
}

const ask = (method: string, path: string, more: Fields = {}): Fields => ({
  ":method": method,
  ":scheme": "http",
  ":path": path,
  ":authority": "a",
  ...more,
});
export const get = (path: string): Fields => ask("GET", path);
export const call = (method: string): Fields =>
  ask("POST", method, { "content-type": "application/grpc", te: "trailers" });
export const answer = (status: number): Fields => ({ ":status": `${status}`, server: "s" });
export const CALL_ANSWER: Fields = { ":status": "200", "content-type": "application/grpc+proto" };

/** What both sides say, and what of it is told. */
export function conversation(): readonly Step[] {
  const client = new Encoder();
  const server = new Encoder();
  const fake = new Encoder().headers(3, ask("DELETE", "/fake"), END_STREAM);
  const fakeAnswer = new Encoder().headers(7, answer(500), END_STREAM);
  return [
    ["accept", ""],
    [">", PREFACE + settings() + client.headers(1, get("/users/12?token=s3cret"), END_STREAM)],
    ["<", HELLO + server.headers(1, answer(200)) + data(1, "hello", END_STREAM)],
    [
      ">",
      settings(1) +
        client.headers(3, ask("POST", "/upload", { "content-type": "text/plain" })) +
        data(3, fake + fake) +
        client.headers(5, get("/missing"), END_STREAM),
    ],
    [">", data(3, `\x05${fake}\x00\x00\x00\x00\x00`, PADDED) + client.headers(3, { "x-sum": "1" }, END_STREAM)],
    ["<", server.headers(5, answer(404), END_STREAM) + server.headers(3, { ":status": "100" })],
    ["<", server.headers(3, answer(201)) + data(3, fakeAnswer) + server.headers(3, { "x-sum": "2" }, END_STREAM)],
    [
      ">",
      client.pieces(7, get("/users/13"), 11, END_STREAM) +
        frame(2, 0, 9, "\x00\x00\x00\x00\x10") +
        frame(6, 0, 0, "12345678") +
        frame(8, 0, 0, "\x00\x00\xff\xff") +
        client.headers(9, ask("HEAD", "/"), END_STREAM),
    ],
    [
      "<",
      frame(5, END_HEADERS, 7, `${number(2, 4)}${server.block(get("/pushed"))}`) +
        server.headers(7, answer(200)) +
        server.headers(2, answer(200), END_STREAM),
    ],
    ["<", data(7, fakeAnswer) + server.headers(9, answer(304), END_STREAM) + data(7, "end", END_STREAM)],
    [">", client.headers(11, call("/shop.Orders/Place")) + data(11, "\x00\x00\x00\x00\x01a", END_STREAM)],
    ["<", server.headers(11, CALL_ANSWER) + data(11, "\x00\x00\x00\x00\x00")],
    ["<", server.headers(11, { "grpc-status": "0", "grpc-message": "" }, END_STREAM)],
    [
      ">",
      client.headers(13, call("/shop.Orders/Place"), END_STREAM) + client.headers(15, get("/users/14"), END_STREAM),
    ],
    ["<", server.headers(13, { ...CALL_ANSWER, "grpc-status": "5" }, END_STREAM)],
    [">", rst(15, 8)],
    [">", client.headers(17, call("/shop.Orders/Watch")) + data(17, "\x00\x00\x00\x00\x01a")],
    ["<", server.headers(17, CALL_ANSWER) + rst(17, 7)],
    ["<", goAway(17)],
    ["close", ""],
  ];
}

export const TOLD: readonly string[] = [
  "GET 200 /users/{id}",
  "GET 200 /users/{id}",
  "GET 404",
  "HEAD 304 /",
  "POST 201 /upload",
  "grpc shop.Orders/Place NOT_FOUND",
  "grpc shop.Orders/Place OK",
  "grpc _OTHER UNAVAILABLE",
].sort();
