// SPDX-License-Identifier: Apache-2.0
// Fields that Falco has and our events cannot answer: null in every event, so that an output written for
// Falco can be filled in. Two are known elsewhere: evt.hostname where an alert is written, evt.around where a
// condition is bound. docs/falco.md says of each kind why. `[` after a name: it takes an argument.
import type { FieldRow, FieldRows } from "./row.js";

const NAMES = `
evt.reltime evt.reltime.s evt.reltime.ns evt.deltatime evt.deltatime.s evt.deltatime.ns evt.latency.quantized evt.cpu
evt.wait_latency evt.around[ evt.asynctype evt.pluginname evt.plugininfo evt.hostname evt.infra.docker.name
evt.infra.docker.container.id evt.infra.docker.container.name evt.infra.docker.container.image

proc.fdopencount proc.fdusage proc.vmsize proc.vmrss proc.vmswap proc.cpu proc.is_container_healthcheck
proc.is_container_liveness_probe proc.is_container_readiness_probe thread.cgroup[ thread.exectime thread.totexectime thread.pfmajor
thread.pfminor thread.cpu thread.cpu.user thread.cpu.system thread.vmsize thread.vmsize.b thread.vmrss thread.vmrss.b

fd.cip.name fd.sip.name fd.lip.name fd.rip.name fd.is_upper_layer fd.is_lower_layer fd.types[
fdlist.nums fdlist.names fdlist.cips fdlist.sips fdlist.cports fdlist.sports util.cnt

container.mounts container.mount[ container.mount.source[ container.mount.dest[ container.mount.mode[ container.mount.rdwr[
container.mount.propagation[ container.healthcheck container.liveness_probe container.readiness_probe container.cni.json
container.host_pid container.host_network container.host_ipc container.user

k8s.ns.name k8s.pod.name k8s.pod.id k8s.pod.uid k8s.pod.sandbox_id k8s.pod.full_sandbox_id k8s.pod.label[ k8s.pod.labels
k8s.pod.ip k8s.pod.cni.json k8s.rc.name k8s.rc.id k8s.rc.label[ k8s.rc.labels k8s.svc.name k8s.svc.id k8s.svc.label[ k8s.svc.labels k8s.ns.id k8s.ns.label[ k8s.ns.labels
k8s.rs.name k8s.rs.id k8s.rs.label[ k8s.rs.labels k8s.deployment.name k8s.deployment.id k8s.deployment.label[ k8s.deployment.labels
`;

const never = (): null => null;
const plain: FieldRow = { get: never };
const withArgument: FieldRow = { get: never, with: () => never };

/** Rows that give null for every event, whatever their argument is. */
export const UNANSWERED_FIELDS: FieldRows = Object.fromEntries(
  NAMES.split(/\s+/)
    .filter((name) => name !== "")
    .map((name) => (name.endsWith("[") ? [name.slice(0, -1), withArgument] : [name, plain])),
);
