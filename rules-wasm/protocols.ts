// SPDX-License-Identifier: Apache-2.0
// What a policy imports of the protocols: `import { Redis } from "vedette/protocols"`. They are not in
// "vedette" itself, because each of them brings memory and code that every policy would carry. Their tables
// of words are @lazy: a policy has those of the protocols that it uses.
export { labelsKey, programName } from "./connection/key";
export { Protocol } from "./connection/protocol";
export { Dns } from "./dns/dns";
export { DnsQuery } from "./dns/dns-query";
export { HttpClient, HttpServer } from "./http/connection";
export { Spans } from "./http/spans";
export { Kafka } from "./kafka/kafka";
export { MongoDb } from "./mongodb/mongodb";
export { MySql } from "./mysql/mysql";
export { PostgreSql } from "./postgresql/postgresql";
export { Redis } from "./redis/redis";
export { Tls } from "./tls/tls";
