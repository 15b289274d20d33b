// SPDX-License-Identifier: Apache-2.0
// What a meter imports of the protocols: `import { Redis } from "vedette/protocols"`. They are not in
// "vedette" itself, because each of them brings tables that every policy would carry.
export { Dns } from "./dns/dns";
export { HttpClient, HttpServer } from "./http/http";
export { PostgreSql } from "./postgresql/postgresql";
export { Redis } from "./redis/redis";
export { Tls } from "./tls/tls";
