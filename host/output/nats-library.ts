// SPDX-License-Identifier: Apache-2.0
// What Vedette uses of NATS' own client. It stands in a file of its own so that it is loaded only where a bus
// is asked for, and so that both of its packages come with one copy of what they share (image/bundle.ts).
export { AckPolicy, JetStreamApiError, type JsMsg, jetstream, jetstreamManager } from "@nats-io/jetstream";
export {
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  errors,
  type NatsConnection,
  nkeyAuthenticator,
} from "@nats-io/transport-node";
