// SPDX-License-Identifier: Apache-2.0
//
// Tools: terminals, networks, load, debuggers, users and sandboxes.
import type { Program } from "./program.js";

const IN_TERMINAL = (command: string) => `script -qec '${command}' /dev/null < /dev/null`;

export const TOOLS: readonly Program[] = [
  {
    name: "parallel",
    needs: ["parallel"],
    script: `export HOME=$PWD; mkdir .parallel; touch .parallel/will-cite; seq 60 | parallel -j4 -k 'echo {} | tr 0-9 a-j'; parallel -j3 exit ::: 0 1 2; echo $?`,
    differs: /^\.parallel/,
  },
  {
    name: "xargs",
    needs: ["xargs"],
    inCi: true,
    script:
      "seq 200 | xargs -P4 -n5 sh -c 'cat /etc/hostname > /dev/null; echo $#' | sort | uniq -c | tr -s ' '; seq 3 | xargs -n1 sh -c 'exit 2'; echo $?",
  },
  {
    name: "screen",
    needs: ["screen"],
    inCi: true,
    script:
      "export SCREENDIR=$PWD/s TERM=xterm; mkdir -m 700 s; screen -c /dev/null -dmS v sh -c 'echo inside > out; sleep 30'; up grep -q inside out; screen -S v -X quit; cat out; for i in 1 2 3; do screen -c /dev/null -dmS w$i sh -c \"echo $i > w$i\"; up test -s w$i; cat w$i; done",
    differs: /^s(\/|$)/,
  },
  {
    name: "tmux",
    needs: ["tmux"],
    inCi: true,
    script: `export TERM=xterm; T="tmux -S sock -f /dev/null"; $T new-session -d -x 80 -y 24 'exec sh'; $T send-keys 'echo in''side > out' Enter; up grep -q inside out; $T split-window -h 'echo pane > out2; sleep 30'; up grep -q pane out2; $T list-panes | wc -l; $T kill-server; cat out out2`,
    differs: /^sock$/,
  },
  {
    name: "vim",
    needs: ["vim.tiny"],
    script: `seq 5 > f; ${IN_TERMINAL("TERM=xterm vim.tiny -u NONE -N -n f -c %s/3/three/ -c wq")} > screen; cat f`,
    differs: /^screen$/,
  },
  {
    name: "vim-in-tmux",
    needs: ["tmux", "vim.tiny"],
    script: `export TERM=xterm; T="tmux -S sock -f /dev/null"; $T new-session -d -x 80 -y 24 'vim.tiny -u NONE -n f; echo left > done; sleep 30'; sleep 1; $T send-keys 'ihello from vim' Escape ':wq' Enter; up grep -q left done; cat f; $T kill-server`,
    differs: /^sock$/,
  },
  {
    name: "emacs",
    needs: ["emacs"],
    script: `emacs --batch -Q --eval '(progn (find-file "f") (insert "emacs\\n") (save-buffer) (princ (shell-command-to-string "echo sub")) (kill-emacs 3))'; cat f; exit 3`,
    status: 3,
  },
  {
    name: "expect",
    needs: ["expect"],
    script: `expect -c 'log_user 0; spawn sh; send "echo mark-\\$((6*7))\\r"; expect "mark-42"; send "exit 5\\r"; expect eof; lassign [wait] p s o r; puts "status $r"'`,
  },
  {
    name: "lynx",
    needs: ["lynx", "w3m"],
    files: { "x.html": "<h1>Title</h1><p>text <a href=y>link</a>\n" },
    script: "lynx -dump -nolist x.html; w3m -dump x.html",
  },
  {
    name: "wget",
    needs: ["wget", "python3"],
    script: `mkdir w; for i in 1 2 3; do echo $i > w/f$i; done; (cd w; exec python3 -m http.server $PORT --bind 127.0.0.1 > /dev/null 2>&1) & up wget -qO up http://127.0.0.1:$PORT/f1; wget -q -r -np -nH -P got http://127.0.0.1:$PORT/; cat got/f1 got/f3; wget -q http://127.0.0.1:$PORT/none; echo $?; kill %1; wait`,
    differs: /^(up|got\/index\.html)$/,
  },
  {
    name: "aria2",
    needs: ["aria2c", "python3"],
    script: `mkdir w; seq 300000 > w/f; (cd w; exec python3 -m http.server $PORT --bind 127.0.0.1 > /dev/null 2>&1) & up curl -s -o up http://127.0.0.1:$PORT/; aria2c -q -x2 -s2 -k1M -d got http://127.0.0.1:$PORT/f; cmp w/f got/f && echo same; kill %1; wait`,
    differs: /^up$/,
  },
  {
    name: "socat",
    needs: ["socat"],
    script: `socat TCP-LISTEN:$PORT,bind=127.0.0.1,fork,reuseaddr EXEC:'tr a-z A-Z' 2> log & up eval 'echo x | socat - TCP:127.0.0.1:$PORT | grep -q X'; for i in 1 2 3; do echo word$i | socat - TCP:127.0.0.1:$PORT; done; kill %1; wait`,
    differs: /^log$/,
  },
  {
    name: "netcat",
    needs: ["nc"],
    script: `nc -l -N 127.0.0.1 $PORT > got & up eval 'echo through | nc -N 127.0.0.1 $PORT'; wait; cat got`,
  },
  {
    name: "process-tools",
    needs: ["ps", "top", "lsof", "lsns", "lslocks", "fuser", "pstree", "ss", "pgrep", "pidof", "w"],
    script:
      "sleep 30 & echo x > f; exec 5< f; ps -p $$ -o comm=; ps -ef | grep -c [s]shd-no; ps aux > log; ps axeww > log; top -bn1 > log; lsof -p $$ 2>/dev/null | grep -c '/f$'; lsof > log 2>&1; lsns > log; lslocks > log; fuser f 2>/dev/null | wc -w; pstree -p > log; ss -tunap > log; pgrep -P $$ sleep | wc -l; pidof bash > log; w > log; cat /proc/[0-9]*/stat > log 2>/dev/null; kill %1; echo $?",
    differs: /^log$/,
  },
  {
    name: "nmap",
    needs: ["nmap"],
    script: `python3 -m http.server $PORT --bind 127.0.0.1 > /dev/null 2>&1 & up curl -s -o up http://127.0.0.1:$PORT/; nmap -n -sT -p $PORT 127.0.0.1 | grep -c open; kill %1; wait`,
    differs: /^up$/,
  },
  {
    name: "stress-ng",
    needs: ["stress-ng"],
    script:
      "stress-ng --quiet --temp-path . --hdd 1 --hdd-ops 20 --hdd-bytes 1m --fork 1 --fork-ops 30 --pipe 1 --pipe-ops 500 --sock 1 --sock-ops 20 --timeout 40 > log 2>&1; echo $?",
    limitMs: 120_000,
    differs: /./,
  },
  {
    name: "sysbench",
    needs: ["sysbench"],
    script:
      "sysbench fileio --file-num=4 --file-total-size=4M --threads=3 --file-test-mode=rndrw --events=300 --time=0 prepare > log; sysbench fileio --file-num=4 --file-total-size=4M --threads=3 --file-test-mode=rndrw --events=300 --time=0 run | grep -c 'total number of events: *300'; sysbench threads --threads=8 --events=200 --time=0 run > log; echo $?",
    differs: /^(log|test_file)/,
  },
  {
    name: "sudo",
    needs: ["sudo", "su"],
    script:
      "sudo -n id -u; sudo -n -u nobody id -un; su nobody -s /bin/sh -c 'id -un'; setpriv --reuid nobody --regid nogroup --clear-groups id -un; runuser -u nobody -- id -un",
  },
  {
    name: "passwd",
    needs: ["passwd", "getent"],
    script: "passwd -S root | cut -d' ' -f1; getent passwd root | cut -d: -f1; chage -l root | wc -l",
  },
  {
    name: "fakeroot",
    needs: ["fakeroot"],
    script:
      'fakeroot sh -c \'touch f; chown 5:6 f; stat -c "%u %g" f; tar -cf a.tar f; tar -tvf a.tar | cut -d" " -f2\'',
    differs: /^a\.tar$/,
  },
  {
    name: "proot",
    needs: ["busybox"],
    script:
      "mkdir -p r/bin; cp /bin/busybox r/bin/; ln -s busybox r/bin/sh; chroot r /bin/sh -c 'echo jailed; cd /; echo *'; unshare --fork true; echo $?",
  },
  {
    name: "unshare",
    needs: ["unshare"],
    inCi: true,
    script:
      "unshare -Ur id -u; unshare -Urm sh -c 'mount -t tmpfs t /mnt && touch /mnt/x && ls /mnt'; unshare -Urpf --mount-proc sh -c 'echo $$'; unshare -Un sh -c 'cat /proc/net/dev | wc -l'; ls /mnt | wc -l",
  },
  {
    name: "bubblewrap",
    needs: ["bwrap"],
    inCi: true,
    script:
      "bwrap --ro-bind / / --dev /dev --proc /proc --tmpfs /tmp --unshare-all --die-with-parent sh -c 'echo boxed; touch /tmp/x; ls /tmp; touch /etc/x 2>/dev/null || echo read-only'; setpriv --reuid nobody --regid nogroup --clear-groups bwrap --ro-bind / / --unshare-user id -un",
  },
  {
    name: "sanitizers",
    needs: ["clang", "gcc"],
    files: {
      "leak.c": "#include <stdlib.h>\nint main(void) { void* volatile p = malloc(10); p = 0; return 0; }\n",
      "ok.c":
        '#include <pthread.h>\n#include <stdio.h>\nstatic void* f(void* x) { return x; }\nint main(void) { pthread_t t[4]; for (int i = 0; i < 4; i++) pthread_create(&t[i], 0, f, 0); for (int i = 0; i < 4; i++) pthread_join(t[i], 0); puts("ok"); return 0; }\n',
      "over.c": "#include <stdlib.h>\nint main(int c, char** v) { char* p = malloc(8); p[7 + c] = 1; return 0; }\n",
    },
    prepare:
      "for s in address undefined thread; do gcc -g -fsanitize=$s ok.c -o ok-$s -pthread; done; gcc -g -fsanitize=address over.c -o over; clang -fsanitize=address leak.c -o leak 2>/dev/null || gcc -fsanitize=address leak.c -o leak",
    script:
      "for s in address undefined thread; do ./ok-$s; echo $?; done; ./over 2>&1 | grep -o 'heap-buffer-overflow' | head -1; ./leak 2>&1 | grep -o 'LeakSanitizer: detected' | head -1; ./leak >/dev/null 2>&1; echo $?",
    limitMs: 120_000,
  },
  {
    name: "cron",
    needs: ["cron", "crontab"],
    script:
      "mkdir -p spool; printf '* * * * * true\\n' > tab; crontab -T tab 2>/dev/null; echo checked; run-parts --list /etc/cron.daily | wc -l > n; test -s n && echo parts",
    differs: /^n$/,
  },
  {
    name: "logrotate",
    needs: ["logrotate"],
    script:
      "chmod 755 .; seq 100 > l; printf '%s/l {\\n rotate 2\\n size 1\\n compress\\n create\\n postrotate\\n  echo rotated >> %s/done\\n endscript\\n}\\n' $PWD $PWD > conf; chmod 644 conf; logrotate -s state conf; cat done; zcat l.1.gz | tail -1; ls",
    differs: /^(state|l\.1\.gz|conf)$/,
  },
  {
    name: "ansible",
    needs: ["ansible-playbook"],
    files: {
      "p.yml":
        "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks:\n    - copy: {content: hi, dest: f}\n    - command: echo ran\n      register: r\n    - debug: {var: r.stdout}\n",
    },
    script:
      "export LC_ALL=C.UTF-8 ANSIBLE_HOME=$PWD/a HOME=$PWD ANSIBLE_NOCOLOR=1; ansible-playbook -i localhost, p.yml 2>/dev/null | grep -E 'r.stdout|localhost *:'; cat f",
    limitMs: 240_000,
    differs: /^(a|\.ansible)(\/|$)/,
  },
  {
    name: "ci-script",
    needs: ["git", "make", "gcc"],
    files: {
      "src/Makefile": "all: t\nt: t.o\n\tgcc -o $@ $^\ncheck: t\n\t./t | diff - want\n",
      "src/t.c": '#include <stdio.h>\nint main(void) { puts("built"); }\n',
      "src/want": "built\n",
    },
    script:
      "set -e; export HOME=$PWD; git config --global user.email t@t; git config --global user.name t; cd src; git init -q; git add .; git commit -qm x; git clone -q . ../co; cd ../co; make -s -j2 check; tar -czf ../out.tgz t; mkdir ../deploy; tar -xzf ../out.tgz -C ../deploy; ../deploy/t",
    differs: /(\.git\/|out\.tgz|t\.o$|\/t$)/,
  },
  {
    name: "chromium",
    needs: ["chromium", "setpriv"],
    files: {
      "x.html":
        "<title>page</title><body style='background:#fff'><h1>hello</h1><script>document.body.append('script ' + (6*7))</script>\n",
    },
    limitMs: 300_000,
    script: `chmod 777 .; mkdir -m 777 h; C="setpriv --reuid nobody --regid nogroup --clear-groups env HOME=$PWD/h XDG_RUNTIME_DIR=$PWD/h chromium --headless --disable-gpu --user-data-dir=$PWD/h/p --no-first-run --disable-dev-shm-usage"
      timeout 120 $C --dump-dom file://$PWD/x.html 2> log; echo $?; timeout 120 $C --window-size=200,200 --hide-scrollbars --screenshot=$PWD/h/s.png file://$PWD/x.html > log2 2>&1; echo $?; cksum < h/s.png`,
    differs: /^(h|log2?)(\/|$)/,
  },
  {
    name: "firefox",
    needs: ["firefox", "setpriv"],
    files: { "x.html": "<title>page</title><h1>hello</h1>\n" },
    limitMs: 300_000,
    script: `chmod 777 .; mkdir -m 777 h; timeout 150 setpriv --reuid nobody --regid nogroup --clear-groups env HOME=$PWD/h MOZ_HEADLESS=1 firefox --headless --window-size 200,200 --screenshot $PWD/h/s.png file://$PWD/x.html > log 2>&1; echo $?; test -s h/s.png && echo picture`,
    differs: /^(h|log)(\/|$)/,
  },
  {
    name: "ccache",
    needs: ["ccache", "gcc"],
    files: { "x.c": "int main(void) { return 6; }\n" },
    script: "export CCACHE_DIR=$PWD/c; for i in 1 2 3; do ccache gcc -c x.c -o x.o; done; gcc x.o -o x; ./x; echo $?",
    differs: /^(c|x)(\/|$)/,
  },
  {
    name: "pandoc",
    needs: ["pandoc"],
    script: "printf '# Title\n\nsome *text* [a](b)\n' | pandoc -f markdown -t html",
  },
  {
    name: "restic",
    needs: ["restic"],
    limitMs: 120_000,
    script:
      "export RESTIC_PASSWORD=x RESTIC_REPOSITORY=$PWD/r HOME=$PWD; mkdir t; for i in $(seq 20); do seq $i > t/$i; done; restic init -q; restic backup -q t; restic check -q > log 2>&1; echo $?; restic restore -q latest --target o > log; diff -r t o/t && echo same",
    differs: /^(r|log|\.cache|o)(\/|$)/,
  },
  {
    name: "borg",
    needs: ["borg"],
    limitMs: 120_000,
    script:
      "export BORG_BASE_DIR=$PWD/b BORG_REPO=$PWD/r; mkdir t; for i in $(seq 20); do seq $i > t/$i; done; borg init -e none; borg create ::a t; mkdir o; (cd o; borg extract ::a); diff -r t o/t && echo same; borg check; echo $?",
    differs: /^(r|b)(\/|$)/,
  },
  {
    name: "tcpdump",
    needs: ["tcpdump", "curl"],
    script: `tcpdump -i lo -n -w cap -U -c 3 port $PORT 2> log & up grep -q listening log; curl -s http://127.0.0.1:$PORT/; echo $?; curl -s http://127.0.0.1:$PORT/; curl -s http://127.0.0.1:$PORT/; wait %1; echo "ended $?"; tcpdump -n -r cap 2>/dev/null | wc -l`,
    differs: /^(cap|log)$/,
  },
  {
    name: "ping",
    needs: ["ping"],
    script: "ping -n -c 3 -i 0.2 127.0.0.1 | grep -o '3 packets transmitted, 3 received'",
  },
  {
    name: "xvfb",
    needs: ["xvfb-run", "xterm", "import"],
    limitMs: 120_000,
    script: `xvfb-run -a -n 97 -e log sh -c 'xterm -e "echo in a terminal > out; sleep 2" & sleep 1; import -window root shot.png; wait'; cat out; test -s shot.png && echo picture`,
    differs: /^(log|shot\.png)$/,
  },
  {
    name: "qemu-user",
    needs: ["qemu-x86_64"],
    script: "qemu-x86_64 /bin/busybox sh -c 'echo emulated; uname -s; exit 3'",
    status: 3,
  },
  { name: "man", needs: ["man"], script: "MANWIDTH=60 MANPAGER=cat man --help | head -2; file -b /bin/sh /etc/passwd" },
  {
    name: "fakechroot",
    needs: ["fakechroot", "busybox"],
    script:
      "mkdir -p r/bin; cp /bin/true r/bin/; fakechroot sh -c 'test -d /; echo inside; cat /etc/hostname > /dev/null'; echo $?",
    differs: /^r\//,
  },
  {
    name: "yara",
    needs: ["yara"],
    script: "printf 'rule x { strings: $a = \"needle\" condition: $a }\n' > x.yar; echo needle > f; yara x.yar f",
  },
  {
    name: "npm",
    needs: ["npm", "node"],
    // It installs, at run time.
    alerts: ["Package installed at run time"],
    limitMs: 180_000,
    files: {
      "dep/package.json": '{"name":"dep","version":"1.0.0","main":"i.js"}\n',
      "dep/i.js": "module.exports = 7;\n",
      "app/package.json":
        '{"name":"app","version":"1.0.0","dependencies":{"dep":"file:../dep"},"scripts":{"go":"node -e \\"console.log(require(\'dep\'))\\"","postinstall":"echo after > done"}}\n',
    },
    script:
      "export HOME=$PWD npm_config_cache=$PWD/c npm_config_update_notifier=false; cd app; npm install --offline --no-audit --no-fund --silent; npm run --silent go; cat done; ls node_modules",
    differs: /^(c|\.npm)(\/|$)/,
  },
];
