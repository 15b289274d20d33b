// SPDX-License-Identifier: Apache-2.0
//
// Honest programs for the witness: two hundred command lines that move bytes in as many ways as everyday
// programs do. Each runs in a folder of its own that holds `text` (20,000 lines), `bytes` (256 KiB), `more/`
// with small files, and ends with 0.
export interface Program {
  name: string;
  needs: string;
  line: string;
}

/** What is put into each folder. */
export const FILES = `
  seq 1 20000 | sed 's/$/ the quick brown fox/' > text; head -c 262144 /dev/zero | tr '\\0' 'x' > bytes; mkdir more
  for i in 1 2 3 4 5 6 7 8; do seq 1 $((i * 40)) > more/f$i; done`;

// COMMAND THAT MUST BE INSTALLED: its lines.
const LINES: Record<string, string> = {
  cat: `
    cat text > copy && cmp text copy
    cat text more/* - < bytes | wc -c
    cat -A more/f1 | tail -1
    tac text > back; tac back | cmp - text
    head -c 1000 text; head -n 5 text
    head -c -100 bytes | wc -c
    tail -n 3 text
    tail -c 1000 bytes | wc -c
    tail -n +19990 text
    cp text copy; cp -a more mirror; cp --sparse=always bytes holes
    cp --reflink=auto bytes clone
    cp --reflink=never bytes a
    cp -l bytes b; cp -s text c; cmp b bytes
    mv text moved; mv more elsewhere; mv moved elsewhere/
    dd if=bytes of=out bs=1 count=3000 status=none
    dd if=bytes of=out bs=1M status=none; dd if=bytes of=out bs=7 count=999 skip=3 seek=5 conv=notrunc status=none
    dd if=/dev/zero of=/dev/null bs=64k count=2000 status=none
    dd if=bytes of=out ibs=100 obs=4096 conv=sync,fsync status=none
    dd if=bytes of=out bs=4096 oflag=direct status=none || dd if=bytes of=out status=none
    dd if=bytes bs=1000 iflag=fullblock status=none | dd of=out bs=333 status=none
    dd if=text of=out conv=ucase,swab status=none; dd if=/dev/zero of=holes bs=1 count=0 seek=10M status=none
    seq 1 30000 | tee a b c | wc -l; cmp a b
    sort text > sorted; sort -R text | sort -n | cmp - text; sort -u -k3 text
    sort --buffer-size=64k --parallel=2 text text text | tail -1
    uniq -c more/f8 | tail -1; comm -12 more/f1 more/f2; join more/f1 more/f2
    cut -d' ' -f2 text | uniq -c
    paste more/f1 more/f2 | tail -1
    fold -w 7 text | tail -2
    tr a-z A-Z < text | md5sum; expand text | unexpand -a | wc -c
    split -l 1000 text part.; cat part.* | cmp - text
    split -n 5 bytes part.
    split -b 10k --filter='cat > $FILE.out' bytes
    csplit -s text 100 200
    wc -lwc text bytes more/*
    nl text | tail -1
    pr text | tail -1; fmt text | tail -1
    md5sum text bytes > sums; md5sum -c sums
    sha1sum text
    sha256sum text
    sha512sum text; b2sum text
    cksum text; sum text
    base64 bytes | base64 -d | cmp - bytes
    base32 text | base32 -d | cmp - text
    od -A x -t x1z bytes | tail -1
    od -c text | tail -1
    shuf -n 10 text > /dev/null
    shuf -i 1-100 | sort -n | tail -1
    truncate -s 1M text; truncate -s 10 bytes
    fallocate -l 64k space; shred -n 1 -u bytes
    ls -laR . | wc -l
    ls --color=always -i more
    stat text bytes more
    du -a . | tail -1; df . | wc -l
    touch new; chmod 640 new; chown 0:0 new; ln new hard; ln -s new soft
    ln -s text soft; readlink -f soft; rm -rf soft more
    mkdir -p a/b/c/d; rmdir -p a/b/c/d
    mktemp -p . ; mkfifo pipe; mknod node p
    install -D text deep/down/text
    mkfifo pipe; cat text > pipe & cat pipe | wc -c; wait
    timeout 1 yes > many; true; head -c 100000 many | wc -l
    yes | head -n 100000 | tail -1; yes abc | head -c 65537 | wc -c
    tsort < /dev/null
    factor 1 2 3 4 999999937; seq 1000 | numfmt --to=iec; expr 1 + 2
    env -i PATH=/bin sh -c env
    printenv PATH; id; whoami; uname -a; date; hostname; nproc; tty || true
    nohup sh -c 'echo out; echo err >&2'; nice -n 1 cat text > /dev/null; stdbuf -o0 cat text > /dev/null
    timeout 5 sleep 0.05; timeout -s KILL 0.1 sleep 9; test $? = 137
    sync text; echo > /dev/null; printf '%s\\n' a b c; cat /proc/self/maps /proc/self/status /proc/cpuinfo /proc/meminfo > all
    cat /proc/self/io /proc/self/stat /proc/net/dev /proc/mounts; cat /sys/kernel/mm/transparent_hugepage/* || true
    head -c 100000 /dev/urandom | wc -c; head -c 10 /dev/random | wc -c; cat /dev/null; echo x > /dev/full || true`,
  find: `
    find . -type f -exec wc -c {} +
    find . -name 'f*' -exec cat {} \\; > /dev/null
    find / -xdev -maxdepth 2 2> /dev/null | wc -l
    find more -type f -print0 | xargs -0 -n 1 cat | wc -l
    seq 60 | xargs -P 4 -n 1 sh -c 'cat more/f1 > /dev/null; echo $0' | sort -n | tail -1
    seq 200 | xargs -n 7 echo | wc -l; find . -newer text -delete; xargs -a more/f1 echo | wc -w
    find /usr/bin -type f | head -100 | xargs -r head -q -c 100 | wc -c`,
  grep: `
    grep -c fox text; grep -v fox text || true; grep -n 1999 text | tail -1
    grep -r 39 more | wc -l; grep -rlE '^(10|20)$' . | sort
    grep -q fox text bytes; grep -F -w -o quick text | wc -l; grep -m 3 brown text
    grep -P '\\d+9 the' text | wc -l || true; grep -z x bytes | wc -c; zgrep fox text | wc -l`,
  sed: `
    sed 's/quick/slow/g; 1~3d' text | wc -l
    sed -i.old 's/fox/dog/' text more/*; diff text text.old | wc -l
    sed -n '100,200p;200q' text; sed -e 'w out' -e '10q' text; sed '$!N;$!D' text`,
  awk: `
    awk '{ n += $1 } END { print n }' text; awk -F' ' '{ print $2 > "out" }' text
    awk 'BEGIN { while (("cat text" | getline line) > 0) n++; print n; system("wc -l < text"); print "x" | "cat" }'
    awk '{ print length }' bytes; awk 'NR % 100 == 0 { print | "sort -r" }' text | head -2`,
  diff: `
    sed s/fox/cat/ text > other; diff text other > patch; patch -s -o new text patch; cmp new other
    diff -r more more; diff -u text bytes | wc -l; cmp text text; cmp text bytes || true; diff3 text text text; sdiff text text | wc -l`,
  tar: `
    tar cf all.tar text bytes more; tar tf all.tar; mkdir x; tar xf all.tar -C x; cmp x/text text
    tar czf all.tgz more text; tar tzf all.tgz | wc -l; tar xzf all.tgz -O text | cmp - text
    tar cf - . --exclude=all.tar | tar xf - -C "$(mktemp -d -p ..)"
    tar cSf holes.tar bytes; tar rf holes.tar text; tar --delete -f holes.tar text; tar df holes.tar`,
  gzip: `
    gzip -k text; gzip -d < text.gz | cmp - text; gzip -l text.gz; zcat text.gz | wc -l
    gzip -1 bytes; gunzip bytes.gz; gzip -c text bytes | gzip -t; gzexe /bin/nothing || true`,
  bzip2: `
    bzip2 -k text; bzip2 -dc text.bz2 | cmp - text; bzip2 -t text.bz2; tar cjf all.tbz more; tar xjf all.tbz`,
  xz: `
    xz -k -0 text; xz -dc text.xz | cmp - text; xz -l text.xz; tar cJf all.txz more; tar xJf all.txz
    xz -T 2 -0 --block-size=65536 -k bytes; xz -t bytes.xz; xzcat bytes.xz | cmp - bytes`,
  zstd: `
    zstd -q text; zstd -q -d -c text.zst | cmp - text; zstd -q -T2 -19 bytes; zstd -t -q bytes.zst`,
  zip: `
    zip -q -r all.zip text more; zip -T -q all.zip; unzip -q -o all.zip -d out; cmp out/text text`,
  cpio: `
    find more | cpio -o --quiet > all.cpio; cpio -t --quiet < all.cpio | wc -l; mkdir x; cd x; cpio -id --quiet < ../all.cpio
    find text more | cpio -p -d --quiet out; cmp out/text text`,
  rsync: `
    rsync -a more/ mirror/; rsync -a --checksum --delete more/ mirror/; diff -r more mirror
    rsync -a --inplace text bytes out/; truncate -s 1000 out/text; rsync -a --no-whole-file -I text out/; cmp text out/text`,
  bash: `
    bash -c 'while read -r a b; do n=$((n + a)); done < text; echo $n'
    bash -c 'exec 3<> text; read -r line <&3; echo "$line" >&3; exec 3>&-'
    bash -c 'cat <(cat text) <(cat bytes) | wc -c; diff <(sort text) <(sort -r text) | wc -l'
    bash -c 'cat <<< here; cat <<< "$(cat text)" | tr a-z A-Z | wc -c'
    bash -c 'mapfile -t lines < text; printf "%s\\n" "\${lines[@]}" | cmp - text'
    bash -c 'coproc cat; echo a >&"\${COPROC[1]}"; read -r b <&"\${COPROC[0]}"; test "$b" = a'
    bash -c 'for i in {1..60}; do (echo $i); done | sort -n | tail -1; for i in {1..40}; do /bin/true; done'
    bash -c 'trap "echo usr1" USR1; for i in {1..20}; do kill -USR1 $$; done; sleep 0.01 & wait'
    bash -c 'for i in {1..30}; do cat more/f8 > /dev/null & done; wait'
    bash -c 'x=$(cat text); echo "\${#x}"; y=$(seq 5000); printf %s "$y" | wc -l'
    bash -c 'exec cat text' | wc -l; bash -c 'exec -a other sh -c "exec wc -l text"'; bash -c 'true | false | true'
    bash -c 'for i in {1..20}; do cat /dev/zero > /dev/null & kill -9 $!; done; wait'
    bash -c 'for i in {1..20}; do (sleep 0.001; cat /dev/zero) | head -c 100000 | wc -c; done'
    bash -c 'set -m; sleep 1 & kill -STOP %1; kill -CONT %1; kill %1; wait; true'
    bash -c 'ulimit -n 20; exec 4< text 5< bytes; cat <&4 >&2; cat <&5 | wc -c'`,
  dash: `
    dash -c 'while read -r a b; do :; done < more/f8; echo "$a"'; dash -c 'cat text | (cat; cat bytes) | wc -c'
    sh -c 'i=0; while [ $i -lt 100 ]; do echo $i; i=$((i + 1)); done' | sh -c 'while read -r x; do echo "got $x"; done' | tail -1
    sh -c '(echo a; exec echo b) | cat; { echo c; echo d; } > out; . ./out; true' || true
    sh -c 'echo "exit 3" > script; sh script; test $? = 3; echo text > script; chmod +x script; ./script || true'`,
  busybox: `
    busybox sh -c 'cat text | md5sum; seq 100 | while read -r x; do echo $x; done | tail -1; sort -r text | head -1'
    busybox tar cf all.tar text more; busybox tar tf all.tar; busybox gzip -k text; busybox zcat text.gz | busybox cmp - text
    busybox dd if=bytes of=out bs=512 count=100 2> /dev/null; busybox cp -r more x; busybox grep -r 39 more; busybox find . | wc -l
    busybox wc text; busybox sed s/a/b/ text | busybox awk '{ n++ } END { print n }'; busybox xxd text | tail -1; busybox vi --help || true`,
  git: `
    git init -q .; git config user.email a@b; git config user.name n; git add -A; git commit -q -m one; git gc -q; git fsck --no-progress
    git init -q r; cd r; git config user.email a@b; git config user.name n; for i in 1 2 3; do seq $i > f; git add f; git commit -qm $i; done; git log -p | wc -l; git diff HEAD~2; git blame f
    git init -q r; cd r; git config user.email a@b; git config user.name n; cp ../text .; git add .; git commit -qm x; cd ..; git clone -q r s; git clone -q --bare r t; cd s; git archive HEAD | tar t; git grep -c fox
    git init -q r; cd r; git config user.email a@b; git config user.name n; cp ../text .; git add .; git commit -qm x; git stash -q || true; git checkout -q -b b; git repack -adq; git bundle create -q ../b HEAD; git hash-object text`,
  python3: `
    python3 -c 'open("out", "w").write(open("text").read()); import shutil; shutil.copyfile("text", "c"); shutil.copytree("more", "m")'
    python3 -c 'import mmap; f = open("bytes", "r+b"); m = mmap.mmap(f.fileno(), 0); m[5:8] = b"abc"; m.flush(); print(m[:10])'
    python3 -c 'import subprocess; [subprocess.run(["cat", "more/f1"], capture_output=True, check=True) for _ in range(20)]'
    python3 -c 'import threading; ts = [threading.Thread(target=lambda: [open("text").read() for _ in range(10)]) for _ in range(8)]; [t.start() for t in ts]; [t.join() for t in ts]'
    python3 -c 'import multiprocessing as m; print(sum(m.get_context("fork").Pool(3).map(len, ["x" * n for n in range(500)])))'
    python3 -c 'import os; r, w = os.pipe(); os.fork() or (os.write(w, b"x" * 5000), os._exit(0)); os.close(w); print(len(os.fdopen(r, "rb").read())); os.wait()'
    python3 -c 'import os; f = os.open("text", os.O_RDWR); print([len(os.pread(f, n, n)) for n in range(200)][-1], os.pwrite(f, b"abc", 7), os.preadv(f, [bytearray(10), bytearray(3)], 5), os.pwritev(f, [b"a", b"bc"], 2))'
    python3 -c 'import os; a = os.open("bytes", 0); b = os.open("o", 66); print(os.sendfile(b, a, 0, 9999), os.copy_file_range(a, b, 777), os.splice(os.pipe()[0], b, 0) if 0 else 1)'
    python3 -c 'import socket; a, b = socket.socketpair(); a.sendall(b"x" * 50000); print(len(b.recv(99999))); a.sendmsg([b"ab", b"c"]); print(b.recvmsg(10)); socket.send_fds(a, [b"f"], [0]); print(socket.recv_fds(b, 10, 2)[0])'
    python3 -c 'import asyncio; asyncio.run(asyncio.wait_for(asyncio.create_subprocess_exec("cat", "text", stdout=asyncio.subprocess.DEVNULL), 9))'
    python3 -c 'import asyncio; exec("async def e(r, w):\\n w.write(await r.read(100)); await w.drain(); w.close()\\nasync def m():\\n s = await asyncio.start_server(e, \\"127.0.0.1\\", 0)\\n for i in range(30):\\n  r, w = await asyncio.open_connection(*s.sockets[0].getsockname()); w.write(b\\"abc\\"); print(await r.read()); w.close()\\nasyncio.run(m())")'
    python3 -c 'import signal, os, time; signal.signal(signal.SIGALRM, lambda *a: None); signal.setitimer(signal.ITIMER_REAL, .001, .001); r, w = os.pipe(); [os.write(w, b"a") + len(os.read(r, 9)) for _ in range(3000)]; time.sleep(.05); signal.setitimer(signal.ITIMER_REAL, 0)'
    python3 -c 'import tempfile, gzip, zipfile, tarfile, sqlite3, csv, json; f = tempfile.TemporaryFile(); f.write(gzip.compress(open("text", "rb").read())); json.dump(list(range(999)), open("j", "w")); tarfile.open("t", "w").add("more"); c = sqlite3.connect("d"); c.execute("create table t(a)"); c.executemany("insert into t values(?)", [(i,) for i in range(999)]); c.commit()'
    python3 -c 'import fcntl, os, select; f = open("text"); fcntl.flock(f, 2); [fcntl.fcntl(f, 10, 0) for _ in range(20)]; r, w = os.pipe(); os.set_blocking(r, False); os.write(w, b"x"); print(select.select([r], [], [], 1)[0], os.read(r, 5)); exec("try: os.read(r, 5)\\nexcept BlockingIOError: print(1)")'
    python3 -m compileall -q /usr/lib/python3/dist-packages/nothing || true; python3 -m zipfile -c z text; python3 -m json.tool <<< '[1]'; python3 -m tarfile -c t more
    python3 -c 'import os, ctypes; [os.posix_spawn("/bin/true", ["true"], {}) for _ in range(30)]; [os.wait() for _ in range(30)]; os.execv("/bin/cat", ["cat", "more/f1"])'`,
  perl: `
    perl -ne '$n += $1 if /^(\\d+)/; END { print "$n\\n" }' text; perl -pi -e 's/fox/hen/' text
    perl -e 'open F, "text"; sysread F, $b, 777 while $i++ < 100; sysseek F, 5, 0; syswrite STDOUT, $b; print \`cat more/f1\`'
    perl -e 'for (1..30) { if (!fork) { open F, ">f$_"; print F "x" x 1000; exit } } 1 while wait > 0'
    perl -e 'pipe R, W; if (!fork) { close R; print W "line $_\\n" for 1..5000; exit } close W; $n += length while <R>; print $n; wait'
    perl -MSocket -e 'socketpair A, B, AF_UNIX, SOCK_STREAM, 0; send A, "x" x 500, 0; recv B, $b, 100, 0; sysread B, $c, 1000; print length $c'
    perl -e '$SIG{ALRM} = sub { die "out\\n" }; pipe R, W; eval { alarm 1; sysread R, $b, 1; }; print $@; @l = sort { $b <=> $a } map { rand } 1..9999'`,
  node: `
    node -e 'const fs = require("fs"); fs.writeFileSync("o", fs.readFileSync("text")); fs.copyFileSync("bytes", "c"); fs.cpSync("more", "m", { recursive: true })'
    node -e 'const fs = require("fs"); fs.createReadStream("text").pipe(require("zlib").createGzip()).pipe(fs.createWriteStream("z"))'
    node -e 'Promise.all(Array.from({ length: 50 }, (_, n) => require("fs/promises").writeFile("n" + n, "x".repeat(n * 99)).then(() => require("fs/promises").readFile("n" + n))))'
    node -e 'const { execFileSync } = require("child_process"); for (let i = 0; i < 10; i++) execFileSync("cat", ["text"]); require("child_process").spawn("cat", ["text"], { stdio: "inherit" })'
    node -e 'const s = require("net").createServer((c) => c.pipe(c)).listen(0, "127.0.0.1", () => { const c = require("net").connect(s.address().port, "127.0.0.1"); let n = 0; c.on("data", (d) => { if ((n += d.length) === 500000) { c.end(); s.close(); } }); c.write(Buffer.alloc(500000)); })'
    node -e 'const { Worker } = require("worker_threads"); for (let i = 0; i < 3; i++) new Worker("require(\\"fs\\").readFileSync(\\"text\\")", { eval: true })'`,
  gcc: `
    echo 'int main(void) { return 0; }' > a.c; gcc -O2 -o a a.c && ./a; gcc -c a.c; ar rcs liba.a a.o; nm a.o; strip a; objdump -d a.o | wc -l; size a
    printf 'all: x y\\nx y:\\n\\techo $@ > $@\\n' > Makefile; make -s -j2; make -s; cat x y
    echo '#include <iostream>\nint main() { std::cout << 1 << std::endl; std::string s; while (std::cin >> s) std::cout << s; }' > b.cc; g++ -o b b.cc 2> /dev/null && ./b < more/f1 || true
    echo 'int puts(const char*); int main(void) { return puts("hello") < 0; }' > s.c; gcc -static -o s s.c && ./s; gcc -pipe -E s.c; as --version; ld --version`,
  "musl-gcc": `
    printf '#include <stdio.h>\\nint main(void) { int c; while ((c = getchar()) != EOF) putchar(c); return 0; }' > m.c; musl-gcc -static -O1 -o m m.c && ./m < text | cmp - text`,
  go: `
    printf 'package main\\nimport ("io"; "os")\\nfunc main() { f, _ := os.Open("text"); defer f.Close(); g, _ := os.Create("o"); io.Copy(g, f); b, _ := os.ReadFile("bytes"); os.Stdout.Write(b[:99]) }' > m.go; CGO_ENABLED=0 go build -o m m.go && ./m > /dev/null; cmp o text`,
  sqlite3: `
    sqlite3 d 'create table t(a, b); insert into t values (1, 2), (3, 4); select sum(a) from t; vacuum; pragma integrity_check;'
    sqlite3 d 'pragma journal_mode = wal; create table t(a); with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000) insert into t select i from n; select count(*) from t; .dump' | wc -l
    sqlite3 d 'pragma mmap_size = 1000000; create table t(a); begin; insert into t values (1); rollback; select * from t;'; sqlite3 d .schema; sqlite3 d '.backup e'; cmp d e || true
    sqlite3 d 'create table t(a)'; for i in 1 2 3 4; do sqlite3 -cmd '.timeout 5000' d "insert into t values ($i)" & done; wait; sqlite3 d 'select count(*) from t'`,
  curl: `
    curl -s file://$PWD/text | cmp - text; curl -s --fail http://127.0.0.1:9/ || true
    python3 -u -m http.server -b 127.0.0.1 0 > log 2>&1 & s=$!; until grep -q port log; do kill -0 $s || exit 1; sleep 0.05; done; p=$(sed 's/.*port \\([0-9]*\\).*/\\1/' log | head -1); curl -s http://127.0.0.1:$p/text | cmp - text; curl -s "http://127.0.0.1:$p/more/f[1-8]" | wc -c; kill $s`,
  socat: `
    socat -u OPEN:text OPEN:out,creat,trunc; cmp text out; echo hello | socat - EXEC:cat; echo hello | socat - SYSTEM:'cat | tr a-z A-Z'
    socat -u UNIX-LISTEN:s OPEN:out,creat & until test -S s; do sleep 0.02; done; socat -u OPEN:text UNIX-CONNECT:s; wait; cmp text out`,
  fio: `
    fio --name=a --size=256k --rw=randrw --ioengine=psync --output=out; fio --name=b --size=256k --rw=write --ioengine=sync --output=out
    fio --name=a --size=256k --rw=randread --ioengine=pvsync2 --numjobs=2 --thread --output=out; fio --name=b --size=256k --rw=read --ioengine=vsync --output=out
    fio --name=a --size=256k --rw=randrw --ioengine=mmap --output=out; fio --name=b --size=128k --rw=write --ioengine=libaio --iodepth=8 --output=out
    fio --name=a --size=256k --rw=write --ioengine=splice --output=out || true; fio --name=b --size=128k --rw=read --direct=1 --ioengine=psync --output=out || true`,
  "lua5.4": `
    lua5.4 -e 'for l in io.lines("text") do n = (n or 0) + #l end print(n) local p = io.popen("cat more/f1") print(#p:read("a")) p:close() os.execute("exit 0")'`,
  jq: `
    jq -n '[range(9999)]' > j; jq add j; jq -c '.[]' j | wc -l; jq -s length more/f1`,
  bc: `
    echo '2 ^ 2000' | bc | wc -c; echo 'scale = 200; 4 * a(1)' | bc -l | wc -c; seq 100 | paste -sd+ | bc`,
  openssl: `
    openssl dgst -sha256 text; openssl enc -aes-128-cbc -pbkdf2 -pass pass:x -in text -out e; openssl enc -d -aes-128-cbc -pbkdf2 -pass pass:x -in e | cmp - text
    openssl rand 1000 | wc -c; openssl req -x509 -newkey rsa:1024 -nodes -keyout k -out c -subj /CN=x -days 1 2> /dev/null; openssl x509 -in c -noout -subject`,
  "redis-server": `
    redis-server --port 0 --unixsocket r.sock --save '' --appendonly yes > log & s=$!; until redis-cli -s r.sock ping > pong 2>&1 && grep -q PONG pong; do kill -0 $s || exit 1; sleep 0.05; done; redis-benchmark -s r.sock -q -n 2000 -t set,get,lpush > b; redis-cli -s r.sock bgsave; redis-cli -s r.sock bgrewriteaof; redis-cli -s r.sock shutdown nosave; wait $s`,
  javac: `
    echo 'public class M { public static void main(String[] a) throws Exception { var p = java.nio.file.Path.of("text"); System.out.println(java.nio.file.Files.readAllLines(p).size()); java.nio.file.Files.copy(p, java.nio.file.Path.of("c")); try (var c = java.nio.channels.FileChannel.open(p)) { c.transferTo(0, 9999, java.nio.channels.Channels.newChannel(System.out)); } } }' > M.java; javac M.java && java -Xmx64m M | wc -c`,
  strace: `
    strace -f -o log sh -c 'cat text | wc -l'; grep -c read log; strace -c -o log cat text > /dev/null`,
  gdb: `
    gdb -batch -ex 'break write' -ex run -ex bt -ex kill --args cat text > /dev/null 2>&1`,
  ip: `
    ip addr | wc -l; ip route; ip -s link`,
  ps: `
    ps aux | wc -l; ps -ef --forest | wc -l; free; uptime; vmstat 1 1; pgrep -c sh || true; pidof sh || true; w | wc -l`,
};

export const PROGRAMS: Program[] = Object.entries(LINES).flatMap(([needs, text]) =>
  text
    .split(/\n {4}(?! )/)
    .filter((line) => line.trim() !== "")
    .map((line, index) => ({ name: `${needs}-${index}`, needs, line })),
);
