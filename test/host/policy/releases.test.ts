// SPDX-License-Identifier: Apache-2.0
//
// Lists of releases: whom a percent takes, and what becomes of policies.d while a real registry has one list
// after the other, good ones and bad ones (H99).
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { VedetteError } from "../../../host/errors.js";
import { artifactOf, RELEASES_FILE } from "../../../host/policy/artifact.js";
import { ArtifactPlace } from "../../../host/policy/artifact-place.js";
import { readPrivateKey } from "../../../host/policy/keys.js";
import { pushPolicy } from "../../../host/policy/published.js";
import { release } from "../../../host/policy/release.js";
import { type Release, type ReleaseList, releasesFor, signList } from "../../../host/policy/release-list.js";
import { Releases } from "../../../host/policy/releases.js";
import { Serials } from "../../../host/policy/serials.js";
import { signPolicy } from "../../../host/policy/signature.js";
import { readTenants } from "../../../host/policy/tenants.js";
import { PolicyWatch } from "../../../host/policy/watch.js";
import { Host } from "../../attacks/host.js";
import { type Registry, startRegistry } from "../../lab/registry.js";
import { until } from "../../until.js";
import { answering } from "../answering.js";
import { assemble, HAND_WRITTEN } from "../wasm/shared.js";

const scratch = mkdtempSync(join(tmpdir(), "releases-"));
const environment = { DOCKER_CONFIG: scratch };
const key = join(scratch, "key.pem");
const MODULE = assemble(HAND_WRITTEN);
let registry: Registry;
let newest = 0;
test.before(async () => {
  registry = await startRegistry(join(scratch, "registry"));
});
test.after(() => {
  registry.child.kill("SIGKILL");
  rmSync(scratch, { recursive: true });
});

const of = (name: string): string => `oci://${registry.at}/${name}`;

/** Signs and pushes a policy of this name and version. */
async function pushed(name: string, version: string, by = key): Promise<string> {
  const folder = mkdtempSync(join(scratch, "policy-"));
  writeFileSync(join(folder, "policy.yaml"), `name: ${name}\nversion: '${version}'\n`);
  writeFileSync(join(folder, "policy.wasm"), MODULE);
  let signed = signPolicy(folder, by);
  while (signed.serial <= newest) signed = signPolicy(folder, by); // a serial is of a second, or one more than before
  newest = signed.serial;
  await pushPolicy(folder, of(`team/${name}:${version}`), environment);
  return of(`team/${name}:${version}`);
}

/** A tenant whose list is followed, and what was told of it. */
class Team {
  readonly root = mkdtempSync(join(scratch, "policies-"));
  readonly list: string;
  /** What became of policies: KIND VERSION, or an error's code. */
  readonly told: string[] = [];
  readonly #file = join(this.root, "../", `${this.root.split("/").at(-1)}.yaml`);
  readonly #serials = new Serials(null);
  #releases!: Releases;
  #watch!: PolicyWatch;

  private constructor(tag: string) {
    this.list = of(`team/releases:${tag}`);
  }

  static async start(tag: string, task: string | null = "task"): Promise<Team> {
    const team = new Team(tag);
    writeFileSync(team.#file, `tenants: {team: {keys: [key.pem.pub], releases: "${team.list}"}}\n`);
    const tenants = readTenants(team.#file);
    const onFault = (_: string, policy: string, error: VedetteError): void =>
      void team.told.push(team.#said(policy, error.code));
    const options = { folder: team.root, serials: team.#serials, environment };
    team.#releases = new Releases({ ...options, task, onFault });
    team.#releases.follow(tenants.values());
    await team.#releases.look();
    const engine = { add: async () => 0, replace: async () => 0, remove: async () => undefined };
    team.#watch = await PolicyWatch.open({
      ...{ folder: team.root, engine, tenants, requireSigned: true, serials: team.#serials },
      isReleased: (tenant, digest) => team.#releases.isReleased(tenant, digest),
      onNews: ({ policy, kind, error }) => {
        team.told.push(team.#said(policy, error?.code ?? kind));
      },
    });
    return team;
  }

  /** Looks at the list, and waits until as many things were told as these; gives what is new. */
  async look(...expected: string[]): Promise<void> {
    const before = this.told.length;
    await this.#releases.look();
    await this.#watch.rescan();
    const now = (): string[] => this.told.slice(before);
    await until("news", () => now().length >= expected.length, { tell: () => now().join(", ") });
    assert.equal(now(), expected);
  }

  /** The policy, what became of it, and which version runs now. */
  #said(policy: string, what: string): string {
    const entry = this.#watch?.entries().find((one) => one.policy === policy);
    return `${policy} ${what} ${entry?.loaded?.version ?? ""}`.trim();
  }

  /** NAME VERSION of all that run. */
  get runs(): string[] {
    return this.#watch.entries().map(({ policy, loaded }) => `${policy} ${loaded?.version}`);
  }

  async close(): Promise<void> {
    this.#releases.close();
    await this.#watch.close();
  }
}

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof VedetteError) return error.code;
    throw error;
  }
  return "it went well";
}

