// SPDX-License-Identifier: Apache-2.0
// Miners change their names more readily than the protocol's words, which they must be told.
import { AnyExec, Connect, Errno, param, Priority, ProgramSet, rule, StringSet } from "vedette";

const MINERS = new StringSet(param.strings("miners"));
const PORTS = ports(param.strings("ports"));
const ALLOWED = new ProgramSet(param.strings("allow"));

@rule({
  name: "Crypto miner started",
  desc: "A program was started that mines crypto-currency, by its name or its arguments",
  priority: Priority.Critical,
  tags: ["T1496", "TA0040"],
  output: "A crypto miner was started | process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function minerStarted(e: AnyExec): bool {
  if (e.failed) return false;
  return MINERS.has(e.proc.name) || MINERS.has(e.proc.exepath.basename) || hasMinersWords(e);
}

@rule({
  name: "Connection to a mining pool's port",
  desc: "A program connected to a port on which mining pools listen",
  priority: Priority.Notice,
  tags: ["T1496", "T1571", "TA0040"],
  output: "A connection goes to a port of mining pools | connection=%fd.name process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function poolConnected(e: Connect): bool {
  if (e.failed && !e.failedWith(Errno.EINPROGRESS)) return false;
  if (!e.addr.ip.exists || e.addr.ip.isLoopback || !PORTS.includes(e.addr.port)) return false;
  return !ALLOWED.has(e.proc);
}

function hasMinersWords(e: AnyExec): bool {
  const args = e.argv;
  return args.contains("stratum+tcp://") || args.contains("stratum+ssl://") || args.contains("stratum2+tcp://") ||
    args.contains("--donate-level") || args.contains("--randomx-");
}

function ports(texts: string[]): u64[] {
  const numbers = new Array<u64>();
  for (let i = 0; i < texts.length; i++) numbers.push(<u64>parseInt(texts[i]));
  return numbers;
}
