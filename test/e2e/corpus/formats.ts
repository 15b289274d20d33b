// SPDX-License-Identifier: Apache-2.0
//
// Programs that make files of a format: archives, version control, keys, pictures, sound, documents.
import type { Program } from "./program.js";

export const FORMATS: readonly Program[] = [
  {
    name: "tar",
    needs: ["tar", "gzip"],
    inCi: true,
    script:
      "for i in $(seq 300); do mkdir -p t/d$((i % 9)); seq $i > t/d$((i % 9))/f$i; done; ln -s f1 t/d1/l; ln t/d1/f1 t/d2/h; tar --sort=name -czf a.tgz t; mkdir o; tar -xzf a.tgz -C o; diff -r t o/t && echo same; tar -tf a.tgz | wc -l",
    differs: /^a\.tgz$/,
  },
  {
    name: "zip",
    needs: ["zip", "unzip"],
    script:
      "mkdir t; for i in $(seq 50); do seq $i > t/$i; done; zip -qr a.zip t; unzip -q a.zip -d o; diff -r t o/t && echo same; unzip -l a.zip | tail -1 | tr -s ' '",
    differs: /^a\.zip$/,
  },
  {
    name: "7z",
    needs: ["7z"],
    script: "seq 20000 > f; 7z a -bso0 -bsp0 a.7z f; 7z x -so a.7z | cmp - f && echo same",
    differs: /^a\.7z$/,
  },
  {
    name: "compressors",
    needs: ["zstd", "lz4", "xz", "bzip2", "pigz", "gzip"],
    inCi: true,
    script:
      "seq 50000 > f; for c in 'zstd -T2' lz4 'xz -T2' bzip2 'pigz -p2' gzip; do $c -c < f > f.c 2>/dev/null; $(echo $c | grep -o ^[a-z0-9]*) -dc < f.c | cmp - f && echo \"$c same\"; done; rm f.c",
  },
  {
    name: "cpio",
    needs: ["cpio"],
    script:
      "mkdir t; seq 9 > t/a; seq 99 > t/b; (cd t; ls | sort | cpio -o --quiet > ../a.cpio); mkdir o; (cd o; cpio -i --quiet < ../a.cpio; wc -l a b)",
    differs: /^a\.cpio$/,
  },
  {
    name: "squashfs",
    needs: ["mksquashfs", "unsquashfs"],
    script:
      "mkdir t; for i in $(seq 40); do seq $i > t/$i; done; mksquashfs t a.sq -quiet -no-progress -processors 2 > log; unsquashfs -q -n -d o a.sq > log2; diff -r t o && echo same",
    differs: /^(a\.sq|log2?)$/,
  },
  {
    name: "svn",
    needs: ["svn", "svnadmin"],
    script:
      "svnadmin create r; svn -q co file://$PWD/r w; cd w; echo a > f; svn -q add f; svn -q ci -m one; echo b >> f; svn diff | tail -2; svn -q ci -m two; svn log -q -r 2 | grep -c '^r2'; svn cat -r 1 f",
    differs: /^(r|w\/\.svn)(\/|$)/,
  },
  {
    name: "mercurial",
    needs: ["hg"],
    script:
      "export HGUSER=u; hg init r; cd r; echo a > f; hg add f; hg ci -m one -d '0 0'; echo b >> f; hg diff | tail -1; hg ci -m two -d '0 0'; hg log -T '{rev} {desc}\\n'; hg clone -q . ../c; cat ../c/f",
    differs: /\.hg\//,
  },
  {
    name: "gnupg",
    needs: ["gpg"],
    script:
      "mkdir -m 700 g; export GNUPGHOME=$PWD/g; gpg --batch --quiet --passphrase '' --quick-gen-key t@t.test ed25519 default never 2>/dev/null; echo secret | gpg --batch --quiet --clearsign > s 2>/dev/null; gpg --batch --verify s 2>/dev/null; echo $?; echo hidden | gpg --batch --quiet --passphrase x --pinentry-mode loopback -c -o c; gpg --batch --quiet --passphrase x --pinentry-mode loopback -d c 2>/dev/null; gpgconf --kill all",
    differs: /^(g|s|c)(\/|$)/,
  },
  {
    name: "openssl",
    needs: ["openssl"],
    inCi: true,
    script:
      "seq 1000 > f; openssl dgst -sha256 f; openssl enc -aes-256-cbc -pbkdf2 -k x -in f | openssl enc -d -aes-256-cbc -pbkdf2 -k x | cmp - f && echo same; openssl req -x509 -newkey rsa:2048 -nodes -keyout k -out c -days 2 -subj /CN=t 2>/dev/null; openssl verify -CAfile c c; openssl s_server -accept 127.0.0.1:$PORT -key k -cert c -www -quiet 2>/dev/null & up eval 'openssl s_client -connect 127.0.0.1:$PORT -brief < /dev/null 2>&1 | grep -q established'; kill %1; wait %1; echo $?",
    differs: /^(k|c)$/,
  },
  {
    name: "ffmpeg",
    needs: ["ffmpeg"],
    script:
      "ffmpeg -v error -f lavfi -i testsrc=d=1:s=160x120 -f lavfi -i sine=d=1 -threads 2 -bitexact -c:v mpeg4 -c:a aac -y v.mp4; ffprobe -v error -show_entries stream=codec_name,width -of csv v.mp4; ffmpeg -v error -i v.mp4 -vf scale=80:60 -frames:v 3 -y o%d.png; ls",
    limitMs: 120_000,
    differs: /^v\.mp4$/,
  },
  {
    name: "imagemagick",
    needs: ["magick"],
    script:
      "magick -size 200x100 gradient:red-blue a.png; magick a.png -resize 50% -blur 0x2 b.jpg; magick identify -format '%w %h %m\\n' a.png b.jpg; magick a.png b.jpg -append c.gif; magick compare -metric AE a.png a.png null: 2>&1",
    differs: /\.(png|gif|jpg)$/,
  },
  {
    name: "ghostscript",
    needs: ["gs", "pdftotext"],
    files: { "x.ps": "%!PS\n/Helvetica findfont 20 scalefont setfont 50 50 moveto (page one) show showpage\n" },
    script:
      "gs -q -dBATCH -dNOPAUSE -sDEVICE=pdfwrite -sOutputFile=x.pdf x.ps; pdftotext x.pdf - | head -1; pdfinfo x.pdf | grep Pages; gs -q -dBATCH -dNOPAUSE -sDEVICE=png16m -r20 -sOutputFile=x.png x.pdf; test -s x.png && echo png",
    differs: /^x\.pdf$/,
  },
  {
    name: "qpdf",
    needs: ["qpdf", "gs"],
    files: { "x.ps": "%!PS\n1 1 moveto 9 9 lineto stroke showpage showpage\n" },
    script:
      "gs -q -dBATCH -dNOPAUSE -sDEVICE=pdfwrite -sOutputFile=x.pdf x.ps; qpdf --pages x.pdf 2 -- --empty y.pdf; qpdf --show-npages x.pdf; qpdf --show-npages y.pdf; qpdf --check y.pdf | tail -1",
    differs: /\.pdf$/,
  },
  {
    name: "graphviz",
    needs: ["dot"],
    script: "echo 'digraph { a -> b; b -> c; a -> c }' | dot -Tsvg > g.svg; grep -c '<g id=' g.svg",
  },
  { name: "gnuplot", needs: ["gnuplot"], script: `gnuplot -e 'set term dumb 40 10; plot sin(x)' > p; wc -l < p` },
  {
    name: "sox",
    needs: ["sox"],
    script: "sox -D -n -r 8000 -b 16 a.wav synth 1 sine 440; sox -D a.wav b.wav speed 2; soxi -s a.wav b.wav",
  },
  {
    name: "povray",
    needs: ["povray"],
    files: {
      "x.pov":
        "camera { location <0,0,-3> look_at 0 } light_source { <5,5,-5> rgb 1 } sphere { 0, 1 pigment { rgb <1,0,0> } }\n",
    },
    script: "povray -D +W60 +H40 +WT2 +Ix.pov +Ox.png > log 2>&1; echo $?; test -s x.png && echo image",
    differs: /^(log|x\.png|x\.pov-state)$/,
  },
  {
    name: "tesseract",
    needs: ["tesseract", "magick"],
    script:
      "tesseract --version 2>&1 | head -1 | cut -c1-11; magick -size 100x40 xc:white a.png; OMP_THREAD_LIMIT=2 tesseract a.png - 2>/dev/null | tr -d '\\f\\n '; echo done",
    differs: /\.png$/,
  },
  {
    name: "hugo",
    needs: ["hugo"],
    script: `mkdir -p s/content s/layouts/_default; echo 'title = "t"' > s/hugo.toml; for i in $(seq 30); do printf -- '---\\ntitle: p%s\\n---\\nbody %s\\n' $i $i > s/content/p$i.md; done; echo '{{ .Title }} {{ .Content }}' | tee s/layouts/_default/single.html > s/layouts/_default/list.html; cd s; hugo --quiet --cacheDir $PWD/cache; ls public | wc -l; cat public/p7/index.html`,
    differs: /^s\/(public|resources|cache|\.hugo)/,
  },
  {
    name: "git",
    needs: ["git"],
    inCi: true,
    script: `export GIT_AUTHOR_DATE='1 +0000' GIT_COMMITTER_DATE='1 +0000' HOME=$PWD; git config --global user.email t@t; git config --global user.name t; git init -q -b m r; cd r; for i in 1 2 3; do echo $i > f$i; git add .; git commit -qm c$i; done; git checkout -qb x HEAD~1; echo y > y; git add y; git commit -qm y; git merge -q m -m merge; git log --oneline --graph; git gc -q; git fsck 2>&1; git stash list; git clone -q --bare . ../b.git; git grep -c 1`,
    differs: /\.git\//,
  },
];
