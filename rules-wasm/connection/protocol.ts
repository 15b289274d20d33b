// SPDX-License-Identifier: Apache-2.0
// A protocol as a policy asks for it. Here is which call does what to a connection; the class of a protocol
// extends this, knows its connections, and says what comes of it.
import { Event } from "../event";
import { hasAny } from "../flag";
import { AnyPlaintext, AnyRead, AnyReceive, AnySend, AnyTransfer, AnyWrite, EventId, Shutdown } from "../generated/events";
import { Errno, MsgFlag, ShutdownHow } from "../generated/flags";
import { Str } from "../str";
import { isDatagram, isStream, labelsKey } from "./key";
import { leave, leftBy, newProtocol } from "./left";

/** Bytes that are not taken out of the socket, or that are no bytes of the other side. */
const NOT_READ: u64 = MsgFlag.MSG_PEEK | MsgFlag.MSG_ERRQUEUE;

/** One protocol, on all connections that a policy sees. */
export abstract class Protocol {
  /** Requests of which nothing is told, since they could not be followed. */
  unsynced: f64 = 0;
  /** It is of what TLS encrypts with, not of what is encrypted. */
  protected isOfRecords: bool = false;
  /** Its bit among those who leave a socket. */
  private readonly bit: u32 = newProtocol();

  /** Whether nothing can come of the call, since the protocol has left its socket. */
  // @ts-ignore: decorator
  @inline hasLeft(e: AnyTransfer): bool { return (leftBy(e) & this.bit) != 0; }

  /** Give it each call. Gives how many operations are finished by that. */
  saw(e: AnyTransfer): i32 {
    if (this.hasLeft(e)) return 0;
    if (e.fd.isPlaintextTold && !this.isOfRecords && this.isOfEncrypted(e)) return 0;
    switch (e.evt_type) {
      case EventId.accept:
      case EventId.accept4:
        if (!e.failed) this.accepted(e);
        return 0;
      case EventId.connect:
        if (isStream(e.fd) && (!e.failed || e.failedWith(Errno.EINPROGRESS))) this.connected(e);
        return 0;
      case EventId.recvmmsg:
      case EventId.sendmmsg:
        return this.messages(e);
      case EventId.recvfrom:
      case EventId.recvmsg:
        return this.readMessage(changetype<AnyReceive>(e));
      case EventId.read:
      case EventId.pread:
      case EventId.readv:
      case EventId.preadv:
      case EventId.preadv2:
        return this.readBytes(changetype<AnyRead>(e));
      case EventId.sendto:
      case EventId.sendmsg:
        return this.sentMessage(changetype<AnySend>(e));
      case EventId.sendfile:
        return this.sentUnseen(e);
      case EventId.shutdown:
        return e.res == 0 && changetype<Shutdown>(e).how != ShutdownHow.SHUT_RD ? this.ended(e) : 0;
      case EventId.close:
        return this.closed(e);
      case EventId.tls_read:
      case EventId.tls_write:
        return this.plaintext(changetype<AnyPlaintext>(e));
      default:
        return this.sent(e, changetype<AnyWrite>(e).data);
    }
  }

  /** From the operation's begin to the end of its answer. */
  abstract seconds(i: i32): f64;

  /**
   * Stands for all labels of an operation that is finished, for labelled(): the program, what is told of the
   * operation, and of a client the server's address.
   */
  abstract labels(e: Event, i: i32): u64;

  /** The same, of what is told of it. */
  protected labelsOf(e: Event, isOfClient: bool, told: u64): u64 {
    return labelsKey(e, isOfClient, told);
  }

  /** A connection was accepted: whatever had its inode before is over. */
  protected abstract accepted(e: Event): void;
  /** A connection was made, or is being made: the same. */
  protected abstract connected(e: Event): void;
  /** Bytes were read, of which `data` is the begin. */
  protected abstract received(e: Event, data: Str): i32;
  /** Bytes were written, of which `data` is the begin. */
  protected abstract sent(e: Event, data: Str): i32;
  /** Bytes were written that nobody saw. */
  protected abstract sentUnseen(e: Event): i32;
  /** Messages were received or sent in one call that says how many, and not how many bytes. */
  protected abstract messages(e: Event): i32;
  /** Nothing more comes from the other side. */
  protected abstract heardAll(e: Event): i32;
  /** Nothing more is written, by whichever process and descriptor. */
  protected abstract ended(e: Event): i32;
  /** A descriptor was closed. Others may go on. */
  protected abstract closed(e: Event): i32;

  /** What is moved on the event's socket is none of this protocol's, until the socket begins anew. */
  // @ts-ignore: decorator
  @inline protected leave(e: Event): void { leave(changetype<AnyTransfer>(e), this.bit); }

  /** Whether the event's socket is a stream. A protocol of streams leaves others. */
  protected isOnStream(e: Event): bool {
    if (isStream(e.fd)) return true;
    if (isDatagram(e.fd)) this.leave(e); // no file: its inode may be a socket's, too
    return false;
  }

  /** Bytes of a connection whose plaintext is told say nothing, but that there are no more. */
  private isOfEncrypted(e: AnyTransfer): bool {
    switch (e.evt_type) {
      case EventId.accept:
      case EventId.accept4:
      case EventId.connect:
      case EventId.shutdown:
      case EventId.close:
      case EventId.tls_read:
      case EventId.tls_write:
        return false;
      default:
        return e.res != 0;
    }
  }

  /** The connection that it begins on is the socket's own, from its first byte. */
  private plaintext(e: AnyPlaintext): i32 {
    if (this.isOfRecords || !isStream(e.fd)) return 0;
    if (e.begins) {
      if (e.fd.is_server) this.accepted(e);
      else this.connected(e);
    }
    return e.evt_type == EventId.tls_read ? this.received(e, e.data) : this.sent(e, e.data);
  }

  private readMessage(e: AnyReceive): i32 {
    if (hasAny(e.flags, NOT_READ)) return 0;
    return e.res == 0 && e.size > 0 ? this.heardAll(e) : this.received(e, e.data);
  }

  /** TCP Fast Open: the call connects, and may send. */
  private sentMessage(e: AnySend): i32 {
    const isOpening = hasAny(e.flags, MsgFlag.MSG_FASTOPEN) && isStream(e.fd);
    if (isOpening && (!e.failed || e.failedWith(Errno.EINPROGRESS))) this.connected(e);
    return this.sent(e, e.data);
  }

  private readBytes(e: AnyRead): i32 {
    return e.res == 0 && e.size > 0 ? this.heardAll(e) : this.received(e, e.data);
  }
}
