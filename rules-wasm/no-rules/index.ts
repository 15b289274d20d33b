// SPDX-License-Identifier: Apache-2.0
// The code of a policy that has none: one that only prevents (docs/prevention.md).
export {};
