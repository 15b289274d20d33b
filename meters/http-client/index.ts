// SPDX-License-Identifier: Apache-2.0
// What it measures stands in ../lib/http-client.ts, which golden-signals has, too.
import "../lib/http-client";
