// SPDX-License-Identifier: Apache-2.0
// What is a condition and what is not: the corners of the grammar, where Falco's parser has no tokens and so
// takes some texts that look wrong and refuses some that look right.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseCondition } from "../../../host/falco/parse.js";
import { ConditionError } from "../../../host/falco/scan.js";

const lines = (text: string): string[] => text.trim().split("\n");

for (const condition of lines(
  String.raw`
   m
(m)and(n)or(o)
m and not(n)and(not not(o))
m and notes
nothing or android and oracle
proc.name existsor m
proc.name exists
proc.name = not
proc.name = and
proc.name=exists
evt.dir=> and fd.name=/var/*.log
evt.arg[flags] contains O_
evt.arg["a b"] = x
evt.arg["say \"hi\""] = x
proc.aname[0x1] = a
fd.name = /a\b;c!%^&*[]{}|~
fd.name = ''
fd.name = "it's (one, two) = three"
fd.name = 'it\'s'
fd.name = "back \ slash"
fd.name = "\x41\t\/"
proc.pid >= 0x1F or proc.pid < +3 or proc.pid > 1.5e+3
proc.name = 0x1F.5
proc.name in () or proc.name in(a,'b c',"d")
proc.name in val(proc.pname) or proc.pid > val(proc.ppid)
proc.name = b64 or(m)
b64( toupper(
 proc.name )) = x
len(proc.args) > 3 and join(", ", proc.args) = x
concat(proc.name, "-", basename(proc.exe)) = x
getopt(proc.args, "ab:")[b] exists
proc.name = oneof or proc.name = oneof (a) or proc.name!=allof(a)
`.replace("(\n ", "(\\n"),
)) {
  test(`a condition: ${condition}`, () => void parseCondition(condition.replace("\\n", "\n")));
}

for (const condition of lines(String.raw`
m andn
mor n
m and
or m
m n
m not n
m andnot n
(m)ornot(n)
m and or n
((m)
m)
; m
m = x
evt.arg[] = x
evt.arg[ a ] = x
evt.arg[a"] = x
evt.arg['''] = x
evt.arg [1] = x
proc.name Exists
proc.name exists x
proc.name === x
proc.name startswithx
proc.name like x
proc.name = x,
proc.name = x y
proc.name = x=y
proc.name = (x)
proc.name = 'x
proc.name = "x""
proc.name = "a \' b"
proc.name = 'a \" b'
proc.name = "\q"
proc.pid > x
proc.pid >= 1x
proc.pid < 0x1.5
proc.pid > (1)
proc.name in (a,)
proc.name in (,a)
proc.name in (a b)
proc.name in (a
proc.name in (toupper(proc.pname))
val(proc.name) = x
b64(val(proc.name)) = x
proc.name = val(b64(proc.pname))
proc.pid >= -0x1F
proc.name = val(proc.pname, proc.exe)
proc.name = (val(proc.pname))
b64 (proc.name) = x
b64(proc.name = x
b64(name) = x
rot13(proc.name) = x
proc.name = b64and(m)
proc.name oneof (a)
`)) {
  test(`no condition: ${condition}`, () => {
    try {
      parseCondition(condition);
    } catch (error) {
      assert.instance(error, ConditionError);
      return;
    }
    assert.unreachable("it was taken for one");
  });
}

test("an empty condition is none", () => assert.throws(() => parseCondition(""), "filter input string is empty"));

test("a place counts lines and columns from 1", () => {
  const found = parseCondition("m\n and (n\n  or proc.name=x)") as never as {
    children: { children: { at: object }[] }[];
  };
  assert.equal(found.children[1]!.children[1]!.at, { offset: 15, line: 3, column: 6 });
});

test.run();
