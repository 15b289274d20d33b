// SPDX-License-Identifier: Apache-2.0
// Addresses as text, as inet_ntop(3) and Falco write them: 4 or 16 raw bytes, or a raw struct sockaddr as the
// program passed it (family in host order, port and address in network order, see socket(7), ip(7), ipv6(7),
// unix(7)).
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;

/** An IP address of 4 or 16 bytes; null for any other length. */
export function addressText(bytes: Uint8Array): string | null {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
  if (bytes.length === 16) return ipv6Text(bytes);
  return null;
}

/** `1.2.3.4:80`, `::1:80`, a path, or `family N`; an abstract Unix name begins with @. */
export function sockaddrText(bytes: Buffer): string {
  const family = bytes.length < 2 ? 0 : bytes.readUInt16LE(0);
  if (family === AF_UNIX) return unixText(bytes.subarray(2));
  if (family === AF_INET && bytes.length >= 8) return `${addressText(bytes.subarray(4, 8))}:${bytes.readUInt16BE(2)}`;
  if (family === AF_INET6 && bytes.length >= 24)
    return `${addressText(bytes.subarray(8, 24))}:${bytes.readUInt16BE(2)}`;
  return `family ${family}`;
}

function unixText(name: Buffer): string {
  if (name[0] === 0 && name.length > 1) return `@${name.toString("utf8", 1).replaceAll("\0", "@")}`;
  const end = name.indexOf(0);
  return name.toString("utf8", 0, end < 0 ? name.length : end);
}

/**
 * Lower case, the longest run of two or more zero groups as `::` (RFC 5952), the last 32 bits dotted when
 * IPv4-mapped.
 */
function ipv6Text(bytes: Uint8Array): string {
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i] as number) << 8) | (bytes[i + 1] as number));
  const [start, length] = longestZeroRun(groups);
  if (start === 0 && length === 5 && groups[5] === 0xffff)
    return `::ffff:${bytes[12]}.${bytes[13]}.${bytes[14]}.${bytes[15]}`;
  let text = "";
  for (let i = 0; i < 8; i++) {
    if (length >= 2 && i === start) {
      text += "::";
      i += length - 1;
    } else text += text === "" || text.endsWith("::") ? hex(groups[i]!) : `:${hex(groups[i]!)}`;
  }
  return text;
}

const hex = (group: number): string => group.toString(16);

function longestZeroRun(groups: readonly number[]): [start: number, length: number] {
  let best: [number, number] = [0, 0];
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (end < groups.length && groups[end] === 0) end++;
    if (end - start > best[1]) best = [start, end - start];
    if (end > start) start = end;
  }
  return best;
}
