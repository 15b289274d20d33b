// SPDX-License-Identifier: Apache-2.0
//
// Policies in a registry: Debian's docker-registry, with oras and cosign as those who must agree about what
// lies there and who signed it; and a registry of this test's own that does what a bad one does (H97, H98).
import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { VedetteError } from "../../../host/errors.js";
import { fetchPolicy, pushPolicy, trustedKeys, writePolicy } from "../../../host/policy/published.js";
import { Serials } from "../../../host/policy/serials.js";
import { signPolicy } from "../../../host/policy/signature.js";
import { readTenants } from "../../../host/policy/tenants.js";
import { PolicyWatch, type WatchNews } from "../../../host/policy/watch.js";
import { digestOf } from "../../../host/registry/repository.js";
import { type Registry, startRegistry } from "../../lab/registry.js";
import { until } from "../../until.js";
import { answering, type Handle } from "../answering.js";
import { assemble, HAND_WRITTEN } from "../wasm/shared.js";

const scratch = mkdtempSync(join(tmpdir(), "published-"));
const environment = { DOCKER_CONFIG: scratch };
const closing: (() => void)[] = [];
let registry: Registry;
test.before(async () => {
  registry = await startRegistry(join(scratch, "registry"));
  execFileSync("cosign", ["generate-key-pair"], { cwd: scratch, env: COSIGN, stdio: "pipe" });
});
test.after(() => {
  registry.child.kill("SIGKILL");
  for (const close of closing) close();
  rmSync(scratch, { recursive: true });
});

const COSIGN = { ...process.env, COSIGN_PASSWORD: "" };
const MODULE = Buffer.from(assemble(HAND_WRITTEN));
const key = join(scratch, "key.pem");
const of = (name: string): string => `oci://${registry.at}/${name}`;

/** A policy's folder. `files` beside policy.yaml. */
function policy(
  name: string,
  version: string,
  files: Record<string, string | Buffer> = { "policy.wasm": MODULE },
): string {
  const folder = mkdtempSync(join(scratch, `${name}-`));
  for (const [file, text] of Object.entries({ "policy.yaml": `name: ${name}\nversion: '${version}'\n`, ...files })) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  return folder;
}

/** All files below the folder, by name. */
function filesIn(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
  const paths = names.map((one) => join(one.parentPath, one.name)).sort();
  return Object.fromEntries(
    paths.map((path) => [path.slice(folder.length + 1), readFileSync(path).toString("base64")]),
  );
}

async function refusal(work: Promise<unknown> | (() => unknown)): Promise<string> {
  try {
    await (typeof work === "function" ? work() : work);
  } catch (error) {
    if (error instanceof VedetteError) return `${error.code} ${error.message}`;
    throw error;
  }
  return "it went well";
}

test("what is pushed is pulled byte for byte, by us and by oras; the same files have one digest", async () => {
  const folder = policy("one", "1.2.0", {
    "index.ts": "// code",
    "policy.wasm": MODULE,
    "more/deep.ts": "// more",
    "tests.yaml": "[]",
  });
  const { id } = signPolicy(folder, key);
  const digest = await pushPolicy(folder, of("team/one:1.2.0"), environment);
  assert.is(await pushPolicy(folder, of("team/one:again"), environment), digest);
  const published = await fetchPolicy(of(`team/one@${digest}`), trustedKeys([`${key}.pub`]), environment);
  assert.match(published.signer ?? "", new RegExp(`^the key ${id}, serial \\d+$`));
  assert.equal([published.name, published.version, published.digest], ["one", "1.2.0", digest]);
  const pulled = join(scratch, "new/pulled");
  writePolicy(published.bundle, pulled);
  assert.equal(filesIn(pulled), filesIn(folder));
  const byOras = mkdtempSync(join(scratch, "oras-"));
  execFileSync("oras", ["pull", "--plain-http", `${registry.at}/team/one:1.2.0`, "-o", byOras], { stdio: "pipe" });
  assert.equal(filesIn(byOras), filesIn(folder));
});

