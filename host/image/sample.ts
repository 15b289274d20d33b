// SPDX-License-Identifier: Apache-2.0
// What code-cache.ts lets a host compile and judge, so that V8 has compiled what it needs for that: rules
// that ask in most of the ways that Falco's own do, and a capture without events.

/** A file of rules. */
export const SAMPLE_RULES = `
- required_engine_version: 0.57.0
- required_plugin_versions:
    - name: container
      version: 0.4.0
- list: shells
  items: [bash, sh, "a b"]
- list: more
  items: [shells, zsh]
- macro: opened
  condition: (evt.type in (open, openat, openat2) and evt.is_open_write=true and fd.typechar='f' and fd.num>=0)
- macro: inside
  condition: (container.id != host)
- macro: spawned
  condition: (evt.type in (execve, execveat) and evt.res=0)
- macro: outward
  condition: (((evt.type = connect and evt.dir=<) or (evt.type in (sendto, sendmsg) and fd.name_changed=true)) and
    (fd.typechar = 4 or fd.typechar = 6) and (fd.ip != "0.0.0.0" and fd.net != "127.0.0.0/8"
    and not fd.snet in ("10.0.0.0/8", "172.16.0.0/12", "2001:db8::/32")) and (evt.rawres >= 0 or evt.res = EINPROGRESS))
- rule: written
  desc: d
  condition: opened and inside and (fd.name startswith /etc or fd.directory in (/bin, /usr/bin) or fd.name pmatch (/root/.ssh, /data))
    and not proc.name in (more) and not (proc.pname exists and proc.aname[2] = "x y") and not fd.name glob "/etc/*.d/*"
  output: Written by %user.name (%proc.cmdline parent=%proc.pname file=%fd.name) %evt.args
  priority: WARNING
  tags: [host, container, T1003]
  exceptions:
    - name: known
      fields: [proc.name, fd.name]
      comps: [in, pmatch]
      values: [[[a, b], [/tmp, /var]]]
- rule: started
  desc: d
  condition: spawned and proc.aname in (shells) and (proc.cmdline contains " -c " or proc.args icontains PASS or proc.exe endswith /x
    or proc.cmdline regex "(a|b)+c*") and proc.tty != 0 and proc.duration < 1000000 and not user.loginuid in (-1, 0)
  output: Started %proc.name by %proc.aname[2] (%evt.type %container.id %proc.tty)
  priority: NOTICE
  tags: [process]
- rule: connected
  desc: d
  condition: outward and not (fd.sport in (80, 443) or fd.sip in ("1.2.3.4", "5.6.7.8")) and tolower(proc.name) != curl
  output: Connected %fd.name %fd.l4proto
  priority: critical
- rule: changed
  desc: d
  condition: evt.type in (chmod, rename, unlink, setuid, ptrace, dup, setns) and (evt.arg.mode contains "S_ISUID"
    or evt.arg.path startswith /x or evt.arg.uid=root or evt.arg.request in (PTRACE_ATTACH) or fd.num in (0, 1))
  output: Changed %evt.arg.path
  priority: INFO
  enabled: false
- rule: changed
  enabled: true
- rule: connected
  condition: and not proc.name in (shells)
  override:
    condition: append
`;

const [SECTION_HEADER, MAGIC, SIZE] = [0x0a0d0d0a, 0x1a2b3c4d, 28];

/** As a file. Its length is not known: 64 bits of ones. */
export const EMPTY_CAPTURE: Uint8Array = new Uint8Array(
  Uint32Array.of(SECTION_HEADER, SIZE, MAGIC, 1 | (2 << 16), 0xffffffff, 0xffffffff, SIZE).buffer,
);
