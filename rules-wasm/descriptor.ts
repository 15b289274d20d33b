// SPDX-License-Identifier: Apache-2.0
// A descriptor, as it was when the event happened: an entry of the frame's descriptor table. Its fields are
// generated from events.yaml; here stands what is made of them. `name` is what the program said, joined and
// tidied; `realpath` is what the kernel says was opened: symbolic links, `..` and /proc/self/root do not fool
// it.
import { DescriptorFields } from "./generated/descriptor";
import { SocketFamily } from "./generated/flags";
import { Str } from "./str";

/** What the call worked on: a file, a connection, a pipe ... */
// @ts-ignore: decorator
@unmanaged @final
export class Descriptor extends DescriptorFields {
  /** False for the descriptor that is not known: all its fields are absent. */
  // @ts-ignore: decorator
  @inline get exists(): bool { return this.type != NOTHING; }
  // @ts-ignore: decorator
  @inline get isFile(): bool { return this.type == 0x66; } // f
  // @ts-ignore: decorator
  @inline get isDirectory(): bool { return this.type == 0x64; } // d
  // @ts-ignore: decorator
  @inline get isPipe(): bool { return this.type == 0x70; } // p
  // @ts-ignore: decorator
  @inline get isMemfd(): bool { return this.type == 0x6d; } // m
  /**
   * Which file it is, by the best that is known: the kernel's path, or the name where the kernel was not
   * asked (an open that was recorded inline, or that failed). Only the first cannot be led astray by links.
   */
  get path(): Str { return this.realpath.exists ? this.realpath : this.name; }
  /** IPv4 or IPv6. */
  // @ts-ignore: decorator
  @inline get isInetSocket(): bool { return this.type == 0x34 || this.type == 0x36; } // 4 6
  // @ts-ignore: decorator
  @inline get isUnixSocket(): bool { return this.type == 0x75; } // u
  /** A socket of any family. */
  get isSocket(): bool {
    return this.isInetSocket || this.isUnixSocket || this.type == 0x6e || (this.type == 0x6f && this.family != NOTHING); // n o
  }
  /** fd.connected. */
  // @ts-ignore: decorator
  @inline get connected(): bool { return this.isMarked(8); }
  /** fd.is_server: we are the side that accepted. */
  // @ts-ignore: decorator
  @inline get is_server(): bool { return this.isMarked(2); }
  /** Its TLS library told of its plaintext (--tls-plaintext): what is read and written is encrypted. */
  // @ts-ignore: decorator
  @inline get isPlaintextTold(): bool { return this.isMarked(128); }
  /** The name no longer stands in the file system. */
  // @ts-ignore: decorator
  @inline get isDeleted(): bool { return this.isMarked(32); }
  // @ts-ignore: decorator
  @inline get isIpv4(): bool { return this.family == SocketFamily.AF_INET; }
  // @ts-ignore: decorator
  @inline get isIpv6(): bool { return this.family == SocketFamily.AF_INET6; }

  /**
   * Bit of `flags`: 1 asked from the kernel, 2 server side, 4 name changed, 8 connected, 16 listening, 32
   * deleted, 64 guessed, 128 its plaintext was told.
   */
  // @ts-ignore: decorator
  @inline isMarked(bit: u64): bool { return this.flags != NOTHING && (this.flags & bit) != 0; }
}

/** An integer without a value (INT64_MIN on the wire). */
const NOTHING: u64 = 0x8000000000000000;
