// SPDX-License-Identifier: Apache-2.0
// Clients of HTTP/1.1 for tests that compare a meter with a server's own log.
import { Agent, request } from "node:http";
import { connect } from "node:net";

const HOST = "127.0.0.1";
const CLIENTS = 8;
const PAUSE_MS = 5;

/** Method, path, body, and headers of its own. */
export type Kind = readonly [method: string, path: string, body?: string, headers?: Readonly<Record<string, string>>];

/** Makes all requests, on eight connections that are kept alive. */
export async function askAll(port: number, kinds: readonly Kind[]): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  const left = [...kinds];
  const work = async (): Promise<void> => {
    for (let kind = left.pop(); kind !== undefined; kind = left.pop()) await ask(agent, port, kind);
  };
  await Promise.all(Array.from({ length: CLIENTS }, work));
  agent.destroy();
}

function ask(agent: Agent, port: number, [method, path, body, headers = {}]: Kind): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request({ agent, host: HOST, port, method, path, headers }, (answer) => {
      answer.resume().on("end", resolve);
    });
    asked.on("error", reject).end(body);
  });
}

/**
 * Sends pieces one after the other over one connection, closes its half of it, and reads until the server
 * closes the other.
 */
export function talk(port: number, pieces: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let heard = "";
    const socket = connect(port, HOST).setNoDelay(true);
    socket.on("data", (bytes) => (heard += bytes.toString("latin1"))).on("error", reject);
    socket.on("close", () => resolve(heard));
    const next = (i: number): void => {
      if (i === pieces.length)
        socket.end(); // the server may still answer
      else socket.write(pieces[i] as string, () => setTimeout(next, PAUSE_MS, i + 1));
    };
    next(0);
  });
}

/** Sends each piece when something has answered the one before, and closes when the last one is answered. */
export function converse(port: number, pieces: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let heard = "";
    let sent = 0;
    const socket = connect(port, HOST).setNoDelay(true);
    const next = (): void => void (sent < pieces.length ? socket.write(pieces[sent++]!) : socket.end());
    socket.on("connect", next).on("error", reject);
    socket.on("close", () => resolve(heard));
    socket.on("data", (bytes) => {
      heard += bytes.toString("latin1");
      next();
    });
  });
}