test("a pulled version takes the place of the one before, file by file; another folder is left alone", async () => {
  await pushPolicy(policy("two", "1", { "index.ts": "// 1", "old.ts": "// old" }), of("team/two:1"), environment);
  const second = policy("two", "2", { "index.ts": "// 2", "new.ts": "// new" });
  await pushPolicy(second, of("team/two:2"), environment);
  const folder = join(scratch, "two");
  for (const tag of ["1", "2"])
    writePolicy((await fetchPolicy(of(`team/two:${tag}`), null, environment)).bundle, folder);
  assert.equal(filesIn(folder), filesIn(second));
  const other = mkdtempSync(join(scratch, "other-"));
  writeFileSync(join(other, "mine.txt"), "mine");
  const { bundle } = await fetchPolicy(of("team/two:2"), null, environment);
  assert.match(await refusal(() => writePolicy(bundle, other)), /^VEDETTE_OUTPUT_UNWRITABLE .* is no policy's folder/);
  assert.equal(Object.keys(filesIn(other)), ["mine.txt"]);
  assert.match(await refusal(() => writePolicy(bundle, "/proc/nowhere/two")), /^VEDETTE_OUTPUT_UNWRITABLE/);
  const elsewhere = join(scratch, "elsewhere");
  symlinkSync(elsewhere, join(folder, "index.ts.draft"));
  writePolicy(bundle, folder);
  assert.not(existsSync(elsewhere), "nothing is written through a link");
});

test("H97: what nobody signed that we trust is not taken, nor what was changed behind its signature", async () => {
  const own = trustedKeys([`${key}.pub`]);
  await pushPolicy(policy("three", "1"), of("team/three:1"), environment);
  assert.match(
    await refusal(fetchPolicy(of("team/three:1"), own, environment)),
    /^VEDETTE_ARTIFACT_UNSIGNED .*no policy\.sig/,
  );
  const signed = policy("three", "2");
  signPolicy(signed, join(scratch, "stranger.pem"));
  await pushPolicy(signed, of("team/three:2"), environment);
  assert.match(
    await refusal(fetchPolicy(of("team/three:2"), own, environment)),
    /^VEDETTE_SIGNATURE_WRONG .*not the tenant's/,
  );
  rmSync(join(signed, "policy.sig"));
  signPolicy(signed, key);
  writeFileSync(join(signed, "policy.yaml"), "name: three\nversion: '2'\ndescription: other\n");
  await pushPolicy(signed, of("team/three:3"), environment);
  assert.match(
    await refusal(fetchPolicy(of("team/three:3"), own, environment)),
    /^VEDETTE_SIGNATURE_WRONG .*policy\.yaml was changed/,
  );
  signPolicy(signed, key);
  await pushPolicy(signed, of("team/three:4"), environment);
  await fetchPolicy(of("team/three:4"), own, environment); // the control
  assert.is((await fetchPolicy(of("team/three:1"), null, environment)).signer, null, "asked for without");
});

test("H97: cosign's signature holds for what it signed, under the key that signed it", async () => {
  const digest = await pushPolicy(policy("four", "1"), of("team/four:1"), environment);
  const trusted = trustedKeys([join(scratch, "cosign.pub")]);
  assert.match(
    await refusal(fetchPolicy(of("team/four:1"), trusted, environment)),
    /^VEDETTE_ARTIFACT_UNSIGNED .*cosign/,
  );
  const words = ["sign", "--key", "cosign.key", "--tlog-upload=false", "--allow-insecure-registry", "--yes"];
  execFileSync("cosign", [...words, `${registry.at}/team/four@${digest}`], {
    cwd: scratch,
    env: COSIGN,
    stdio: "pipe",
  });
  assert.match(
    (await fetchPolicy(of("team/four:1"), trusted, environment)).signer ?? "",
    /^cosign's key [0-9a-f]{16}$/,
  );
  // The registry shows the signature of one artifact beside another.
  const other = await pushPolicy(policy("four", "2"), of("team/four:2"), environment);
  const tag = (one: string): string => `http://${registry.at}/v2/team/four/manifests/${one.replace(":", "-")}.sig`;
  const headers = { accept: "application/vnd.oci.image.manifest.v1+json" };
  const signature = await (await fetch(tag(digest), { headers })).text();
  const put = { method: "PUT", headers: { "content-type": headers.accept }, body: signature };
  assert.is((await fetch(tag(other), put)).status, 201);
  assert.match(await refusal(fetchPolicy(of("team/four:2"), trusted, environment)), /^VEDETTE_ARTIFACT_UNSIGNED/);
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  writeFileSync(join(scratch, "other.pub"), publicKey.export({ type: "spki", format: "pem" }));
  const others = trustedKeys([join(scratch, "other.pub")]);
  assert.match(await refusal(fetchPolicy(of("team/four:1"), others, environment)), /^VEDETTE_ARTIFACT_UNSIGNED/);
});

test("H97: an older signed policy under a newer tag does not take the place of the one that judges", async () => {
  const root = mkdtempSync(join(scratch, "watched-"));
  const folder = policy("five", "1");
  const push = async (version: string): Promise<void> => {
    writeFileSync(join(folder, "policy.yaml"), `name: five\nversion: '${version}'\n`);
    signPolicy(folder, key);
    await pushPolicy(folder, of(`team/five:${version}`), environment);
  };
  for (const version of ["1", "2"]) await push(version);
  const file = join(scratch, "tenants.yaml");
  writeFileSync(file, "tenants: {team: {keys: [key.pem.pub]}}\n");
  const news: WatchNews[] = [];
  const engine = { add: async () => 0, replace: async () => 0, remove: async () => undefined };
  const watch = await PolicyWatch.open({
    ...{ folder: root, engine, tenants: readTenants(file), requireSigned: true, serials: new Serials(null) },
    onNews: (one) => void news.push(one),
  });
  try {
    const trusted = trustedKeys([`${key}.pub`]);
    const pull = async (version: string): Promise<void> =>
      writePolicy(
        (await fetchPolicy(of(`team/five:${version}`), trusted, environment)).bundle,
        join(root, "team/five"),
      );
    const told = (): string[] => news.map(({ kind, error }) => error?.code ?? kind);
    for (const [at, version] of ["1", "2", "1"].entries()) {
      await pull(version);
      await until(`news of ${version}`, () => news.length > at, { tell: () => told().join(" ") });
    }
    assert.equal(told(), ["loaded", "replaced", "VEDETTE_SIGNATURE_OLD"]);
    assert.is(watch.entries()[0]?.loaded?.version, "2", "and it goes on");
  } finally {
    await watch.close();
  }
});

test("an address, a key or a folder that cannot be meant is told, and nothing is asked of anybody", async () => {
  for (const address of [
    "team/one:1",
    "oci://team",
    `oci://${registry.at}/team/one`,
    `oci://${registry.at}/Team/one:1`,
    "oci://one:1",
  ])
    assert.match(await refusal(fetchPolicy(address, null, environment)), /^VEDETTE_ARTIFACT_ADDRESS/, address);
  assert.match(await refusal(() => trustedKeys([key])), /^VEDETTE_KEY_UNREADABLE .*private key/);
  assert.match(
    await refusal(fetchPolicy(of("team/none:1"), null, environment)),
    /^VEDETTE_ARTIFACT_FAILED .*cannot be pulled.*nothing of this name/,
  );
  const group = mkdtempSync(join(scratch, "group-"));
  cpSync(policy("six", "1", { "index.ts": 'import "../lib/names";' }), join(group, "six"), { recursive: true });
  mkdirSync(join(group, "lib"));
  writeFileSync(join(group, "lib/names.ts"), "");
  assert.match(
    await refusal(pushPolicy(join(group, "six"), of("team/six:1"), environment)),
    /^VEDETTE_ARTIFACT_FORM .*imports from lib/,
  );
});

/** A server until the tests have ended. */
async function listening(handle: Handle): Promise<string> {
  const { at, close } = await answering(handle);
  closing.push(close);
  return at;
}

const YAML = Buffer.from("name: bad\n");
const TITLE = "org.opencontainers.image.title";
const layer = (name: string, body = YAML, more: object = {}) => ({
  ...{ mediaType: "x/y", digest: digestOf(body), size: body.length, annotations: { [TITLE]: name } },
  ...more,
});
const manifestOf = (layers: object, more: object = {}): string =>
  JSON.stringify({ artifactType: "application/vnd.vedette.policy.v1", layers, ...more });

const BAD: [what: string, manifest: string, says: RegExp][] = [
  ["no JSON", "{", /no artifact of the type/],
  ["an image", JSON.stringify({ layers: [] }), /no artifact of the type/],
  ["a name above", manifestOf([layer("../policy.yaml")]), /"..\/policy.yaml" is none of the files/],
  ["a whole path", manifestOf([layer("/etc/policy.yaml")]), /none of the files/],
  ["a hidden name", manifestOf([layer(".ssh/policy.yaml")]), /none of the files/],
  ["a name that ends early", manifestOf([layer("policy.yaml\0.yaml")]), /none of the files/],
  ["a name of another kind", manifestOf([layer("run.sh")]), /none of the files/],
  ["a file twice", manifestOf([layer("policy.yaml"), layer("policy.yaml")]), /"policy.yaml" twice/],
  ["too many", manifestOf(Array.from({ length: 201 }, (_, i) => layer(`${i}.ts`))), /more than 200 files/],
  ["too large", manifestOf([layer("policy.yaml", YAML, { size: 9 << 20 })]), /more than 8 MiB/],
  ["no policy.yaml", manifestOf([layer("index.ts")]), /it has no policy.yaml/],
  ["another length", manifestOf([layer("policy.yaml", YAML, { size: 3 })]), /10 bytes, and its manifest says 3/],
  ["other bytes", manifestOf([layer("policy.yaml", Buffer.from("name: good\n"))]), /cannot be pulled: it sent sha256/],
  ["no end", manifestOf([layer("policy.yaml", Buffer.from("endless"))]), /longer than 8 MiB/],
];

test("H97: a registry that sends something else is refused", async () => {
  let manifest = "";
  const at = await listening((request, response) => {
    if (request.url?.includes("/manifests/")) return response.end(manifest);
    if (!request.url?.endsWith(digestOf(Buffer.from("endless")))) return response.end(YAML);
    const part = Buffer.alloc(1 << 20);
    const more = (): void => void (response.destroyed || response.write(part, () => setImmediate(more)));
    more();
  });
  for (const [what, bad, says] of BAD) {
    manifest = bad;
    assert.match(await refusal(fetchPolicy(`oci://${at}/a/b:1`, null, environment)), says, what);
  }
  manifest = manifestOf([layer("policy.yaml")]);
  assert.is((await fetchPolicy(`oci://${at}/a/b:1`, null, environment)).name, "bad", "the control");
});

test("H98: who takes the upload elsewhere does not learn the password, and cannot have it sent without TLS", async () => {
  const seen: string[] = [];
  const elsewhere = await listening((request, response) => {
    seen.push(`${request.method} ${request.headers.authorization ?? "nobody"}`);
    request.resume().on("end", () => response.writeHead(201).end());
  });
  let location = "";
  const at = await listening((request, response) => {
    if (request.headers.authorization === undefined)
      return response.writeHead(401, { "www-authenticate": 'Basic realm="r"' }).end();
    request.resume();
    response.writeHead(request.method === "POST" ? 202 : 201, request.method === "POST" ? { location } : {}).end();
  });
  const auths = { [at]: { auth: Buffer.from("me:secret").toString("base64") } };
  const home = mkdtempSync(join(scratch, "docker-"));
  writeFileSync(join(home, "config.json"), JSON.stringify({ auths }));
  const folder = policy("seven", "1");
  const push = (): Promise<string> => pushPolicy(folder, `oci://${at}/a/b:1`, { DOCKER_CONFIG: home });
  location = `http://${elsewhere}/up?a=b`;
  await push();
  assert.equal(new Set(seen), new Set(["PUT nobody"]));
  location = "http://192.0.2.1/up";
  assert.match(await refusal(push()), /^VEDETTE_ARTIFACT_FAILED .*without TLS/);
});

test.run();
