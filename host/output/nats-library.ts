// SPDX-License-Identifier: Apache-2.0
// What Vedette uses of NATS' own client. It stands in a file of its own so that it is loaded only where a bus
// is asked for, and so that all of its packages come with one copy of what they share (image/bundle.ts).
export {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiError,
  type JsMsg,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
export { type KV, Kvm } from "@nats-io/kv";
export {
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  errors,
  type NatsConnection,
  nkeyAuthenticator,
} from "@nats-io/transport-node";
