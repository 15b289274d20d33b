// SPDX-License-Identifier: Apache-2.0
//
// A sidecar that is not asked for the console, the control API or a store has none of it in memory: no file
// of theirs was loaded, and neither was SQLite.
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { scratch, VEDETTE } from "./programs.js";

/** Remembers what is loaded, and says so on SIGUSR2. */
const SPY = `import { registerHooks } from "node:module";
const loaded = [];
registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
process.on("SIGUSR2", () => process.stderr.write("LOADED " + JSON.stringify([...loaded, ...process.moduleLoadList]) + "\\n"));
`;

/** `inModules`: each module is a file, and is seen; otherwise the host is one file, as it is installed. */
async function loadedBy(flags: readonly string[], inModules = true): Promise<string[]> {
  const folder = scratch();
  writeFileSync(join(folder, "spy.mjs"), SPY);
  writeFileSync(join(folder, "rules.yaml"), "[]\n");
  const [command, ...words] = [...VEDETTE, "serve", "--falco-rules", "rules.yaml", "--listen", "unix:host.sock"];
  const environment = { ...process.env, NODE_OPTIONS: `--import ${join(folder, "spy.mjs")}` };
  const modules = inModules ? { NODE_V8_COVERAGE: join(folder, "coverage") } : {};
  const host: ChildProcess = spawn(command!, [...words, "--http", "unix:http.sock", ...flags], {
    cwd: folder,
    env: { ...environment, ...modules },
  });
  try {
    return await new Promise((resolve, reject) => {
      let said = "";
      host.once("exit", (status) => reject(new Error(`it ended with ${status}: ${said}`)));
      host.stderr!.setEncoding("utf8").on("data", (part: string) => {
        const wasListening = said.includes("listening at");
        said += part;
        if (!wasListening && said.includes("listening at")) host.kill("SIGUSR2");
        const [, list] = /^LOADED (.*)\n/m.exec(said) ?? [];
        if (list !== undefined) resolve(JSON.parse(list) as string[]);
      });
    });
  } finally {
    host.removeAllListeners("exit");
    host.kill("SIGKILL");
  }
}

const ofConsole = (names: readonly string[]): string[] =>
  names.filter((name) =>
    /\/host\/(control|store)\/|NativeModule sqlite|roster|node_modules\/pg|\/pg\.cjs|nats-client|nats-library|@nats-io/.test(
      name,
    ),
  );

test("without --console, --control and --store nothing of them is loaded", async () => {
  const names = await loadedBy([]);
  assert.ok(
    names.some((name) => name.includes("/host/sensor/")),
    "the spy sees what is loaded",
  );
  assert.equal(ofConsole(names), []);
});

test("the host as it is installed loads no SQLite either", async () => {
  assert.equal(ofConsole(await loadedBy([], false)), []);
});

test("with --store they are", async () => {
  assert.ok(ofConsole(await loadedBy(["--store", "store"])).some((name) => name.includes("/host/store/")));
});

test("with a store in a database SQLite is not loaded, and with one in a folder nothing of databases", async () => {
  const [folder, database] = [await loadedBy(["--store", "store"]), await loadedBy(["--store", "postgres:///nothing"])];
  const [sqlite, pg] = [/NativeModule sqlite/, /node_modules\/pg[-/]|store\/postgres\/database/];
  assert.equal([folder.some((name) => sqlite.test(name)), folder.some((name) => pg.test(name))], [false, false]);
  assert.equal([database.some((name) => sqlite.test(name)), database.some((name) => pg.test(name))], [false, true]);
});

test.run();
