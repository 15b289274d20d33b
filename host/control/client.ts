// SPDX-License-Identifier: Apache-2.0
// Asks a running Vedette over its Unix socket.
import { request } from "node:http";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";

const ANSWER_MS = 5_000;
const ANSWER_BYTES_MAX = 16 << 20;

/**
 * The JSON that it answers to GET, or to an act by POST; null where that has none. Throws
 * VEDETTE_CONTROL_UNANSWERED.
 */
export function askControl(
  socketPath: string,
  path: string,
  method: "GET" | "POST" = "GET",
  body: object | null = null,
): Promise<unknown> {
  const type = body === null ? {} : { "content-type": "application/json" };
  const headers = { host: "vedette", connection: "close", ...type };
  return new Promise((resolve, reject) => {
    const refuse = (reason: string): void =>
      reject(new VedetteError("VEDETTE_CONTROL_UNANSWERED", { path: socketPath, reason }));
    const timer = setTimeout(() => {
      refuse("there is no answer");
      asked.destroy();
    }, ANSWER_MS);
    const asked = request({ socketPath, path, method, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        text += part;
        if (text.length > ANSWER_BYTES_MAX) asked.destroy(new Error("the answer does not end"));
      });
      response.on("error", (error) => refuse(reasonOf(error)));
      response.on("end", () => {
        if (response.statusCode === 204) return resolve(null);
        try {
          const answer: unknown = JSON.parse(text);
          if (response.statusCode === 200) resolve(answer);
          else refuse(String((answer as { title?: unknown }).title ?? `it answers ${response.statusCode}`));
        } catch {
          refuse("the answer is cut off");
        }
      });
    });
    asked.on("error", (error) => refuse(reasonOf(error)));
    asked.on("close", () => clearTimeout(timer));
    asked.end(body === null ? undefined : JSON.stringify(body));
  });
}
