// SPDX-License-Identifier: Apache-2.0
// The few words, paths and addresses that random events are made of, and that random conditions ask for: so
// they have a chance to meet.

export const NAMES = [
  "sh",
  "bash",
  "cat",
  "nginx",
  "a",
  "python3.11",
  "exactly8",
  "fifteen-letters",
  "x\u00e9",
  "rpm",
  "",
];
export const WORDS = [
  "-c",
  "id",
  "--exec",
  "-e",
  "/etc/shadow",
  "/tmp/x",
  "CAFE",
  "YWJj",
  "a b",
  "",
  "-nvp4444",
  "http://h/",
];
export const PATHS = [
  "/etc/shadow",
  "/etc/../etc/shadow",
  "shadow",
  "./x",
  "../x",
  "../../..",
  "/",
  "",
  "/tmp/.hidden",
  "/var/log/syslog",
  "/dev/shm/evil.sh",
  "a/b/../c",
  "/etc/pam.d/sshd",
  "/dev/log",
  "/etc/ssh/ssh_host_rsa_key",
  "/usr/bin/a-path-that-is-quite-long/with/parts",
  "/etc",
  "etc/passwd",
  "//x//y",
];
export const V4 = ["10.0.0.1", "127.0.0.1", "169.254.169.254", "192.168.1.77"];
export const V6 = ["::1", "fd00:ec2::23", "2001:db8::ff00:42:8329", "::ffff:10.0.0.1"];
export const USERS = ["root", "www-data", "nobody"];
