// SPDX-License-Identifier: Apache-2.0
// What the host lends a policy: three functions, and no more (docs/abi/v1.md). There is no clock, no chance and no I/O, so
// a replay gives the same alerts.

// @ts-ignore: decorator
@external("vedette", "alert")
export declare function hostAlert(rule: u32, record: usize, text: usize, size: u32): void;

// @ts-ignore: decorator
@external("vedette", "log")
export declare function hostLog(level: u32, text: usize, size: u32): void;

// @ts-ignore: decorator
@external("vedette", "abort")
export declare function hostAbort(text: usize, size: u32, file: usize, fileSize: u32, line: u32, column: u32): void;
