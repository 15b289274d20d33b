// SPDX-License-Identifier: Apache-2.0
//
// `instrument --registry`: what images run, asked of registries: one of this test's own, which does what a
// bad one does, Debian's docker-registry where it is installed, and AWS's client, which says how a call is
// signed.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ECSClient, ListClustersCommand } from "@aws-sdk/client-ecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readImageConfigs } from "../../../host/ecs/image-config.js";
import { instrument } from "../../../host/ecs/instrument.js";
import { parseDocument } from "../../../host/ecs/read.js";
import { askRegistry } from "../../../host/ecs/registry.js";
import { imagesOfRegistries } from "../../../host/ecs/registry-images.js";
import { VedetteError } from "../../../host/errors.js";
import { ecrLogin, regionOfEcr, signed } from "../../../host/registry/ecr.js";
import { loginFor } from "../../../host/registry/login.js";
import { placeOf } from "../../../host/registry/place.js";
import { switchingServer } from "../../switching-server.js";
import { answering, type Handle } from "../answering.js";

const SECRET = "s3cret-of-this-test";
const BASIC = `Basic ${Buffer.from(`me:${SECRET}`).toString("base64")}`;
const READY_MS_MAX = 30_000;
const folder = mkdtempSync(join(tmpdir(), "registry-"));
const closing: (() => void)[] = [];
const children: ChildProcess[] = [];
test.after(() => {
  for (const close of closing) close();
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

async function listening(handle: Handle): Promise<string> {
  const { at, close } = await answering(handle);
  closing.push(close);
  return at;
}

const sha = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;
const configText = (architecture: string, entryPoint: string) =>
  JSON.stringify({ architecture, os: "linux", config: { Entrypoint: [entryPoint], Cmd: ["serve"] } });
const [AMD, ARM] = [configText("amd64", "/amd"), configText("arm64", "/arm")];
const manifestText = (config: string) =>
  JSON.stringify({ schemaVersion: 2, config: { digest: sha(config), size: config.length }, layers: [] });
const INDEX = JSON.stringify({
  manifests: [
    { digest: sha(manifestText(ARM)), platform: { os: "linux", architecture: "arm64" } },
    { digest: sha("attestation"), platform: { os: "unknown", architecture: "unknown" } },
    { digest: sha(manifestText(AMD)), platform: { os: "linux", architecture: "amd64" } },
  ],
});

/** By the end of their address: what a registry holds. */
const HELD: Record<string, string> = {
  "/app/manifests/1": INDEX,
  "/plain/manifests/latest": manifestText(AMD),
  "/forged/manifests/latest": INDEX,
  "/garbled/manifests/latest": "<html>",
  "/empty/manifests/latest": "{}",
  "/endless/manifests/latest": "x".repeat(5 << 20),
};
for (const text of [manifestText(AMD), manifestText(ARM)])
  for (const name of ["app", "plain"]) HELD[`/${name}/manifests/${sha(text)}`] = text;
HELD[`/forged/manifests/${sha(manifestText(AMD))}`] = manifestText(ARM);
for (const text of [AMD, ARM]) for (const name of ["app", "plain"]) HELD[`/${name}/blobs/${sha(text)}`] = text;

const nobody = { DOCKER_CONFIG: join(folder, "none") };

/** An environment in which `docker login` was done. */
function loggedIn(registry: string, config: object = { auths: { [registry]: { auth: BASIC.slice(6) } } }) {
  const place = mkdtempSync(join(folder, "docker-"));
  writeFileSync(join(place, "config.json"), JSON.stringify(config));
  return { DOCKER_CONFIG: place, PATH: `${place}:${process.env.PATH}` };
}

/** A registry that gives tokens to whoever knows the password, and shows images to whoever has one. */
async function withTokens(seen: string[] = []): Promise<string> {
  const stores = await listening((request, response) => {
    seen.push(`store ${request.headers.authorization ?? "nobody"}`);
    response.end(HELD[request.url!]);
  });
  const at: string = await listening((request, response) => {
    const url = new URL(request.url!, `http://${at}`);
    const who = request.headers.authorization;
    if (url.pathname === "/token") {
      seen.push(`token ${url.searchParams.get("scope")} ${url.searchParams.get("service")}`);
      return void response.writeHead(who === BASIC ? 200 : 401).end(who === BASIC ? '{"token":"t0ken"}' : "{}");
    }
    if (who !== "Bearer t0ken") {
      const scope = `repository:${url.pathname.split("/")[2]}:pull`;
      const challenge = `Bearer realm="http://${at}/token",service="reg",scope="${scope}"`;
      return void response
        .writeHead(401, { "www-authenticate": challenge })
        .end('{"errors":[{"code":"UNAUTHORIZED"}]}');
    }
    const path = url.pathname.slice("/v2".length);
    if (/\/blobs\//.test(path) && HELD[path] !== undefined)
      return void response.writeHead(307, { location: `http://${stores}${path}` }).end();
    response
      .writeHead(HELD[path] === undefined ? 404 : 200)
      .end(HELD[path] ?? '{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
  });
  return at;
}

async function reason(attempt: Promise<unknown>): Promise<string> {
  const error = await attempt.then(
    () => null,
    (thrown: Error) => thrown,
  );
  assert.ok(error !== null, "nothing was refused");
  for (let one: unknown = error; one instanceof Error; one = one.cause)
    for (const secret of [SECRET, BASIC, "t0ken", "Authorization"]) assert.not.match(one.message, secret);
  return error.message;
}

test("names of images are read as Docker reads them", () => {
  const digest = `sha256:${"0a".repeat(32)}`;
  const cases: [string, string | null][] = [
    ["nginx", "docker.io library/nginx latest https://registry-1.docker.io"],
    ["grafana/loki:2.9", "docker.io grafana/loki 2.9 https://registry-1.docker.io"],
    ["public.ecr.aws/x/y:1", "public.ecr.aws x/y 1 https://public.ecr.aws"],
    [`r.example:5000/a/b/c:2@${digest}`, `r.example:5000 a/b/c ${digest} https://r.example:5000`],
    ["localhost:5000/a", "localhost:5000 a latest http://localhost:5000"],
    ["localhost/a", "localhost a latest http://localhost"],
    ["127.0.0.1.evil.example/a", "127.0.0.1.evil.example a latest https://127.0.0.1.evil.example"],
    ["r.example/Capital", null],
    ["r.example/../a", null],
    ["r.example/a?b", null],
    ["user@r.example/a", null],
    ["", null],
  ];
  for (const [name, expected] of cases) {
    const place = placeOf(name);
    const { registry, repository, reference, url } = place ?? {};
    assert.is(place === null ? null : [registry, repository, reference, url].join(" "), expected, name);
  }
});

test("a token is got, the list of manifests is followed to the task's processor, and the store learns no token", async () => {
  const seen: string[] = [];
  const at = await withTokens(seen);
  const environment = loggedIn(at);
  assert.equal(await askRegistry(`${at}/app:1`, "amd64", environment), { entryPoint: ["/amd"], command: ["serve"] });
  assert.equal(await askRegistry(`${at}/app:1`, "arm64", environment), { entryPoint: ["/arm"], command: ["serve"] });
  assert.equal(await askRegistry(`${at}/plain`, "amd64", environment), { entryPoint: ["/amd"], command: ["serve"] });
  const byDigest = `${at}/app@${sha(manifestText(ARM))}`;
  assert.equal((await askRegistry(byDigest, "arm64", environment)).entryPoint, ["/arm"]);
  assert.equal(
    [...new Set(seen)],
    ["token repository:app:pull reg", "store nobody", "token repository:plain:pull reg"],
  );
});

test("what a registry does badly is told in a word, with no secret in it", async () => {
  const at = await withTokens();
  const environment = loggedIn(at);
  const ask = (name: string, architecture: "amd64" | "arm64" = "amd64") =>
    reason(askRegistry(`${at}/${name}`, architecture, environment));
  assert.match(await ask("none"), /it has nothing of this name \(status 404, MANIFEST_UNKNOWN\)/);
  assert.match(await ask("plain", "arm64"), /made for amd64, and the task runs on arm64/);
  assert.match(await ask("forged"), /it sent sha256:\w+ when asked for sha256:/);
  assert.match(await ask("garbled"), /its answer is not JSON/);
  assert.match(await ask("empty"), /names no configuration/);
  assert.match(await ask("endless"), /longer than 4 MiB/);
  assert.match(await ask("Capital"), /no image's name/);
  assert.match(await reason(askRegistry(`${at}/app:1`, "amd64", nobody)), /gives no token: it wants a login/);
  const closed = createTcpServer();
  await new Promise<void>((done) => closed.listen(0, "127.0.0.1", done));
  const { port } = closed.address() as AddressInfo;
  await new Promise((done) => closed.close(done));
  assert.match(await reason(askRegistry(`127.0.0.1:${port}/a`, "amd64", nobody)), /refused/);
  const other = await switchingServer();
  const late = new Promise<string>((done) => setTimeout(done, READY_MS_MAX, "no end").unref());
  assert.match(
    await Promise.race([reason(askRegistry(`${other.at}/a`, "amd64", nobody)), late]),
    /ended without an answer/,
  );
  other.close();
});

test("a password goes to nobody without TLS, and to no place that a redirect names", async () => {
  const realm = await listening((_, response) =>
    response.writeHead(401, { "www-authenticate": 'Bearer realm="http://tokens.example/t",service="s"' }).end(),
  );
  assert.match(await reason(askRegistry(`${realm}/a`, "amd64", loggedIn(realm))), /without TLS/);
  const away = await listening((_, response) => response.writeHead(302, { location: "http://r.example/a" }).end());
  assert.match(await reason(askRegistry(`${away}/a`, "amd64", nobody)), /redirects to an address without TLS/);
  const circle: string = await listening((_, response) =>
    response.writeHead(302, { location: `http://${circle}/v2/again` }).end(),
  );
  assert.match(await reason(askRegistry(`${circle}/a`, "amd64", nobody)), /again and again/);
  const full = "http://tokens.example/c";
  const call = ecrLogin("123456789012.dkr.ecr.eu-west-1.amazonaws.com", { AWS_CONTAINER_CREDENTIALS_FULL_URI: full });
  assert.match(await reason(call), /without TLS/);
});

test("one run asks for all images, and names all that cannot be asked for", async () => {
  const at = await withTokens();
  const environment = loggedIn(at);
  const task = (...images: string[]) =>
    parseDocument(
      "t.json",
      JSON.stringify({ containerDefinitions: images.map((image, index) => ({ name: `c${index}`, image })) }),
    );
  const options = { image: "registry.example/vedette:1" };
  const document = task(`${at}/app:1`, `${at}/app:1`, `${at}/plain`);
  const images = await imagesOfRegistries(document, options, readImageConfigs([]), environment);
  const { text } = instrument(document, options, images);
  for (const { name, entryPoint, command } of JSON.parse(text).containerDefinitions.slice(0, 3))
    assert.equal([entryPoint.at(-1), command], ["/amd", ["serve"]], name);
  const bad = task(`${at}/app:1`, `${at}/none`, `${at}/empty`);
  const error = await imagesOfRegistries(bad, options, readImageConfigs([]), environment).then(
    () => null,
    (thrown) => thrown,
  );
  assert.ok(error instanceof VedetteError && error.code === "VEDETTE_REGISTRY_FAILED");
  assert.match(error.message, /what 2 of the images run/);
  assert.match(error.hint, new RegExp(`${at}/empty: .*\n  ${at}/none: it has nothing of this name`));
});

test("ARM64 tasks get the arm64 image's words; a name that only a deployment knows is left to --image-config", async () => {
  const at = await withTokens();
  const [environment, options] = [loggedIn(at), { image: "registry.example/vedette:1" }];
  const definition = {
    runtimePlatform: { cpuArchitecture: "ARM64" },
    containerDefinitions: [{ name: "a", image: `${at}/app:1` }],
  };
  const document = parseDocument("t.json", JSON.stringify(definition));
  const images = await imagesOfRegistries(document, options, readImageConfigs([]), environment);
  assert.is(JSON.parse(instrument(document, options, images).text).containerDefinitions[0].entryPoint.at(-1), "/arm");
  const open = parseDocument(
    "t.json",
    JSON.stringify({
      Resources: {
        A: {
          Type: "AWS::ECS::TaskDefinition",
          Properties: { ContainerDefinitions: [{ Name: "a", Image: { "Fn::ImportValue": "image" } }] },
        },
      },
    }),
  );
  const known = await imagesOfRegistries(open, options, readImageConfigs([]), environment);
  assert.throws(
    () => instrument(open, options, known),
    (error: VedetteError) => error.code === "VEDETTE_IMAGE_CONFIG_NEEDED",
  );
});

test("passwords are those of docker login, or of its credential helper", async () => {
  assert.is(await loginFor("r.example", loggedIn("r.example")), BASIC);
  assert.is(await loginFor("other.example", loggedIn("r.example")), null);
  assert.is(await loginFor("docker.io", loggedIn("https://index.docker.io/v1/")), BASIC);
  const environment = loggedIn("r.example", { credHelpers: { "r.example": "test" }, credsStore: "../test" });
  const helper = join(environment.DOCKER_CONFIG, "docker-credential-test");
  writeFileSync(helper, `#!/bin/sh\nread registry\necho "{\\"Username\\":\\"me\\",\\"Secret\\":\\"${SECRET}\\"}"\n`);
  chmodSync(helper, 0o755);
  assert.is(await loginFor("r.example", environment), BASIC);
  assert.is(await loginFor("other.example", environment), null, "a helper's name is no path");
});

const KEYS = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };

test("a call is signed as AWS's own client signs it", async () => {
  for (const credentials of [KEYS, { ...KEYS, sessionToken: "t0ken+/=" }]) {
    let sent: { headers: Record<string, string>; body: string; hostname: string } | undefined;
    const client = new ECSClient({
      region: "eu-west-1",
      credentials,
      maxAttempts: 1,
      requestHandler: {
        handle: (request: unknown) => {
          sent = request as typeof sent;
          return Promise.reject(new Error("nothing is sent"));
        },
      },
    });
    await client.send(new ListClustersCommand({})).catch(() => undefined);
    const { headers, body, hostname } = sent!;
    const theirs = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
    const names = /SignedHeaders=([^,]+)/.exec(theirs.authorization!)![1]!.split(";");
    const given = Object.fromEntries(names.map((name) => [name, theirs[name]!]));
    const time = new Date(theirs["x-amz-date"]!.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, "$1-$2-$3T$4:$5:$6Z"));
    const call = { url: new URL(`https://${hostname}/`), region: "eu-west-1", service: "ecs", headers: given, body };
    assert.is(signed(call, credentials, time).authorization, theirs.authorization);
  }
});

test("ECR's password is asked of AWS with the environment's credentials, or a task role's", async () => {
  const registry = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
  const asked: string[] = [];
  const at = await listening((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers["x-amz-security-token"] ?? ""}`);
    if (request.url === "/role")
      return void response.end(JSON.stringify({ AccessKeyId: "A", SecretAccessKey: "S", Token: "role" }));
    assert.match(
      request.headers.authorization!,
      /^AWS4-HMAC-SHA256 Credential=A[\w]*\/\d{8}\/eu-west-1\/ecr\/aws4_request, /,
    );
    response.end(JSON.stringify({ authorizationData: [{ authorizationToken: BASIC.slice(6) }] }));
  });
  const common = { ...nobody, AWS_ENDPOINT_URL_ECR: `http://${at}` };
  const keys = { AWS_ACCESS_KEY_ID: KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey };
  assert.is(await loginFor(registry, { ...common, ...keys }), BASIC);
  const role = { AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://${at}/role` };
  assert.is(await loginFor(registry, { ...common, ...role }), BASIC);
  assert.is(await loginFor(registry, common), null);
  assert.is(await loginFor("r.example", { ...common, ...keys }), null, "no other registry learns of AWS's keys");
  assert.equal(asked, ["POST / ", "GET /role ", "POST / role"]);
  assert.is(regionOfEcr("123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example"), null);
  assert.is(regionOfEcr("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"), "cn-north-1");
});

const hasRegistry = spawnSync("docker-registry", ["--version"]).status === 0;
if (hasRegistry)
  test("Debian's docker-registry is asked, with a password", async () => {
    const { at, put } = await realRegistry();
    await put("shop/app", "7");
    const environment = loggedIn(at, { auths: { [at]: { auth: Buffer.from("me:secret").toString("base64") } } });
    assert.equal(await askRegistry(`${at}/shop/app:7`, "amd64", environment), {
      entryPoint: ["/amd"],
      command: ["serve"],
    });
    assert.match(
      await reason(askRegistry(`${at}/shop/app:8`, "amd64", environment)),
      /nothing of this name .*MANIFEST_UNKNOWN/,
    );
    assert.match(await reason(askRegistry(`${at}/shop/app:7`, "amd64", nobody)), /wants a password, and none is known/);
  });
else console.log("skip: a real registry: the command docker-registry is missing");

async function realRegistry() {
  const place = join(folder, "real");
  mkdirSync(place);
  // `secret`, by bcrypt
  writeFileSync(join(place, "htpasswd"), "me:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n");
  const config = {
    version: "0.1",
    log: { level: "info" },
    storage: { filesystem: { rootdirectory: join(place, "data") } },
    http: { addr: "127.0.0.1:0" },
    auth: { htpasswd: { realm: "test", path: join(place, "htpasswd") } },
  };
  writeFileSync(join(place, "config.yml"), JSON.stringify(config));
  const child = spawn("docker-registry", ["serve", join(place, "config.yml")], { stdio: ["ignore", "ignore", "pipe"] });
  children.push(child);
  let log = "";
  child.stderr.on("data", (text) => {
    log += text;
  });
  const deadline = Date.now() + READY_MS_MAX;
  let at = "";
  while (at === "") {
    assert.ok(Date.now() < deadline, `docker-registry did not start: ${log}`);
    await sleep(50);
    at = /listening on (127\.0\.0\.1:\d+)/.exec(log)?.[1] ?? "";
  }
  const headers = { authorization: `Basic ${Buffer.from("me:secret").toString("base64")}` };
  const blob = async (name: string, text: string) => {
    const begun = await fetch(`http://${at}/v2/${name}/blobs/uploads/`, { method: "POST", headers });
    const to = new URL(begun.headers.get("location")!, `http://${at}`);
    to.searchParams.set("digest", sha(text));
    assert.is((await fetch(to, { method: "PUT", headers, body: text })).status, 201);
  };
  const manifest = async (name: string, reference: string, type: string, text: string) => {
    const sent = { method: "PUT", headers: { ...headers, "content-type": type }, body: text };
    assert.is((await fetch(`http://${at}/v2/${name}/manifests/${reference}`, sent)).status, 201);
  };
  const kind = (one: string) => `application/vnd.docker.distribution.manifest${one}.v2+json`;
  const own = (config: string) =>
    JSON.stringify({
      schemaVersion: 2,
      mediaType: kind(""),
      config: { mediaType: "application/vnd.docker.container.image.v1+json", digest: sha(config), size: config.length },
      layers: [],
    });
  const put = async (name: string, tag: string) => {
    for (const config of [AMD, ARM]) {
      await blob(name, config);
      await manifest(name, sha(own(config)), kind(""), own(config));
    }
    const entry = (config: string, architecture: string) => ({
      mediaType: kind(""),
      digest: sha(own(config)),
      size: own(config).length,
      platform: { os: "linux", architecture },
    });
    const manifests = [entry(ARM, "arm64"), entry(AMD, "amd64")];
    await manifest(name, tag, kind(".list"), JSON.stringify({ schemaVersion: 2, mediaType: kind(".list"), manifests }));
  };
  return { at, put };
}

test.run();
