// SPDX-License-Identifier: Apache-2.0
// The two messages of a TLS handshake that are in plaintext (RFC 8446, 4.1): of a client's hello the name of
// the server and the protocol that it wants most, of a server's the version and the cipher. Lengths are
// checked against what encloses them; what is cut gives what stands before.
//
//   type 1   length 3   version 2   random 32   session 1+n   ciphers 2+n (a server: 2)   compressions 1+n (1)
//   extensions 2+n: type 2   length 2   ...
import { u16At } from "../network-order";
import { isOfName, small } from "../sign";

/** Bytes of a hello that are looked at. */
export const HELLO_MAX: u32 = 2048;
/** Bytes of a server's name, each label behind its length. */
export const NAME_MAX: u32 = 126;
const CLIENT: u32 = 1;
const SERVER: u32 = 2;
const HEAD: u32 = 4;
/** No hello is longer, and none is shorter. */
const LONGEST: u32 = 0x20000;
const SHORTEST: u32 = 38;
const SERVER_NAME: u32 = 0;
const PROTOCOLS: u32 = 16;
const VERSIONS: u32 = 43;

/** Of the client's hello that was read last: the name as it stands in DNS, in small letters. */
export const name: usize = memory.data(128);
/** 0: none was given, or none that is a host's. */
export let nameSize: u32 = 0;
/** Whether there is none for sure. */
export let isNameless: bool = false;
/** Where the protocol stands that the client wants most. */
export let protocolAt: usize = 0;
/** 0: it says none. */
export let protocolSize: u32 = 0;
/** Of the server's hello that was read last: 0x0303 is TLS 1.2; 0: not seen. */
export let version: u32 = 0;
/** 0: not seen. */
export let cipher: u32 = 0;

/** Bytes of the message that begins there; 0: not known yet. */
export function helloSize(at: usize, size: u32): u32 {
  return size < HEAD ? 0 : HEAD + (<u32>load<u8>(at + 1) << 16 | u16At(at + 2));
}

/** Whether bytes begin as a hello does; true of none. */
export function isHello(at: usize, size: u32, isOfClient: bool): bool {
  if (size > 0 && <u32>load<u8>(at) != (isOfClient ? CLIENT : SERVER)) return false;
  const whole = helloSize(at, size);
  return whole == 0 || (whole >= SHORTEST && whole <= LONGEST);
}

/** Reads a hello of which the first `size` bytes are there. False: it is none. */
export function readHello(at: usize, size: u32, isOfClient: bool): bool {
  nameSize = 0;
  protocolSize = 0;
  isNameless = false;
  version = 0;
  cipher = 0;
  if (!isHello(at, size, isOfClient)) return false;
  const whole = helloSize(at, size);
  if (size < SHORTEST || whole == 0) return true;
  let from = HEAD + 34;
  if (from >= size) return true;
  const session: u32 = load<u8>(at + from);
  if (session > 32) return false;
  from += 1 + session;
  if (from + 2 > size) return true;
  if (isOfClient) {
    const ciphers = u16At(at + from);
    if (ciphers == 0 || (ciphers & 1) != 0) return false;
    from += 2 + ciphers;
    if (from >= size) return true;
    from += 1 + <u32>load<u8>(at + from);
  } else {
    cipher = u16At(at + from);
    from += 3;
  }
  if (from > whole) return false;
  return readExtensions(at, from, size, whole, isOfClient);
}

function readExtensions(at: usize, begin: u32, size: u32, whole: u32, isOfClient: bool): bool {
  const legacy = u16At(at + HEAD);
  if (begin == whole) {
    isNameless = true;
    version = legacy;
    return true;
  }
  if (begin + 2 > size) return begin + 2 <= whole;
  let from = begin + 2, hasName = false;
  if (from + u16At(at + begin) != whole) return false;
  while (from < whole) {
    if (from + 4 > size) return from + 4 <= whole;
    const kind = u16At(at + from), length = u16At(at + from + 2), end = from + 4 + length;
    if (end > whole) return false;
    if (end > size && kind != PROTOCOLS) return true;
    if (isOfClient && kind == SERVER_NAME) {
      if (hasName || !readName(at + from + 4, length)) return false;
      hasName = true;
    }
    if (isOfClient && kind == PROTOCOLS) readProtocol(at + from + 4, min(length, size - from - 4));
    if (!isOfClient && kind == VERSIONS && length == 2) version = u16At(at + from + 4);
    from = end;
  }
  isNameless = !hasName;
  if (version == 0) version = legacy;
  return true;
}

/** list 2   type 1 (0)   length 2   name. False: the lengths do not fit. */
function readName(at: usize, size: u32): bool {
  if (size < 5 || u16At(at) != size - 2) return false;
  const length = u16At(at + 3);
  if (load<u8>(at + 2) != 0 || length > size - 5 || length == 0) return length <= size - 5;
  if (length + 2 > NAME_MAX) return true;
  let label: u32 = 0, to: u32 = 1;
  for (let i: u32 = 0; i < length; i++, to++) {
    const byte: u32 = load<u8>(at + 5 + i);
    if (byte != 0x2e) {
      if (!isOfName(byte)) return true;
      store<u8>(name + to, <u8>small(byte));
      continue;
    }
    if (to - label == 1 || to - label > 64) return true;
    store<u8>(name + label, <u8>(to - label - 1));
    label = to;
  }
  if (to - label == 1 || to - label > 64) return true;
  store<u8>(name + label, <u8>(to - label - 1));
  store<u8>(name + to, 0);
  nameSize = to + 1;
  return true;
}

/** list 2   then length 1 and a name each; those of two like bytes that end in a are there to be ignored. */
function readProtocol(at: usize, size: u32): void {
  let from: u32 = 2;
  while (from < size) {
    const length: u32 = load<u8>(at + from);
    if (length == 0 || from + 1 + length > size) return;
    const first: u32 = load<u8>(at + from + 1);
    if (length != 2 || (first & 0x0f) != 0x0a || load<u8>(at + from + 2) != <u8>first) {
      protocolAt = at + from + 1;
      protocolSize = length;
      return;
    }
    from += 1 + length;
  }
}
