// SPDX-License-Identifier: Apache-2.0
// All meters that come with Vedette, in one module: each has its own connections and instruments, and all of
// them read the same copy of a batch. Together in one module they also know of a socket at once who of them
// has left it (rules-wasm/connection/left.ts).
import "../lib/http-server";
import "../lib/http-client";
import "../lib/redis";
import "../lib/postgresql";
import "../lib/mysql";
import "../lib/mongodb";
import "../lib/kafka";
import "../lib/dns";
import "../lib/tls";
