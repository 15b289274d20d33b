// SPDX-License-Identifier: Apache-2.0
// Statuses of gRPC, and what stands for one where the server gives none (gRPC over HTTP/2, "HTTP to gRPC
// status code mapping" and "Errors").
/** By number; the last is UNLISTED. */
// @ts-ignore: decorator
@lazy export const STATUSES: StaticArray<string> = [
  "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
  "UNAUTHENTICATED", "_OTHER",
];
/** Stands for a status that is not listed. */
export const UNLISTED: u32 = 17;
const CANCELLED: u32 = 1;
const UNKNOWN: u32 = 2;
const PERMISSION_DENIED: u32 = 7;
const RESOURCE_EXHAUSTED: u32 = 8;
const UNIMPLEMENTED: u32 = 12;
const INTERNAL: u32 = 13;
const UNAVAILABLE: u32 = 14;
const UNAUTHENTICATED: u32 = 16;

/**
 * Those that OpenTelemetry calls a server's errors: UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL,
 * UNAVAILABLE, DATA_LOSS.
 */
const ERRORS_OF_SERVER: u32 = 1 << 2 | 1 << 4 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 15;

/** Whether a status is an error of the side that tells it. */
export function isError(status: u32, isClient: bool): bool {
  return isClient ? status != 0 : (ERRORS_OF_SERVER >> status & 1) != 0;
}

/** Of an answer without one, by HTTP's status. */
export function ofHttp(status: u32): u32 {
  switch (status) {
    case 400:
      return INTERNAL;
    case 401:
      return UNAUTHENTICATED;
    case 403:
      return PERMISSION_DENIED;
    case 404:
      return UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
      return UNAVAILABLE;
    default:
      return UNKNOWN;
  }
}

/** Of a stream that ended with this error. What a client says itself when it cancels is not known. */
export function ofReset(error: u32, isByClient: bool, isClient: bool): u32 {
  if (isByClient) return isClient ? UNLISTED : CANCELLED;
  switch (error) {
    case 7: // REFUSED_STREAM
      return UNAVAILABLE;
    case 8: // CANCEL
      return CANCELLED;
    case 11: // ENHANCE_YOUR_CALM
      return RESOURCE_EXHAUSTED;
    case 12: // INADEQUATE_SECURITY
      return PERMISSION_DENIED;
    default:
      return INTERNAL;
  }
}
