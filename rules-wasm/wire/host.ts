// SPDX-License-Identifier: Apache-2.0
// What the host lends a policy: four functions, and no more (docs/abi/v1.md). There is no clock, no chance
// and no I/O, so a replay gives the same alerts.

/**
 * Raises an alert of rule `rule` about the record at address `record`, with `size` bytes of text at `text`.
 */
// @ts-ignore: decorator
@external("vedette", "alert")
export declare function hostAlert(rule: u32, record: usize, text: usize, size: u32): void;

/** Writes a line to the sensor's log. Only so many lines a minute get through. */
// @ts-ignore: decorator
@external("vedette", "log")
export declare function hostLog(level: u32, text: usize, size: u32): void;

/**
 * Tells a fact of kind `kind` about the record at address `record`: its key and its value, in UTF-8. Only so
 * many count.
 */
// @ts-ignore: decorator
@external("vedette", "fact")
export declare function hostFact(kind: u32, record: usize, key: usize, keySize: u32, value: usize, valueSize: u32): void;

/** Tells why the policy ends. Texts are in UTF-8. */
// @ts-ignore: decorator
@external("vedette", "abort")
export declare function hostAbort(text: usize, size: u32, file: usize, fileSize: u32, line: u32, column: u32): void;