/** Releases these, in their order, under the tag. */
async function released(
  list: string,
  policies: [address: string, percent?: number][],
  days = 30,
): Promise<ReleaseList> {
  const file = join(scratch, "releases.yaml");
  const rows = policies.map(([policy, percent]) => ({ policy, ...(percent === undefined ? {} : { percent }) }));
  writeFileSync(file, JSON.stringify({ tenant: "team", days, policies: rows }));
  return (await release(file, list, key, environment)).list;
}

const entry = (version: string, percent: number): Release => ({
  ...{ name: "one", version, percent },
  ...{ address: "oci://r.example/team/one", digest: `sha256:${version.repeat(64)}` },
});

test("10, 50 and 100 percent of 500 tasks: who has a version keeps it, and all others have the one before", () => {
  const tasks = Array.from({ length: 500 }, (_, i) => `arn:aws:ecs:eu-west-1:1:task/c/${i}`);
  const having = (percent: number): Set<string> => {
    const list = { tenant: "team", serial: 1, expires: 1, policies: [entry("2", percent), entry("1", 100)] };
    const versions = tasks.map((task) => releasesFor(task, list).map(({ version }) => version));
    assert.ok(versions.every((one) => one.length === 1));
    return new Set(tasks.filter((_, i) => versions[i]?.[0] === "2"));
  };
  const [none, ten, fifty, all] = [0, 10, 50, 100].map(having) as [Set<string>, Set<string>, Set<string>, Set<string>];
  assert.equal([none.size, all.size], [0, 500]);
  assert.ok(ten.size > 25 && ten.size < 75, `${ten.size}`); // 3.7 standard deviations
  assert.ok(fifty.size > 208 && fifty.size < 292, `${fifty.size}`);
  assert.ok([...ten].every((task) => fifty.has(task)));
  const other = { tenant: "team", serial: 1, expires: 1, policies: [entry("2", 99), entry("1", 100)] };
  assert.equal(
    releasesFor(null, other).map(({ version }) => version),
    ["1"],
    "a pool takes what is for all",
  );
});

test("a list brings policies, newer ones, older ones on purpose, and takes them away", async () => {
  const [first, second] = [await pushed("one", "1"), await pushed("one", "2")];
  const list = of("team/releases:live");
  await released(list, [[first]]);
  const team = await Team.start("live");
  try {
    assert.equal([team.told, team.runs], [["one loaded"], ["one 1"]], "before there is a watch to tell");
    await released(list, [[second, 0], [first]]);
    await team.look();
    await released(list, [[second], [await pushed("two", "1")]]);
    await team.look("one replaced 2", "two loaded 1");
    await released(list, [[first]]);
    await team.look("two removed", "one replaced 1");
    await team.look();
    assert.equal(team.runs, ["one 1"]);
  } finally {
    await team.close();
  }
});

