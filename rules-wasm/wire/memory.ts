// SPDX-License-Identifier: Apache-2.0
// The two moments of the runtime's memory (runtime/stub.ts), for the dispatch.

// @ts-ignore: decorator
@inline export function settle(): void { __vedette_settle(); }
// @ts-ignore: decorator
@inline export function empty(): void { __vedette_empty(); }
