// SPDX-License-Identifier: Apache-2.0
//
// What this process has run on processors, all threads together: unlike time that passes, it says nearly the
// same when others work on the machine.
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
