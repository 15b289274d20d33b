// SPDX-License-Identifier: Apache-2.0
// What it measures stands in ../lib/http-server.ts, which golden-signals has, too.
import "../lib/http-server";