test("H99: an older list, another's, one that was changed and one that has run out bring nothing and take nothing away", async () => {
  const address = await pushed("four", "1");
  const newer = await pushed("four", "2");
  const list = of("team/releases:bad");
  await released(list, [[address]]);
  const team = await Team.start("bad");
  const place = new ArtifactPlace(list, environment, "pull,push");
  const old = (await place.pull("releases")).files.get(RELEASES_FILE) as Uint8Array;
  const put = async (body: Uint8Array): Promise<unknown> =>
    place.push(artifactOf("releases", new Map([[RELEASES_FILE, body]]), "x", "1"));
  try {
    const current = await released(list, [[newer]]);
    await team.look("four replaced 2");
    await put(old);
    await team.look("VEDETTE_SIGNATURE_OLD");
    await team.look(); // it is told once
    const [own, stranger] = [readPrivateKey(key), join(scratch, "stranger.pem")];
    const strangers = await pushed("four", "3", stranger);
    const signed = (list: ReleaseList, by = own): Buffer => signList(list, by.id, by.key);
    const next = { ...current, serial: current.serial + 10 };
    for (const [body, code] of [
      [signed(next, readPrivateKey(stranger)), "VEDETTE_RELEASES_WRONG"],
      [signed({ ...next, tenant: "other" }), "VEDETTE_RELEASES_WRONG"],
      [Buffer.from(signed(next).toString().replace('"percent":100', '"percent":0')), "VEDETTE_RELEASES_WRONG"],
      [Buffer.from("{}"), "VEDETTE_RELEASES_WRONG"],
      [signed({ ...next, expires: 1_700_000_000 }), "VEDETTE_RELEASES_EXPIRED"],
    ] as const) {
      await put(body);
      await team.look(code);
    }
    assert.ok(team.runs.includes("four 2"));
    assert.match(await refusal(released(list, [[strangers]])), /VEDETTE_SIGNATURE_WRONG/, "nobody releases it");
    const forged = (changes: object): Buffer =>
      signed({ ...next, policies: [{ ...(next.policies[0] as Release), ...changes }] });
    const { digest } = await new ArtifactPlace(strangers, environment).pull("policy");
    for (const [changes, code] of [
      [{ digest }, "four VEDETTE_SIGNATURE_WRONG 2"],
      [{ digest: `sha256:${"0".repeat(64)}` }, "four VEDETTE_ARTIFACT_FAILED 2"],
      [{ version: "3" }, "four VEDETTE_RELEASES_WRONG 2"],
    ] as const) {
      await put(forged(changes));
      await team.look(code);
    }
    assert.equal(team.runs, ["four 2"]);
    await put(signed(next));
    await team.look();
  } finally {
    await team.close();
  }
});

test("H99: who may write to the folder brings no older policy back, and leads no list out of it", async () => {
  const first = await pushed("five", "1");
  await released(of("team/releases:folder"), [[await pushed("five", "2")]]);
  const team = await Team.start("folder");
  const outside = mkdtempSync(join(scratch, "outside-"));
  try {
    const { files } = await new ArtifactPlace(first, environment).pull("policy");
    for (const [name, bytes] of files) writeFileSync(join(team.root, "team/five", name), bytes);
    await team.look("five VEDETTE_SIGNATURE_OLD 2");
    const state = join(team.root, "team/.releases.json");
    assert.equal(Object.keys(JSON.parse(readFileSync(state, "utf8")) as object), ["five"]);
    writeFileSync(state, JSON.stringify({ [`../../${outside.split("/").at(-1)}`]: "sha256:0" }));
    await released(of("team/releases:folder"), [[await pushed("five", "3")]]);
    await team.look("five VEDETTE_RELEASES_WRONG 2"); // what no list put there is left alone
    assert.ok(existsSync(outside));
    rmSync(state);
    mkdirSync(join(team.root, "team/mine"));
    writeFileSync(state, JSON.stringify({ five: "" }));
    await team.look("five replaced 3");
    assert.ok(existsSync(join(team.root, "team/mine")), "a folder that is nobody's policy");
  } finally {
    await team.close();
  }
});

/** Follows these tenants, and gives where their policies are put and what was told. */
function following(tenants: object, patienceMs?: number): { releases: Releases; root: string; told: string[] } {
  const [root, file] = [mkdtempSync(join(scratch, "many-")), join(scratch, "many.yaml")];
  writeFileSync(file, JSON.stringify({ tenants }));
  const told: string[] = [];
  const releases = new Releases({
    ...{ folder: join(root, "policies.d"), task: "task", serials: new Serials(null), environment },
    ...(patienceMs === undefined ? {} : { patienceMs }),
    onFault: (tenant, policy, { code, message }) => void told.push(`${tenant} ${policy} ${code} ${message}`),
  });
  releases.follow(readTenants(file).values());
  return { releases, root: join(root, "policies.d"), told };
}

test("H100: a tenant's list leads the host to no other registry, and brings no more policies than the tenant may have", async () => {
  const list = of("team/releases:many");
  const address = await pushed("eight", "1");
  const { policies, ...signed } = await released(list, [[address], [await pushed("nine", "1")]]);
  const few = following({ team: { keys: ["key.pem.pub"], releases: list, limits: { policies: 1 } } });
  await few.releases.look();
  assert.match(few.told.join(), /^team {2}VEDETTE_RELEASES_WRONG .*it has 2 policies, and the tenant may have 1/);
  assert.not(existsSync(join(few.root, "team")));
  let asked = 0;
  const { at, close } = await answering(() => void asked++);
  try {
    const other = policies.map((one) => ({ ...one, address: `oci://${at}/team/${one.name}` }));
    const own = readPrivateKey(key);
    const body = signList({ ...signed, serial: signed.serial + 1, policies: other }, own.id, own.key);
    const place = new ArtifactPlace(list, environment, "pull,push");
    await place.push(artifactOf("releases", new Map([[RELEASES_FILE, body]]), "x", "1"));
    const led = following({ team: { keys: ["key.pem.pub"], releases: list } });
    await led.releases.look();
    assert.equal(
      led.told.map((one) => /^team (\w+) VEDETTE_RELEASES_WRONG .*is in another registry than the list/.exec(one)?.[1]),
      ["eight", "nine"],
    );
    assert.is(asked, 0);
    assert.is(await refusal(released(list, [[`oci://${at}/team/eight:1`]])), "VEDETTE_ARTIFACT_FORM");
    assert.is(asked, 0);
  } finally {
    close();
  }
});

