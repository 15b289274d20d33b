// SPDX-License-Identifier: Apache-2.0
// How tests ask an HTTP server, and the control API for a ticket: each time on a connection of its own.
import { type IncomingHttpHeaders, type RequestOptions, request } from "node:http";
import { askControl } from "../host/control/control.js";

/** A Unix socket's path, or a port of this machine. */
export type Place = string | number;

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test reaches into answers of any shape, and fails where it errs.
  readonly json: any;
}

/** `json` of an answer that is none is undefined. */
export function ask(place: Place, path: string, options: RequestOptions = {}, body = ""): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ ...atOf(place), path, agent: false, ...options }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => {
        const { statusCode, headers } = response;
        const json = /json/.test(headers["content-type"] ?? "") ? JSON.parse(text) : undefined;
        resolve({ status: statusCode!, headers, text, json });
      });
    });
    asked.on("error", reject).end(body);
  });
}

/** As node:http is told. */
export const atOf = (place: Place) =>
  typeof place === "string" ? { socketPath: place } : { host: "127.0.0.1", port: place };

/** Sends JSON. */
export function tell(place: Place, path: string, body: object, headers: object = {}): Promise<Answer> {
  const json = { "content-type": "application/json", ...headers };
  return ask(place, path, { method: "POST", headers: json }, JSON.stringify(body));
}

/** Lets a browser in, once; `console` is where. */
export interface Ticket {
  readonly ticket: string;
  readonly console: string;
}

export const ticketOf = async (socket: string): Promise<Ticket> =>
  (await askControl(socket, "/api/v1/tickets", "POST")) as Ticket;
