// SPDX-License-Identifier: Apache-2.0
// Records and hellos of TLS, as bytes in latin1.
const byte = (number: number): string => String.fromCharCode(number & 0xff);
const u16 = (number: number): string => byte(number >> 8) + byte(number);
const with1 = (text: string): string => byte(text.length) + text;
const with2 = (text: string): string => u16(text.length) + text;

export const RECORD = { change: 20, alert: 21, handshake: 22, data: 23 };

export const record = (kind: number, body: string): string => byte(kind) + u16(0x0303) + with2(body);

/** A message in records of at most so many bytes. */
export const records = (message: string, most = 16_384): string =>
  Array.from({ length: Math.ceil(message.length / most) }, (_, i) =>
    record(RECORD.handshake, message.slice(i * most, (i + 1) * most)),
  ).join("");

const message = (kind: number, body: string): string => byte(kind) + byte(0) + with2(body);
export const extension = (kind: number, body: string): string => u16(kind) + with2(body);
export const serverName = (name: string): string => extension(0, with2(byte(0) + with2(name)));
export const protocols = (...names: string[]): string => extension(16, with2(names.map(with1).join("")));

/** GREASE, as browsers put it where servers must ignore what they do not know. */
export const GREASE = "\x3a\x3a";

export const clientHello = (extensions: readonly string[], ciphers = `${GREASE}\x13\x01\xc0\x2f`): string =>
  message(
    1,
    `\x03\x03${"r".repeat(32)}${with1("s".repeat(32))}${with2(ciphers)}${with1("\0")}${
      extensions.length === 0 ? "" : with2(extensions.join(""))
    }`,
  );

export const serverHello = (version: number, cipher = 0x1301): string =>
  message(
    2,
    `\x03\x03${"r".repeat(32)}${with1("s".repeat(32))}${u16(cipher)}\0${with2(
      version === 0x0304 ? extension(43, u16(version)) + extension(51, "k".repeat(36)) : extension(65281, "\0"),
    )}`,
  );

export const alert = (level: number, number: number): string => record(RECORD.alert, byte(level) + byte(number));
export const change = record(RECORD.change, "\x01");
export const data = (size: number): string => record(RECORD.data, "\x17\x03\x03".repeat(size).slice(0, size));
export const encrypted = record(RECORD.handshake, "\xfe".repeat(40));
