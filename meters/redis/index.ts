// SPDX-License-Identifier: Apache-2.0
// What it measures stands in ../lib/redis.ts, which golden-signals has, too.
import "../lib/redis";
