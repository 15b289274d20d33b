// SPDX-License-Identifier: Apache-2.0
// A request that waits for its answer: bytes from the entry's begin.

/** u64: when it began. */
export const TIME: usize = 0;
/** u8 */
export const METHOD: usize = 8;
/** u8: of the path, up to `?`; 0: it is not known. */
export const PATH_SIZE: usize = 9;
/** u16: of the answer of HTTP/2 that is underway, 0: none. */
export const STATUS: usize = 10;
/** u8: 1 where it is a call of gRPC, 0 where not, NONE of hpack.ts where nobody knows yet. */
export const GRPC: usize = 12;
/** u8: the status of gRPC, or NONE. */
export const GRPC_STATUS: usize = 13;
/** u8: where the answer ends was not seen. */
export const IS_CUT: usize = 14;
/** The path's bytes. */
export const PATH: usize = 16;
/** Bytes of a path that are kept. */
export const PATH_MAX: u32 = 116;
/** Bytes of all of it. */
export const REQUEST: usize = PATH + <usize>PATH_MAX;
