// SPDX-License-Identifier: Apache-2.0
//
// Imported before a test whose coverage is collected (coverage.ts): Node has read NODE_V8_COVERAGE by now, and
// programs that the test starts are not to be measured. They would take longer, and write megabytes each.
delete process.env.NODE_V8_COVERAGE;
