// SPDX-License-Identifier: Apache-2.0
// What a policy's module and its host have agreed on.

/** Version of docs/abi/v1.md. A module that names another is refused. */
export const ABI = 1;
