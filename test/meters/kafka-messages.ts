// SPDX-License-Identifier: Apache-2.0
// Messages of Kafka, as bytes in latin1.
export const i16 = (number: number): string => String.fromCharCode((number >> 8) & 0xff, number & 0xff);
export const i32 = (number: number): string => i16(number >> 16) + i16(number);
export const text = (word: string): string => i16(word.length) + word;
/** Of the flexible versions: lengths below 127 are a byte. */
export const short = (word: string): string => String.fromCharCode(word.length + 1) + word;

const framed = (body: string): string => i32(body.length) + body;

/** A request. `client`: null for none. */
export const request = (
  api: number,
  version: number,
  id: number,
  body = "",
  client: string | null = "s3cret",
): string => framed(i16(api) + i16(version) + i32(id) + (client === null ? i16(-1) : text(client)) + body);

export const answer = (id: number, body = ""): string => framed(i32(id) + body);

/** One topic with one partition, and what an answer says of it. */
export const partition = (error: number, more = ""): string =>
  i32(1) + text("s3cret-topic") + i32(1) + i32(0) + i16(error) + more;
export const shortPartition = (error: number, topic = short("s3cret-topic")): string =>
  `\x02${topic}\x02${i32(0)}${i16(error)}`;
