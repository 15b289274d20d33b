// SPDX-License-Identifier: Apache-2.0
//
// Interpreters, compilers and shells, each with children, threads and files where it has them.
import type { Program } from "./program.js";

export const LANGUAGES: readonly Program[] = [
  {
    name: "perl",
    needs: ["perl"],
    inCi: true,
    files: {
      "x.pl": `use strict; use IO::Socket::INET; $| = 1;
my $s = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1") or die; my $p = $s->sockport;
if (!fork) { my $c = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$p"); print $c "hi\\n"; print scalar <$c>; exit 3 }
my $c = $s->accept; my $l = <$c>; print $c "got $l"; close $c; wait; print "child ", $? >> 8, "\\n";
print \`echo back | tr a-z A-Z\`; system("uname -s"); open(my $o, "|-", "sort -r") or die; print $o "a\\nb\\n"; close $o;
open(my $f, ">", "f") or die; print $f "x" x 1000; close $f; print -s "f", "\\n"; $0 = "worker"; open(my $n, "<", "/proc/self/comm"); print <$n>; exit 4;
`,
    },
    script: "perl x.pl",
    status: 4,
  },
  {
    name: "ruby",
    needs: ["ruby"],
    inCi: true,
    files: {
      "x.rb": `require "socket"; require "open3"; $stdout.sync = true
s = TCPServer.new("127.0.0.1", 0); t = Thread.new { c = s.accept; c.puts c.gets.upcase; c.close }
c = TCPSocket.new("127.0.0.1", s.addr[1]); c.puts "ruby"; puts c.gets; t.join
puts \`echo sub; exit 3\`, $?.exitstatus; puts 8.times.map { |n| Thread.new { n * n } }.sum(&:value); pid = fork { exit! 5 }; Process.wait pid; puts $?.exitstatus
o, st = Open3.capture2("tr a-z A-Z", stdin_data: "x"); puts o, st.success?; File.write("f", "y" * 5000); puts File.size("f"); Process.setproctitle("ruby worker"); exit 6
`,
    },
    script: "ruby x.rb",
    status: 6,
  },
  {
    name: "lua",
    needs: ["lua5.4"],
    inCi: true,
    files: {
      "x.lua":
        'print(os.execute("exit 5")); local p = io.popen("echo popen; exit 2"); print(p:read("a"), p:close()); local f = io.open("f", "w"); f:write(("z"):rep(1000)); f:close(); print(#io.open("f"):read("a")); print(os.rename("f", "g"), os.remove("g"), os.remove("g")); os.exit(7)\n',
    },
    script: "lua5.4 x.lua",
    status: 7,
  },
  {
    name: "php",
    needs: ["php"],
    files: {
      "x.php":
        '<?php echo shell_exec("echo shell"), json_encode(["a" => 1]), "\\n"; $p = proc_open("cat", [["pipe", "r"], ["pipe", "w"]], $io); fwrite($io[0], "through"); fclose($io[0]); echo stream_get_contents($io[1]), "\\n", proc_close($p), "\\n"; $s = stream_socket_server("tcp://127.0.0.1:0"); $c = stream_socket_client("tcp://" . stream_socket_get_name($s, false)); $d = stream_socket_accept($s); fwrite($c, "x\\n"); echo fgets($d); exec("exit 9", $o, $r); exit($r);\n',
    },
    script: "php x.php",
    status: 9,
  },
  {
    name: "erlang",
    needs: ["erl", "escript"],
    files: {
      "x.escript":
        '#!/usr/bin/env escript\nmain(_) -> Self = self(), [spawn(fun() -> Self ! N * N end) || N <- lists:seq(1, 500)], io:format("~p~n", [lists:sum([receive X -> X end || _ <- lists:seq(1, 500)])]), {ok, L} = gen_tcp:listen(0, [binary, {active, false}]), {ok, P} = inet:port(L), spawn(fun() -> {ok, C} = gen_tcp:connect("127.0.0.1", P, [binary]), gen_tcp:send(C, <<"hi">>), timer:sleep(200) end), {ok, S} = gen_tcp:accept(L), {ok, D} = gen_tcp:recv(S, 2), io:format("~p~n~s", [D, os:cmd("echo cmd; uname -s")]), ok = file:write_file("f", <<"abc">>), halt(3).\n',
    },
    script: "escript x.escript",
    status: 3,
  },
  {
    name: "elixir",
    needs: ["elixir"],
    script: `elixir -e 'IO.inspect(1..200 |> Task.async_stream(&(&1 * 2)) |> Enum.reduce(0, fn {:ok, v}, a -> a + v end)); {o, s} = System.cmd("sh", ["-c", "echo out; exit 4"]); IO.write(o); IO.inspect(s); File.write!("f", "x"); System.halt(2)'`,
    status: 2,
    limitMs: 120_000,
  },
  {
    name: "tcl",
    needs: ["tclsh"],
    files: {
      "x.tcl":
        'puts [exec sh -c "echo exec"]; set s [socket -server {apply {{c a p} {puts $c "hello"; close $c}}} -myaddr 127.0.0.1 0]; set p [lindex [fconfigure $s -sockname] 2]; set c [socket 127.0.0.1 $p]; fileevent $c readable {puts [gets $c]; set done 1}; vwait done; set f [open f w]; puts $f x; close $f; puts [file size f]; exit 3\n',
    },
    script: "tclsh x.tcl",
    status: 3,
  },
  {
    name: "guile",
    needs: ["guile"],
    files: {
      "x.scm":
        '(use-modules (ice-9 threads) (ice-9 popen) (ice-9 rdelim)) (display (apply + (par-map (lambda (x) (* x x)) (iota 100)))) (newline) (let ((p (open-input-pipe "echo pipe"))) (display (read-line p)) (close-pipe p)) (newline) (display (status:exit-val (system "exit 3"))) (newline) (exit 4)\n',
    },
    script: "guile --no-auto-compile x.scm",
    status: 4,
  },
  {
    name: "ocaml",
    needs: ["ocaml"],
    files: {
      "x.ml":
        'let () = print_endline "ocaml"; let r = Sys.command "exit 6" in Printf.printf "%d\\n" r; let o = open_out "f" in output_string o (String.make 3000 \'x\'); close_out o; let i = open_in "f" in Printf.printf "%d\\n" (in_channel_length i); exit 2\n',
    },
    script: "ocaml x.ml",
    status: 2,
  },
  {
    name: "sbcl",
    needs: ["sbcl"],
    files: {
      "x.lisp":
        '(let ((l (loop for n below 8 collect (let ((n n)) (sb-thread:make-thread (lambda () (* n n))))))) (print (reduce (function +) (mapcar (function sb-thread:join-thread) l)))) (sb-ext:run-program "/bin/sh" (list "-c" "echo run") :output *standard-output*) (with-open-file (o "f" :direction :output) (write-string "x" o)) (dotimes (i 20) (make-array 1000000)) (sb-ext:gc :full t) (terpri) (sb-ext:exit :code 5)\n',
    },
    script: "sbcl --script x.lisp",
    status: 5,
  },
  {
    name: "clisp",
    needs: ["clisp"],
    files: {
      "x.lisp":
        '(princ (loop for i below 100000 sum i)) (terpri) (with-open-file (o "f" :direction :output) (write-string "x" o)) (ext:run-shell-command "echo shell") (ext:exit 3)\n',
    },
    script: "clisp -q -q x.lisp",
    status: 3,
  },
  {
    name: "gawk",
    needs: ["gawk"],
    inCi: true,
    script: `seq 500 | gawk '{s += $1; print $1 % 7 > ("m" ($1 % 3))} END {print s; "echo cmd" | getline x; print x; print "b\\na" | "sort"; close("sort"); system("exit 3"); c = "/inet/tcp/0/127.0.0.1/1"; print (c |& getline) ; exit 4}' 2>/dev/null; echo $?; wc -l m0 m1 m2`,
  },
  {
    name: "mawk",
    needs: ["mawk"],
    script: `seq 2000 | mawk '{a[$1 % 10] += $1} END {for (i = 0; i < 10; i++) print i, a[i]}'`,
  },
  {
    name: "jq",
    needs: ["jq"],
    inCi: true,
    script: `seq 300 | jq -s 'map({n: ., s: (. * .)}) | group_by(.n % 3) | map(map(.s) | add)'; echo '{' | jq . 2>&1; echo $?`,
  },
  { name: "bc", needs: ["bc"], script: `echo 'scale=80; 4*a(1); 2^200' | bc -l` },
  {
    name: "zsh",
    needs: ["zsh"],
    script: `zsh -fc 'setopt extendedglob; for i in {1..5}; do print $i & done | sort; wait; print -l **/x(N); a=(b c d); print $a[2] \${(U)a[1]}; { exit 3 } always { print always }'; echo $?`,
  },
  {
    name: "fish",
    needs: ["fish"],
    script: `HOME=$PWD fish -N -c 'for i in (seq 5); echo $i | tr 1-5 a-e; end; set x (echo sub); echo $x; false; or echo or; exit 3'; echo $?`,
    differs: /^\.(config|local|cache)(\/|$)/,
  },
  {
    name: "ksh",
    needs: ["ksh"],
    script: `ksh -c 'typeset -i n=0; while (( n < 5 )); do print $n; (( n++ )); done | cat; print "\${.sh.version%%/*}" >/dev/null; coproc=1; x=$(print sub); print $x; (exit 3); print $?'`,
  },
  {
    name: "mksh",
    needs: ["mksh"],
    script: `mksh -c 'for i in 1 2 3; do print $i; done | sort -r; (sleep 0.1; exit 4) & wait $!; print $?; cat |& print -p co; exec 3<&p; exec 4>&p; exec 4>&-; read -u3 x; print $x'`,
  },
  {
    name: "dash",
    needs: ["dash"],
    inCi: true,
    script: `dash -c 'trap "echo term" TERM; kill -TERM $$; for i in 1 2 3; do echo $i; done | while read x; do echo "r$x"; done; echo a >f; cat <f; exec 5<f; read y <&5; echo $y; (ulimit -n 64; echo limited); exit 9'`,
    status: 9,
  },
  {
    name: "gfortran",
    needs: ["gfortran"],
    files: {
      "x.f90":
        "program x\n  integer :: i\n  real(8) :: s = 0\n  do i = 1, 1000000\n    s = s + 1d0 / i\n  end do\n  print '(F12.6)', s\n  open(10, file='f')\n  write(10, *) s\n  close(10)\nend program\n",
    },
    script: "gfortran -O1 x.f90 -o x && ./x; ls",
    differs: /^x$/,
  },
  {
    name: "nasm",
    needs: ["nasm", "ld"],
    files: {
      "x.s":
        "global _start\nsection .text\n_start: mov eax, 1\n mov edi, 1\n mov rsi, m\n mov edx, 6\n syscall\n mov eax, 60\n mov edi, 3\n syscall\nsection .data\nm: db 'hello', 10\n",
    },
    script: "nasm -f elf64 x.s && ld x.o -o x && ./x",
    status: 3,
  },
  {
    name: "free-pascal",
    needs: ["fpc"],
    files: {
      "x.pas":
        "program x; var i: longint; s: int64 = 0; begin for i := 1 to 100000 do s := s + i; writeln(s); halt(3) end.\n",
    },
    script: "fpc -v0 x.pas > log 2>&1; ./x",
    status: 3,
    differs: /^(log|x|x\.o)$/,
  },
  {
    name: "prolog",
    needs: ["swipl"],
    script: `swipl -q -g "numlist(1,1000,L),sum_list(L,S),print(S),nl,concurrent_maplist([X,Y]>>(Y is X*X),L,M),last(M,Z),print(Z),nl,shell('exit 3',R),print(R),nl,halt(2)"`,
    status: 2,
  },
  {
    name: "ant",
    needs: ["ant", "javac"],
    files: {
      "build.xml":
        '<project default="r"><target name="c"><mkdir dir="o"/><javac srcdir="s" destdir="o" includeantruntime="false"/></target><target name="r" depends="c"><java classname="X" classpath="o" fork="true"/></target></project>\n',
      "s/X.java":
        'class X { public static void main(String[] a) throws Exception { var t = new Thread[20]; for (int i = 0; i < 20; i++) { t[i] = new Thread(() -> {}); t[i].start(); } for (var x : t) x.join(); System.out.println("ran"); } }\n',
    },
    script: "ant -q | grep -v '^Total time'",
    limitMs: 180_000,
    differs: /^o\//,
  },
  {
    name: "clang",
    needs: ["clang"],
    files: { "x.c": '#include <stdio.h>\nint main(void) { puts("clang"); return 4; }\n' },
    script:
      "clang -O2 -c x.c && clang x.o -o x && ./x; echo $?; clang -fsyntax-only -xc - <<< 'int main( {' 2>&1 | tail -1",
  },
  {
    name: "cmake-ninja",
    needs: ["cmake", "ninja", "gcc"],
    files: {
      "CMakeLists.txt":
        "cmake_minimum_required(VERSION 3.10)\nproject(x C)\nenable_testing()\nadd_library(a a.c)\nadd_executable(x x.c)\ntarget_link_libraries(x a)\nadd_test(NAME t COMMAND x)\n",
      "a.c": "int a(void) { return 0; }\n",
      "x.c": "int a(void); int main(void) { return a(); }\n",
    },
    script:
      "cmake -G Ninja -B b . > log && ninja -C b -j2 > log2 && b/x; echo $?; ctest --test-dir b 2>&1 | grep 'tests passed'",
    limitMs: 180_000,
    differs: /^(b|log2?)(\/|$)/,
  },
  {
    name: "meson",
    needs: ["meson", "ninja"],
    files: { "meson.build": "project('x', 'c')\nexecutable('x', 'x.c')\n", "x.c": "int main(void) { return 0; }\n" },
    script: "meson setup b > log && meson compile -C b > log2 && b/x; echo $?",
    limitMs: 180_000,
    differs: /^(b|log2?)(\/|$)/,
  },
  {
    name: "pip-venv",
    needs: ["python3"],
    files: { "p/setup.py": "from setuptools import setup\nsetup(name='x', version='1', py_modules=['x'])\n" },
    script:
      "/usr/bin/python3 -m venv --without-pip v && v/bin/python -c 'import sys; print(sys.prefix != sys.base_prefix)'; ls v",
    differs: /^v\//,
  },
  {
    name: "luajit",
    needs: ["luajit"],
    files: {
      "x.lua":
        'local t = {} for i = 1, 2000000 do t[i % 100] = (t[i % 100] or 0) + i end print(t[7]); local f = io.popen("echo sub") print(f:read("*l")) f:close() print(os.execute("exit 3")) os.exit(4)\n',
    },
    script: "luajit x.lua",
    status: 4,
  },
  {
    name: "pypy",
    needs: ["pypy3"],
    files: {
      "x.py":
        "import os, subprocess, threading\nprint(sum(range(10 ** 7)))\nts = [threading.Thread(target=os.stat, args=('/',)) for _ in range(8)]\n[t.start() for t in ts]\n[t.join() for t in ts]\nprint(subprocess.run(['sh', '-c', 'echo sub; exit 3'], stdout=-1))\nos._exit(5)\n",
    },
    script: "pypy3 -u x.py",
    status: 5,
    differs: /__pycache__/,
  },
  {
    name: "racket",
    needs: ["racket"],
    script: `HOME=$PWD racket -e '(displayln (for/sum ([i 100000]) i)) (thread-wait (thread (lambda () (displayln "thread")))) (displayln (with-output-to-string (lambda () (system "echo sub")))) (exit 3)'`,
    status: 3,
    differs: /^\.(local|config|cache)(\/|$)/,
  },
  {
    name: "octave",
    needs: ["octave"],
    limitMs: 120_000,
    script: `HOME=$PWD octave-cli --norc --eval 'A = magic(200); printf("%d\\n", rank(A)); [s, o] = system("echo sub; exit 3"); printf("%d %s", s, o); x = fft(1:1024); printf("%.3f\\n", abs(x(2))); exit(4)'`,
    status: 4,
    differs: /^\.(local|config|cache|octave_hist)(\/|$)/,
  },
  {
    name: "r-statistics",
    needs: ["R"],
    limitMs: 120_000,
    script: `R --vanilla -s -e 'set.seed(1); m <- matrix(runif(10000), 100); cat(dim(solve(m)), "\n"); print(unlist(parallel::mclapply(1:8, function(x) x^2, mc.cores = 2))); cat(system("echo sub", intern = TRUE), "\n"); quit(status = 3)'`,
    status: 3,
  },
  {
    name: "haskell",
    needs: ["ghc"],
    limitMs: 240_000,
    files: {
      "x.hs":
        'import Control.Concurrent\nimport Control.Monad\nimport System.Exit\nmain :: IO ()\nmain = do\n  v <- newEmptyMVar\n  forM_ [1 .. 200 :: Int] (\\n -> forkIO (putMVar v (n * n)))\n  ns <- replicateM 200 (takeMVar v)\n  print (sum ns)\n  writeFile "f" (show ns)\n  exitWith (ExitFailure 3)\n',
    },
    script: "ghc -v0 -threaded x.hs -o x && ./x +RTS -N2; echo $?",
    differs: /^(x|x\.(o|hi)|f)$/,
  },
  {
    name: "go-build",
    needs: ["go"],
    limitMs: 240_000,
    files: {
      "go.mod": "module x\n\ngo 1.19\n",
      "x.go": 'package main\n\nimport (\n\t"fmt"\n\t"os"\n)\n\nfunc main() { fmt.Println("go"); os.Exit(3) }\n',
      "x_test.go": 'package main\n\nimport "testing"\n\nfunc TestX(t *testing.T) {}\n',
    },
    script:
      "export GOFLAGS=-mod=mod GOTOOLCHAIN=local CGO_ENABLED=0 HOME=$PWD; go build -o x . && ./x; echo $?; go vet ./... && go test ./... | cut -f1,2",
    differs: /^(x$|go\/|\.cache|\.config)/,
  },
  {
    name: "cargo",
    needs: ["cargo"],
    limitMs: 240_000,
    files: {
      "Cargo.toml": '[package]\nname = "x"\nversion = "0.1.0"\nedition = "2021"\n',
      "src/main.rs":
        'fn main() { let h: Vec<_> = (0..8u32).map(|n| std::thread::spawn(move || n * n)).collect(); println!("{}", h.into_iter().map(|t| t.join().unwrap()).sum::<u32>()); std::process::exit(3) }\n',
    },
    script: "cargo build -q --offline && target/debug/x; echo $?",
    differs: /^(target|Cargo\.lock)(\/|$)/,
  },
];
