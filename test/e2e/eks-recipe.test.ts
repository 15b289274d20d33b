// SPDX-License-Identifier: Apache-2.0
//
// docs/eks/pod.yaml, run container by container as Kubernetes would: init containers first, each in its turn,
// and none with SYS_PTRACE. The alert names the container.
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import { HOST_COMMAND } from "../../host/ecs/layout.js";
import { startDefined } from "../lab/definition.js";
import { makeRootfs } from "../lab/rootfs.js";
import { alertsOf, buildWorkload, isListening, packaged } from "../lab/sidecar.js";
import { type Container, missingForTasks, Task, until, within } from "../lab/task.js";
import { ROOT } from "./programs.js";

interface PodContainer {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly restartPolicy?: string;
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  readonly securityContext?: { readonly readOnlyRootFilesystem?: boolean };
  readonly startupProbe?: { readonly exec: { readonly command: readonly string[] } };
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
}

interface Pod {
  readonly spec: {
    readonly volumes: readonly { readonly name: string; readonly emptyDir: object }[];
    readonly initContainers: readonly PodContainer[];
    readonly containers: readonly PodContainer[];
  };
}

const END_MS_MAX = 60_000;
const { spec } = parse(readFileSync(join(ROOT, "docs/eks/pod.yaml"), "utf8")) as Pod;
const missing = missingForTasks();
const task = new Task([], "eks");

function started(
  one: PodContainer,
  image: Parameters<typeof startDefined>[2],
  entryPoint: readonly string[],
): Container {
  const definition = {
    name: one.name,
    image: one.image,
    entryPoint: one.command ?? entryPoint,
    command: one.args ?? [],
    environment: one.env ?? [],
    readonlyRootFilesystem: one.securityContext?.readOnlyRootFilesystem ?? false,
    mountPoints: (one.volumeMounts ?? []).map(({ name, mountPath, readOnly = false }) => ({
      sourceVolume: name,
      containerPath: mountPath,
      readOnly,
    })),
  };
  return startDefined(task, definition, image);
}

const ended = (container: Container) =>
  within(container.ended, END_MS_MAX, `a container does not end\n${container.stderr}`);

test("the pod's volumes are there, and each is mounted", () => {
  const names = spec.volumes.map(({ name }) => name);
  const mounted = [...spec.initContainers, ...spec.containers].flatMap(({ volumeMounts = [] }) => volumeMounts);
  assert.equal([...new Set(mounted.map(({ name }) => name))].toSorted(), names.toSorted());
});

if (missing === null) {
  test.before(() => task.open());
  test.after(() => task.close());

  test("it runs: the agent is copied, the sidecar is up, the application is watched without SYS_PTRACE", async () => {
    const [copy, host] = spec.initContainers as [PodContainer, PodContainer];
    const image = { path: packaged(), mounts: [] };
    const copied = await ended(started(copy, image, []));
    assert.is(copied.status, 0, copied.stderr);
    assert.ok(readdirSync(task.volume).includes("vedette-capture"));
    assert.is(host.restartPolicy, "Always");
    const sidecar = started(host, image, [HOST_COMMAND]);
    await isListening(sidecar, END_MS_MAX);
    assert.is((await sidecar.exec(host.startupProbe!.exec.command)).status, 0, sidecar.stderr);

    const folder = join(task.folder, "orders");
    mkdirSync(folder);
    const workload = buildWorkload("distroless", join(task.folder, "workload"));
    const root = makeRootfs("distroless", folder, { "srv/workload": workload });
    const { status, stdout, stderr } = await ended(started(spec.containers[0]!, root, []));
    assert.is(status, 3, stderr);
    assert.match(stdout, /own argument\n/);
    const alerts = await until(
      () => alertsOf(sidecar).length > 0 && alertsOf(sidecar),
      "no alert came",
      () => sidecar.stderr,
      END_MS_MAX,
    );
    assert.equal(
      [alerts[0]!.rule, alerts[0]!.output_fields["container.name"]],
      ["Task credentials requested", "orders"],
    );
    sidecar.kill("TERM");
    assert.is((await ended(sidecar)).status, 0);
    assert.match(sidecar.stderr, /orders has left: \d+ events, 0 lost/);
  });
} else console.log(`skip: the pod of docs/eks: ${missing} is missing`);

test.run();
