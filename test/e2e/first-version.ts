// SPDX-License-Identifier: Apache-2.0
// What version 0.1 really says, byte for byte as its build put it on the socket (before "List the attacks on
// Vedette, and have each tested"): its agent's first frame, and its host's answer to this version's agent.
// 0.1 itself need not be built for a test then.
const frame = (...lines: string[]) => Buffer.from(lines.join(""), "base64");

/** The schema of its events, as a host of another one names it. */
export const SCHEMA_0_1 = "1:a89bfcd377931de0";

/** `hello`, of an agent that watches `sh -c 'cat /etc/shadow ...'` in the container `app`. */
export const HELLO_0_1 = frame(
  "9gAAAJWlaGVsbG8Bz6ib/NN3kx3gxgAAABD29+2JKNIV1+epwzmWrX7yiqNwaWTPAAAAAAAB3iGoaG9zdG5hbWWidm2n",
  "Y29tbWFuZJOic2iiLWPbAAAALGNhdCAvZXRjL3NoYWRvdyA+L2Rldi9udWxsOyBlY2hvIHJhbjsgZXhpdCAzpWFnZW50",
  "pTAuMS4wpmtlcm5lbK82LjE4LjQ0LWZjLXY2NjmkYXJjaKZ4ODZfNjSldGllcnOSpXRyYWNlpmlubGluZadzbmFwbGVu",
  "UKljb250YWluZXKDpG5hbWWjYXBwomlkwKhtZXRhZGF0YcCmc2VjcmV0wA==",
);

/** `error`, after which it ends the stream. */
export const REFUSAL_0_1 = frame(
  "agAAAJOlZXJyb3K3VkVERVRURV9TQ0hFTUFfTUlTTUFUQ0jZSVRoZSBhZ2VudCBzcGVha3Mgc2NoZW1hIDE6ZmViODM0",
  "ZDUwYTQwNTEyOSwgdGhpcyBob3N0IDE6YTg5YmZjZDM3NzkzMWRlMC4=",
);