test("H100: a registry that does not answer holds nobody up, and a folder that cannot be made is told", async () => {
  const list = of("team/releases:quick");
  await released(list, [[await pushed("ten", "1")]]);
  const { at, close } = await answering(() => undefined);
  const keys = ["key.pem.pub"];
  const { releases, root, told } = following(
    { slow: { keys, releases: `oci://${at}/slow/list:1` }, team: { keys, releases: list } },
    50,
  );
  try {
    await releases.begin();
    await until("the other tenant's policy is there", () => existsSync(join(root, "team/ten/policy.yaml")));
    assert.equal(told, [], "it was not waited until the slow one failed");
  } finally {
    releases.close();
    close();
  }
  const nowhere = new Releases({
    ...{ folder: "/proc/nowhere/policies.d", task: null, serials: new Serials(null), environment },
    onFault: () => undefined,
  });
  assert.is(await refusal(nowhere.begin()), "VEDETTE_WATCH_FAILED");
});

test("a registry that is down takes nothing away, and that is told once", async () => {
  const own = await startRegistry(join(scratch, "other"));
  const there = registry;
  registry = own;
  try {
    await released(of("team/releases:down"), [[await pushed("six", "1")]]);
    const team = await Team.start("down");
    try {
      own.child.kill("SIGKILL");
      await once(own.child, "exit");
      await team.look("VEDETTE_ARTIFACT_FAILED");
      await team.look();
      assert.equal(team.runs, ["six 1"]);
    } finally {
      await team.close();
    }
  } finally {
    own.child.kill("SIGKILL");
    registry = there;
  }
});

test("a sidecar begins with what is released, and takes another list at SIGHUP", async () => {
  const folder = mkdtempSync(join(scratch, "host-"));
  const root = join(folder, "policies.d");
  const list = of("team/releases:host");
  await released(list, [[await pushed("seven", "1")]]);
  const tenants = join(scratch, "host.yaml");
  writeFileSync(tenants, `tenants: {team: {keys: [key.pem.pub], releases: "${list}"}}\n`);
  const host = await Host.start(folder, ["--policies-d", root, "--tenants", tenants, "--releases"]);
  try {
    assert.match(host.stderr, /policy team\/seven loaded/);
    await released(list, [[await pushed("seven", "2")]]);
    host.child.kill("SIGHUP");
    await until("it is replaced", () => host.stderr.includes("policy team/seven replaced"), {
      tell: () => host.stderr,
    });
  } finally {
    await host.stop();
  }
  const without = await Host.start(folder, ["--policies-d", root, "--tenants", tenants]);
  assert.match(without.stderr, /list of releases of the tenant team is not followed without --releases/);
  await without.stop();
});

test("lists are not followed into nowhere", () => {
  for (const words of [
    ["serve", "--listen", `unix:${join(scratch, "x.sock")}`],
    ["judge", "--bus", "nats://127.0.0.1:1", "--store", scratch],
  ]) {
    const argv = ["build/js/host/main.js", ...words, "--releases"];
    const { status, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8", timeout: 60_000 });
    assert.is(status, 2, stderr);
    assert.match(stderr, /--releases needs --policies-d and --tenants/);
  }
});

test("a list that cannot be meant is told with its place, and a tenant with such a list needs keys", async () => {
  const file = join(scratch, "wrong.yaml");
  writeFileSync(file, "tenant: team\npolicies:\n  - {policy: x, percent: 101}\n");
  assert.is(await refusal(release(file, of("team/releases:x"), key, environment)), "VEDETTE_RELEASES_YAML");
  for (const row of ["{releases: oci://r.example/a:1}", "{keys: [key.pem.pub], releases: r.example/a}"]) {
    writeFileSync(file, `tenants: {team: ${row}}\n`);
    assert.is(await refusal((async () => readTenants(file))()), "VEDETTE_TENANTS_YAML", row);
  }
});

test.run();
