// SPDX-License-Identifier: Apache-2.0
// TypeScript's language server (LSP over its stdin and stdout), asked as an editor asks it: what may stand
// here, what is wrong. A message is `Content-Length: N`, an empty line, and N bytes of JSON-RPC.
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "../../e2e/programs.js";

interface Message {
  id?: number | string;
  method?: string;
  params?: { items?: unknown[] };
  result?: unknown;
  error?: { message: string };
}

export interface Diagnostic {
  code: number;
  /** 1 is an error, 4 a hint (shown grey). */
  severity: number;
  message: string;
}

export class LanguageServer {
  readonly #server: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<number | string, (message: Message) => void>();
  #pending = Buffer.alloc(0);
  #last = 0;

  constructor() {
    const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
    this.#server = spawn(process.execPath, [tsc, "--lsp", "--stdio"], { stdio: "pipe" });
    this.#server.stdout.on("data", (bytes: Buffer) => this.#onBytes(bytes));
    this.#server.stderr.resume();
    this.#server.on("exit", (status) => {
      for (const answer of this.#waiting.values()) answer({ error: { message: `the server ended with ${status}` } });
    });
  }

  /** Opens `path` with `text` in it, as the editor that has the folder open. */
  async open(folder: string, path: string, text: string): Promise<void> {
    await this.#ask("initialize", { processId: process.pid, rootUri: uriOf(folder), capabilities: {} });
    this.#send({ method: "initialized", params: {} });
    this.#send({
      method: "textDocument/didOpen",
      params: { textDocument: { uri: uriOf(path), languageId: "typescript", version: 1, text } },
    });
  }

  change(path: string, version: number, text: string): void {
    this.#send({
      method: "textDocument/didChange",
      params: { textDocument: { uri: uriOf(path), version }, contentChanges: [{ text }] },
    });
  }

  async diagnostics(path: string): Promise<Diagnostic[]> {
    const report = await this.#ask("textDocument/diagnostic", { textDocument: { uri: uriOf(path) } });
    return (report as { items: Diagnostic[] }).items;
  }

  /** The names that are offered at a place; both count from 0. */
  async completions(path: string, line: number, character: number): Promise<string[]> {
    const at = { textDocument: { uri: uriOf(path) }, position: { line, character } };
    const list = (await this.#ask("textDocument/completion", at)) as { items: { label: string }[] };
    return list.items.map((item) => item.label);
  }

  close(): void {
    this.#server.stdin.end();
    this.#server.kill();
  }

  #ask(method: string, params: object): Promise<unknown> {
    const id = ++this.#last;
    const answer = new Promise<unknown>((done, fail) => {
      this.#waiting.set(id, ({ result, error }) =>
        error ? fail(new Error(`${method}: ${error.message}`)) : done(result),
      );
    });
    this.#send({ id, method, params });
    return answer;
  }

  #send(message: object): void {
    const json = JSON.stringify({ jsonrpc: "2.0", ...message });
    this.#server.stdin.write(`Content-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}`);
  }

  #onBytes(bytes: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, bytes]);
    for (;;) {
      const head = this.#pending.indexOf("\r\n\r\n");
      if (head < 0) return;
      const size = Number(/Content-Length: (\d+)/i.exec(this.#pending.toString("latin1", 0, head))?.[1]);
      if (this.#pending.length < head + 4 + size) return;
      this.#onMessage(JSON.parse(this.#pending.toString("utf8", head + 4, head + 4 + size)) as Message);
      this.#pending = this.#pending.subarray(head + 4 + size);
    }
  }

  #onMessage(message: Message): void {
    if (message.id === undefined) return;
    // What the server asks of its editor: settings, and to register for what we do not tell. We have none.
    if (message.method !== undefined)
      this.#send({ id: message.id, result: message.params?.items?.map(() => null) ?? null });
    else {
      this.#waiting.get(message.id)?.(message);
      this.#waiting.delete(message.id);
    }
  }
}

function uriOf(path: string): string {
  return pathToFileURL(path).href;
}
