// SPDX-License-Identifier: Apache-2.0
// Tests make their batches with the builder that `vedette policy test` uses.
export * from "../../../host/wire/builder.js";
