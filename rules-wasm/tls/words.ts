// SPDX-License-Identifier: Apache-2.0
// Words of TLS that may leave: protocols that clients ask for by ALPN, alerts and versions by IANA's names
// (https://www.iana.org/assignments/tls-parameters). Whatever else somebody says is `_OTHER`.
import { named, OTHER, Words } from "../connection/words";

/** Protocols by ALPN. */
// @ts-ignore: decorator
@lazy export const PROTOCOLS = new Words(
  "h2 http/1.1 http/1.0 http/0.9 h3 grpc-exp spdy/3.1 acme-tls/1 dot doq mqtt ftp imap pop3 managesieve postgresql tds/8.0 " +
  "xmpp-client xmpp-server stun.turn stun.nat-discovery webrtc c-webrtc coap co irc nntp smb sip/2 ntske/1 amqp radius/1.1 " +
  "istio istio-peer-exchange istio-http/1.1 istio-http/1.0 istio-h2 x-amzn-mqtt-ca x-amzn-http-ca",
);

/** The alert was encrypted. */
export const ENCRYPTED_ALERT: u32 = 0x101;
/** The server answered with something else. */
export const NO_TLS: u32 = 0x102;
/** The connection ended before. */
export const CLOSED: u32 = 0x103;

// @ts-ignore: decorator
@lazy const alerts = named(
  "0 close_notify 10 unexpected_message 20 bad_record_mac 21 decryption_failed 22 record_overflow 30 decompression_failure " +
  "40 handshake_failure 41 no_certificate 42 bad_certificate 43 unsupported_certificate 44 certificate_revoked " +
  "45 certificate_expired 46 certificate_unknown 47 illegal_parameter 48 unknown_ca 49 access_denied 50 decode_error " +
  "51 decrypt_error 60 export_restriction 70 protocol_version 71 insufficient_security 80 internal_error " +
  "86 inappropriate_fallback 90 user_canceled 100 no_renegotiation 109 missing_extension 110 unsupported_extension " +
  "111 certificate_unobtainable 112 unrecognized_name 113 bad_certificate_status_response 114 bad_certificate_hash_value " +
  "115 unknown_psk_identity 116 certificate_required 120 no_application_protocol 121 ech_required " +
  "257 encrypted_alert 258 no_tls 259 closed",
);

/** Why a handshake failed. */
export function failureText(number: u32): string {
  return alerts.has(number) ? alerts.get(number) : OTHER;
}

/** `1.3` of 0x0304; empty where it is not known. */
export function versionText(version: u32): string {
  switch (version) {
    case 0x0304:
      return "1.3";
    case 0x0303:
      return "1.2";
    case 0x0302:
      return "1.1";
    case 0x0301:
      return "1.0";
    case 0:
      return "";
    default:
      return OTHER;
  }
}
