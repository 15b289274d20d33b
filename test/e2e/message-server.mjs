// SPDX-License-Identifier: Apache-2.0
// Serves connections of a protocol in messages, for servers of ours in tests.
import { createServer } from "node:net";

/** `take(socket, bytes)` answers the message that begins there, and says its size; 0: not all of it is there. */
export function serve(port, take) {
  createServer((socket) => {
    let left = Buffer.alloc(0);
    socket.on("error", () => undefined);
    socket.on("data", (more) => {
      left = Buffer.concat([left, more]);
      for (let taken = take(socket, left); taken > 0; taken = take(socket, left)) left = left.subarray(taken);
    });
  }).listen(Number(port), "127.0.0.1");
}
