// SPDX-License-Identifier: Apache-2.0
//
// Servers, each with a client that makes it work, and its end by the signal that its service manager would
// send.
import type { Program } from "./program.js";

const GET = "curl -s --max-time 20";

export const SERVERS: readonly Program[] = [
  {
    name: "lighttpd",
    needs: ["lighttpd", "curl"],
    inCi: true,
    files: {
      "www/index.html": "hello from a file\n",
      "www/sh.cgi":
        '#!/bin/sh\necho "Content-Type: text/plain"; echo; echo "sh $QUERY_STRING"; uname -s; id -u; x=$(echo sub | tr a-z A-Z); echo "$x"\n',
      "www/pl.cgi":
        '#!/usr/bin/perl\nprint "Content-Type: text/plain\\n\\nperl $ENV{QUERY_STRING}\\n"; open(my $f, "<", "/etc/hostname"); print "read\\n" if <$f>;\n',
      "www/other.sh": 'echo "Content-Type: text/plain"; echo; echo other\n',
    },
    prepare: "chmod +x www/*.cgi",
    script: `
      cat > conf <<C
server.document-root = "$PWD/www"
server.port = $PORT
server.bind = "127.0.0.1"
server.modules = ("mod_cgi")
cgi.assign = (".cgi" => "", ".sh" => "/bin/sh")
index-file.names = ("index.html")
C
      lighttpd -D -f conf 2> log & up ${GET} -o up 127.0.0.1:$PORT/; rm -f up
      for i in 1 2 3 4 5; do ${GET} 127.0.0.1:$PORT/; ${GET} "127.0.0.1:$PORT/sh.cgi?q=$i"; ${GET} "127.0.0.1:$PORT/pl.cgi?$i"; ${GET} 127.0.0.1:$PORT/other.sh; done
      ${GET} -o gone -w '%{http_code}\\n' 127.0.0.1:$PORT/missing; kill -INT %1; wait %1; echo "ended $?"`,
    differs: /^(log|conf|up)$/,
  },
  {
    name: "haproxy",
    needs: ["haproxy", "python3", "curl"],
    inCi: true,
    script: `
      mkdir www; echo behind > www/f; (cd www; exec python3 -m http.server $PORT2 --bind 127.0.0.1 >/dev/null 2>&1) & up ${GET} -o up 127.0.0.1:$PORT2/f
      printf '%s\\n' global '  maxconn 64' defaults '  mode http' '  timeout connect 5s' '  timeout client 5s' '  timeout server 5s' 'frontend f' "  bind 127.0.0.1:$PORT" '  default_backend b' 'backend b' "  server s 127.0.0.1:$PORT2 check" > conf
      haproxy -W -q -f conf > log 2>&1 & up ${GET} -f -o up 127.0.0.1:$PORT/f
      for i in $(seq 20); do ${GET} -o got 127.0.0.1:$PORT/f; cat got; done | sort | uniq -c | tr -s ' '
      kill -USR1 %2; wait %2; echo "ended $?"; kill %1; wait`,
    differs: /^(log|conf|up|got)$/,
  },
  {
    name: "php-fpm",
    needs: ["php-fpm8.4", "lighttpd", "curl"],
    inCi: true,
    files: {
      "www/x.php":
        '<?php echo "php ", $_GET["n"] * 2, " ", strlen(file_get_contents(__FILE__)) > 10 ? "read" : "", "\\n"; file_put_contents(sys_get_temp_dir()."/v-".getmypid(), "x"); unlink(sys_get_temp_dir()."/v-".getmypid());',
    },
    script: `
      printf '%s\\n' '[global]' "error_log=$PWD/log" daemonize=no '[w]' user=nobody group=nogroup "listen=$PWD/sock" listen.mode=0666 pm=static pm.max_children=3 > fpm
      php-fpm8.4 -R -y fpm 2>/dev/null & up test -S sock
      cat > conf <<C
server.document-root = "$PWD/www"
server.port = $PORT
server.bind = "127.0.0.1"
server.modules = ("mod_fastcgi")
fastcgi.server = (".php" => (("socket" => "$PWD/sock")))
C
      chmod 755 . www; lighttpd -D -f conf 2> log2 & up ${GET} -f -o up "127.0.0.1:$PORT/x.php?n=0"
      for n in $(seq 12); do ${GET} -o got "127.0.0.1:$PORT/x.php?n=$n"; cat got; done; kill %2; wait %2; kill -QUIT %1; wait %1; echo "ended $?"`,
    differs: /^(log2?|conf|up|got|fpm|sock)$/,
  },
  {
    name: "apache2",
    needs: ["apache2", "curl"],
    files: {
      "www/i.html": "apache\n",
      "www/x.cgi":
        '#!/bin/sh\necho "Content-Type: text/plain"; echo; echo cgi $QUERY_STRING; hostname >/dev/null; id -un\n',
    },
    prepare: "chmod +x www/x.cgi; chmod 755 . www",
    script: `
      M=/usr/lib/apache2/modules; cat > conf <<C
ServerRoot $PWD
PidFile $PWD/pid
Listen 127.0.0.1:$PORT
ServerName localhost
ErrorLog $PWD/log
LoadModule mpm_prefork_module $M/mod_mpm_prefork.so
LoadModule authz_core_module $M/mod_authz_core.so
LoadModule mime_module $M/mod_mime.so
LoadModule cgi_module $M/mod_cgi.so
TypesConfig /etc/mime.types
User www-data
Group www-data
DocumentRoot $PWD/www
<Directory $PWD/www>
Options +ExecCGI
AddHandler cgi-script .cgi
Require all granted
</Directory>
C
      apache2 -X -f $PWD/conf & up ${GET} -f -o up 127.0.0.1:$PORT/i.html; for i in 1 2 3; do ${GET} 127.0.0.1:$PORT/i.html; ${GET} "127.0.0.1:$PORT/x.cgi?$i"; done; kill %1; wait %1; echo "ended $?"`,
    differs: /^(log|conf|up|pid)$/,
  },
  {
    name: "memcached",
    needs: ["memcached", "python3"],
    inCi: true,
    files: {
      "c.py": `
import socket, sys, threading
def work(n):
  s = socket.create_connection(("127.0.0.1", int(sys.argv[1]))); f = s.makefile("rwb")
  for i in range(50):
    f.write(b"set k%d-%d 0 0 5\\r\\nhello\\r\\n" % (n, i)); f.flush(); assert f.readline() == b"STORED\\r\\n"
    f.write(b"get k%d-%d\\r\\n" % (n, i)); f.flush(); assert f.readline().startswith(b"VALUE"); assert f.readline() == b"hello\\r\\n"; f.readline()
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]; [t.start() for t in threads]; [t.join() for t in threads]; print("ok")
`,
    },
    script: `memcached -u nobody -l 127.0.0.1 -p $PORT -t 2 & up bash -c "exec 3<>/dev/tcp/127.0.0.1/$PORT"; python3 c.py $PORT; kill %1; wait %1; echo "ended $?"`,
  },
  {
    name: "valkey",
    needs: ["valkey-server", "valkey-cli"],
    script: `valkey-server --port $PORT --bind 127.0.0.1 --save '' --dir . > log & V="valkey-cli -p $PORT"; up $V ping; $V set a 1; for i in $(seq 30); do $V incr a >/dev/null; done; $V get a; $V bgsave >/dev/null; up test -s dump.rdb; $V shutdown nosave; wait %1; echo "ended $?"`,
    differs: /^(log|dump\.rdb)$/,
  },
  {
    name: "postgresql",
    needs: ["psql", "setpriv"],
    limitMs: 180_000,
    script: `
      B=$(ls -d /usr/lib/postgresql/*/bin | tail -1); chmod 777 .; S="setpriv --reuid postgres --regid postgres --init-groups"
      $S $B/initdb -D data -A trust -N > log0 2>&1; echo "port=$PORT
unix_socket_directories='$PWD'
listen_addresses='127.0.0.1'
fsync=off" >> data/postgresql.conf
      $S $B/postgres -D data > log 2>&1 & up $B/psql -h 127.0.0.1 -p $PORT -U postgres -c 'select 1'; P="$B/psql -h 127.0.0.1 -p $PORT -U postgres -At"
      $P -c 'create table t(a int primary key, b text)'; $P -c "insert into t select n, md5(n::text) from generate_series(1,2000) n"; $P -c 'select count(*), min(b) from t'
      for i in 1 2 3 4; do $P -c "select sum(a) from t where a % 4 = $i - 1" > r$i & done; wait %2 %3 %4 %5; cat r1 r2 r3 r4; $P -c 'vacuum analyze t'; $P -c 'select 1/0' 2>&1; kill -INT %1; wait %1; echo "ended $?"`,
    differs: /^(data|log|log0|\.s\.PGSQL.*)(\/|$)/,
  },
  {
    name: "mariadb",
    needs: ["mariadbd", "mariadb-install-db"],
    limitMs: 180_000,
    script: `
      mariadb-install-db --no-defaults --datadir=$PWD/data --user=root --auth-root-authentication-method=normal --skip-test-db > log0 2>&1
      mariadbd --no-defaults --datadir=$PWD/data --user=root --port=$PORT --bind-address=127.0.0.1 --socket=$PWD/sock --innodb-flush-log-at-trx-commit=0 > log 2>&1 & M="mariadb --no-defaults --protocol=tcp -h 127.0.0.1 -P $PORT -u root -N"; up $M -e 'select 1'
      $M -e 'create database d; use d; create table t(a int primary key, b varchar(40)); insert into t values (1,"x"),(2,"y"); select sum(a), group_concat(b) from t'; for i in 1 2 3; do $M d -e "insert into t values ($i+10, 'z')" & done; wait %2 %3 %4; $M d -e 'select count(*) from t'; mariadb-admin --no-defaults --protocol=tcp -h 127.0.0.1 -P $PORT -u root shutdown; wait %1; echo "ended $?"`,
    // mariadb-install-db gives its PAM tool the setuid bit.
    alerts: ["Setuid bit set"],
    differs: /^(data|log|log0|sock)(\/|$)/,
  },
  {
    name: "rabbitmq",
    needs: ["rabbitmq-server", "rabbitmqctl"],
    limitMs: 240_000,
    script: `
      export HOME=$PWD RABBITMQ_MNESIA_BASE=$PWD/m RABBITMQ_LOG_BASE=$PWD/l RABBITMQ_NODENAME=v$PORT@localhost RABBITMQ_NODE_PORT=$PORT RABBITMQ_DIST_PORT=$PORT2 ERL_EPMD_PORT=$PORT3 RABBITMQ_PID_FILE=$PWD/pid RABBITMQ_ENABLED_PLUGINS_FILE=$PWD/plugins
      R=/usr/lib/rabbitmq/bin; echo '[].' > plugins; $R/rabbitmq-server > log 2>&1 & up $R/rabbitmqctl -q await_startup; $R/rabbitmqctl -q list_vhosts | tail -1; $R/rabbitmqctl -q add_vhost v; $R/rabbitmqctl -q list_vhosts | sort | tail -1; $R/rabbitmqctl -q stop pid > log2 2>&1; wait %1; echo "ended $?"; epmd -port $PORT3 -kill`,
    // Erlang's os:cmd hands a command to a shell by its input, after rabbitmqctl has connected.
    alerts: ["Shell spawned by a server"],
    differs: /./,
  },
  {
    name: "mosquitto",
    needs: ["mosquitto", "mosquitto_sub"],
    script: `printf 'listener %s 127.0.0.1\\nallow_anonymous true\\nuser root\\n' $PORT > conf; mosquitto -c conf 2> log & up mosquitto_pub -p $PORT -t x -m x; for i in 1 2 3 4 5; do mosquitto_pub -p $PORT -t t/$i -m m$i -q 1 -r; done; mosquitto_sub -p $PORT -t 't/#' -C 5 > got; sort got; kill %1; wait %1; echo "ended $?"`,
    differs: /^(log|conf)$/,
  },
  {
    name: "etcd",
    needs: ["etcd", "etcdctl"],
    script: `etcd --data-dir d --listen-client-urls http://127.0.0.1:$PORT --advertise-client-urls http://127.0.0.1:$PORT --listen-peer-urls http://127.0.0.1:$PORT2 --initial-advertise-peer-urls http://127.0.0.1:$PORT2 --initial-cluster default=http://127.0.0.1:$PORT2 2> log & export ETCDCTL_API=3; E="etcdctl --endpoints=127.0.0.1:$PORT"; up $E get x; for i in 1 2 3 4 5; do $E put k$i v$i; done; $E get k --prefix; $E del k1; kill %1; wait %1; echo "ended $?"`,
    differs: /^(d|log)(\/|$)/,
  },
  {
    name: "nats",
    needs: ["nats-server", "python3"],
    script: `nats-server -a 127.0.0.1 -p $PORT 2> log & up bash -c "exec 3<>/dev/tcp/127.0.0.1/$PORT"; python3 -c '
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1]))); f = s.makefile("rwb"); print(f.readline()[:4])
f.write(b"CONNECT {\\"verbose\\":false}\\r\\nSUB a 1\\r\\nPUB a 2\\r\\nhi\\r\\nPING\\r\\n"); f.flush()
print([f.readline() for _ in range(3)])' $PORT; kill %1; wait %1; echo "ended $?"`,
    differs: /^log$/,
  },
  {
    name: "beanstalkd",
    needs: ["beanstalkd", "python3"],
    script: `beanstalkd -l 127.0.0.1 -p $PORT & up bash -c "exec 3<>/dev/tcp/127.0.0.1/$PORT"; python3 -c '
import socket, sys
f = socket.create_connection(("127.0.0.1", int(sys.argv[1]))).makefile("rwb")
for c in (b"put 0 0 9 2\\r\\nhi\\r\\n", b"reserve\\r\\n"): f.write(c); f.flush(); print(f.readline())' $PORT; kill %1; wait %1; echo "ended $?"`,
  },
  {
    name: "squid",
    needs: ["squid", "python3", "curl"],
    script: `
      echo proxied > f; python3 -m http.server $PORT2 --bind 127.0.0.1 > log2 2>&1 & up ${GET} -f -o up 127.0.0.1:$PORT2/f
      chmod 777 .; printf '%s\\n' "http_port 127.0.0.1:$PORT" 'http_access allow all' "pid_filename $PWD/pid" 'cache_log /dev/null' 'access_log none' 'cache deny all' 'shutdown_lifetime 0 seconds' 'netdb_filename none' 'visible_hostname v' > conf
      squid -N -f conf 2>/dev/null & up ${GET} -f -o up -x 127.0.0.1:$PORT http://127.0.0.1:$PORT2/f; for i in 1 2 3; do ${GET} -x 127.0.0.1:$PORT http://127.0.0.1:$PORT2/f; done; kill %2; wait %2; kill %1; wait`,
    differs: /^(log2|conf|up|pid)$/,
  },
  {
    name: "varnish",
    needs: ["varnishd", "python3", "curl"],
    limitMs: 120_000,
    script: `
      mkdir w; echo cached > w/f; (cd w; exec python3 -m http.server $PORT2 --bind 127.0.0.1 >/dev/null 2>&1) & up ${GET} -f -o up 127.0.0.1:$PORT2/f
      varnishd -F -n $PWD/v -a 127.0.0.1:$PORT -b 127.0.0.1:$PORT2 -j none -s malloc,10M > log 2>&1 & up ${GET} -f -o up 127.0.0.1:$PORT/f; for i in 1 2 3; do ${GET} 127.0.0.1:$PORT/f; done; kill %2; wait %2; echo "ended $?"; kill %1; wait`,
    differs: /^(log|up|v)(\/|$)/,
  },
  {
    name: "dnsmasq",
    needs: ["dnsmasq", "dig"],
    script: `dnsmasq -k -p $PORT --listen-address=127.0.0.1 --bind-interfaces --no-resolv --no-hosts --address=/a.test/192.0.2.7 --user=root --pid-file= & up dig +short +tries=1 +time=1 @127.0.0.1 -p $PORT a.test; for i in $(seq 5); do dig +short @127.0.0.1 -p $PORT a.test; done; dig +short @127.0.0.1 -p $PORT x$i.a.test; kill %1; wait %1; echo "ended $?"`,
  },
  {
    name: "unbound",
    needs: ["unbound", "dig"],
    script: `printf '%s\\n' server: " interface: 127.0.0.1" " port: $PORT" ' username: ""' ' chroot: ""' ' do-daemonize: no' " directory: $PWD" ' pidfile: ""' ' use-syslog: no' ' auto-trust-anchor-file: ""' ' local-data: "b.test. A 192.0.2.9"' 'remote-control:' ' control-enable: no' > conf; unbound -d -c conf 2> log & up dig +short +tries=1 +time=1 @127.0.0.1 -p $PORT b.test; dig +short @127.0.0.1 -p $PORT b.test; kill %1; wait %1; echo "ended $?"`,
    differs: /^(log|conf)$/,
  },
  {
    name: "bind9",
    needs: ["named", "dig"],
    files: { zone: "$TTL 60\n@ SOA a. b. 1 60 60 60 60\n@ NS a.\nwww A 192.0.2.11\n" },
    script: `printf 'options { directory "%s"; listen-on port %s { 127.0.0.1; }; listen-on-v6 { none; }; recursion no; pid-file none; session-keyfile none; };\\ncontrols {};\\nzone "c.test" { type primary; file "%s/zone"; };\\n' $PWD $PORT $PWD > conf; named -g -c conf 2> log & up dig +short +tries=1 +time=1 @127.0.0.1 -p $PORT www.c.test; dig +short @127.0.0.1 -p $PORT www.c.test; kill %1; wait %1; echo "ended $?"`,
    differs: /^(log|conf|managed-keys.*)$/,
  },
  {
    name: "openssh",
    needs: ["/usr/sbin/sshd", "ssh"],
    limitMs: 120_000,
    script: `
      ssh-keygen -q -t ed25519 -N '' -f host; ssh-keygen -q -t ed25519 -N '' -f me; cp me.pub auth; chmod 700 .; mkdir -p /run/sshd
      printf '%s\\n' "Port $PORT" 'ListenAddress 127.0.0.1' "HostKey $PWD/host" "AuthorizedKeysFile $PWD/auth" 'StrictModes no' 'UsePAM no' "SetEnv HOME=$PWD" "PidFile $PWD/pid" "Subsystem sftp internal-sftp" > conf
      /usr/sbin/sshd -D -e -f $PWD/conf 2> log & S="ssh -q -i me -p $PORT -o StrictHostKeyChecking=no -o UserKnownHostsFile=$PWD/known root@127.0.0.1"; up $S true
      $S 'echo over ssh; uname -s; exit 3'; echo "status $?"; echo data | $S 'cat | tr a-z A-Z'; scp -q -i me -P $PORT -o StrictHostKeyChecking=no -o UserKnownHostsFile=$PWD/known root@127.0.0.1:$PWD/auth copy && cmp auth copy && echo copied; kill %1; wait %1; echo "ended $?"`,
    // Its own keys lie in a folder that a test made; the machine's, which the client looks for, are what the
    // rule is about.
    alerts: ["Sensitive file read"],
    differs: /^(host|me|auth|copy|known|log|conf|pid)/,
  },
  {
    name: "rsync",
    needs: ["rsync"],
    inCi: true,
    script: `mkdir a; for i in $(seq 60); do mkdir -p a/d$((i % 7)); seq $i > a/d$((i % 7))/f$i; done; ln -s f1 a/d1/l; find a -exec touch -hd @1000000000 {} +; printf 'use chroot = no\\n[m]\\npath = %s/a\\nuid = root\\nread only = yes\\n' $PWD > conf
      rsync --daemon --no-detach --address 127.0.0.1 --port $PORT --config conf --log-file log & up rsync rsync://127.0.0.1:$PORT/; rsync -a rsync://127.0.0.1:$PORT/m/ b/; rsync -a a/ c/; echo changed > a/d1/f1; rm a/d2/f2; find a -exec touch -hd @1100000000 {} +; rsync -ai --delete --checksum a/ c/; diff -r a c && echo same; kill %1; wait %1; echo "ended $?"`,
    differs: /^(log|conf)$/,
  },
  {
    name: "dovecot",
    needs: ["dovecot", "curl"],
    limitMs: 120_000,
    script: `
      mkdir -p run state mail/cur mail/new mail/tmp; chmod 755 .; printf 'From: a\\nSubject: one\\n\\nbody\\n' > mail/new/1.a.b; chown -R 1000:1000 mail
      cat > conf <<C
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
base_dir = $PWD/run
state_dir = $PWD/state
log_path = $PWD/log
ssl = no
protocols = imap
auth_allow_cleartext = yes
mail_driver = maildir
mail_path = $PWD/mail
first_valid_uid = 1
passdb static {
  password = x
}
userdb static {
  fields {
    uid = 1000
    gid = 1000
    home = $PWD
  }
}
service imap-login {
  inet_listener imap {
    listen = 127.0.0.1
    port = $PORT
  }
}
C
      dovecot -F -c $PWD/conf 2> log0 & up curl -s --max-time 5 "imap://u:x@127.0.0.1:$PORT/"; curl -s --max-time 20 "imap://u:x@127.0.0.1:$PORT/" | tr -d '\\r'; curl -s --max-time 20 "imap://u:x@127.0.0.1:$PORT/INBOX;UID=1" | tr -d '\\r'; kill %1; wait %1; echo "ended $?"`,
    differs: /./,
  },
  {
    name: "exim4",
    needs: ["exim4"],
    script: `chmod 777 .; mkdir spool; chown Debian-exim spool; printf '%s\\n' 'primary_hostname = v.test' "spool_directory = $PWD/spool" 'log_file_path = '$PWD'/spool/%slog' 'domainlist l = v.test' 'qualify_domain = v.test' 'acl_smtp_rcpt = a' 'begin acl' 'a:' '  accept' 'begin routers' 'r:' '  driver = accept' '  transport = t' 'begin transports' 't:' '  driver = appendfile' "  file = $PWD/box" '  user = Debian-exim' > conf; chown root conf
      touch box; chown Debian-exim box; printf 'Subject: hello\\n\\nbody text\\n' | exim4 -C $PWD/conf -odi -f a@v.test b@v.test 2> log; echo "sent $?"; grep -c 'body text' box; exim4 -C $PWD/conf -bV 2>> log | head -1 | cut -c1-12; exim4 -C $PWD/conf -bt b@v.test 2>> log`,
    differs: /^(spool|box|conf|log)(\/|$)/,
  },
  {
    name: "slapd",
    needs: ["slapd", "ldapsearch"],
    script: `mkdir db; printf '%s\\n' 'include /etc/ldap/schema/core.schema' 'moduleload back_mdb' 'modulepath /usr/lib/ldap' "pidfile $PWD/pid" 'database mdb' 'suffix "dc=t"' 'rootdn "cn=m,dc=t"' 'rootpw x' "directory $PWD/db" > conf; slapd -d 0 -h ldap://127.0.0.1:$PORT -f conf 2>/dev/null & L="-x -H ldap://127.0.0.1:$PORT"; up ldapsearch $L -b '' -s base
      printf 'dn: dc=t\\nobjectClass: dcObject\\nobjectClass: organization\\no: t\\ndc: t\\n' | ldapadd $L -D cn=m,dc=t -w x; ldapsearch $L -LLL -b dc=t; kill %1; wait %1; echo "ended $?"`,
    differs: /^(db|conf|pid)(\/|$)/,
  },
  {
    name: "vsftpd",
    needs: ["vsftpd", "curl"],
    script: `mkdir -p pub empty; echo ftp > pub/f; chmod 555 pub; chmod 755 .; printf '%s\\n' listen=YES "listen_port=$PORT" listen_address=127.0.0.1 anonymous_enable=YES local_enable=NO "anon_root=$PWD/pub" "secure_chroot_dir=$PWD/empty" ftp_username=games xferlog_enable=NO background=NO > conf; chown root conf
      vsftpd $PWD/conf & up curl -s --max-time 10 -o up ftp://127.0.0.1:$PORT/; curl -s --max-time 20 ftp://127.0.0.1:$PORT/f; kill %1; wait %1; echo "ended $?"`,
    differs: /^(conf|up)$/,
  },
  {
    name: "caddy",
    needs: ["caddy", "curl"],
    script: `mkdir w; echo caddy > w/f; export HOME=$PWD XDG_DATA_HOME=$PWD/x XDG_CONFIG_HOME=$PWD/x; printf '{\\n admin off\\n auto_https off\\n}\\nhttp://127.0.0.1:%s {\\n root * %s/w\\n file_server\\n}\\n' $PORT $PWD > conf; caddy run --config conf --adapter caddyfile 2> log & up ${GET} -f -o up 127.0.0.1:$PORT/f; for i in 1 2 3; do ${GET} 127.0.0.1:$PORT/f; done; kill %1; wait %1; echo "ended $?"`,
    differs: /^(log|conf|up|x)(\/|$)/,
  },
  {
    name: "node-exporter",
    needs: ["prometheus-node-exporter", "curl"],
    script: `prometheus-node-exporter --web.listen-address=127.0.0.1:$PORT --collector.disable-defaults --collector.loadavg --collector.meminfo 2> log & up ${GET} -f -o up 127.0.0.1:$PORT/metrics; for i in 1 2 3; do ${GET} 127.0.0.1:$PORT/metrics | grep -c '^node_load1 '; done; kill %1; wait %1; echo "ended $?"`,
    differs: /^(log|up)$/,
  },
  {
    name: "stunnel",
    needs: ["stunnel4", "openssl", "curl", "python3"],
    script: `mkdir w; echo tunnelled > w/f; openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -days 2 -subj /CN=localhost 2>/dev/null; (cd w; exec python3 -m http.server $PORT2 --bind 127.0.0.1 >/dev/null 2>&1) & printf '%s\\n' foreground=yes pid= debug=0 '[s]' "accept=127.0.0.1:$PORT" "connect=127.0.0.1:$PORT2" "cert=$PWD/cert" "key=$PWD/key" > conf; stunnel4 conf 2> log & up curl -skf --max-time 10 -o up https://127.0.0.1:$PORT/f; for i in 1 2 3; do curl -sk --max-time 10 https://127.0.0.1:$PORT/f; done; kill %2; wait %2; kill %1; wait`,
    differs: /^(log|conf|up|key|cert)$/,
  },
  {
    name: "gunicorn",
    needs: ["gunicorn", "curl"],
    files: {
      "app.py":
        'def app(environ, start):\n    start("200 OK", [("Content-Type", "text/plain")])\n    return [("wsgi %s\\n" % environ["QUERY_STRING"]).encode()]\n',
    },
    script: `gunicorn -w 3 -b 127.0.0.1:$PORT app:app 2> log & up ${GET} -f -o up 127.0.0.1:$PORT/; for i in $(seq 10); do ${GET} "127.0.0.1:$PORT/?$i"; done; kill %1; wait %1; echo "ended $?"`,
    differs: /^(log|up|__pycache__)(\/|$)/,
  },
  {
    name: "uwsgi",
    needs: ["uwsgi", "curl"],
    files: {
      "app.py":
        'def application(environ, start):\n    start("200 OK", [("Content-Type", "text/plain")])\n    return [b"uwsgi\\n"]\n',
    },
    script: `uwsgi --plugin python3 --http-socket 127.0.0.1:$PORT --wsgi-file app.py --master --processes 2 --threads 2 --die-on-term 2> log & up ${GET} -f -o up 127.0.0.1:$PORT/; for i in $(seq 6); do ${GET} 127.0.0.1:$PORT/; done; kill %1; wait %1; echo "ended $?"`,
    differs: /^(log|up|__pycache__)(\/|$)/,
  },
  {
    name: "supervisor",
    needs: ["supervisord"],
    script: `printf '%s\\n' '[supervisord]' nodaemon=true "logfile=$PWD/log" "pidfile=$PWD/pid" '[unix_http_server]' "file=$PWD/sock" '[rpcinterface:supervisor]' supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface '[supervisorctl]' "serverurl=unix://$PWD/sock" '[program:w]' 'command=/bin/sh -c "echo ran >> out; exec sleep 60"' "directory=$PWD" > conf
      supervisord -c conf > /dev/null 2>&1 & up grep -q ran out; S="supervisorctl -c conf"; up eval "$S status | grep -q RUNNING"; $S restart w; $S stop w; cat out; $S shutdown; wait %1; echo "ended $?"`,
    differs: /^(log|conf|pid|sock)$/,
  },
  {
    name: "rsyslog",
    needs: ["rsyslogd", "logger"],
    script: `printf 'module(load="imuxsock" SysSock.Use="off")\\ninput(type="imuxsock" Socket="%s/s")\\ntemplate(name="t" type="string" string="%%msg%%\\\\n")\\n*.* action(type="omfile" file="%s/out" template="t")\\n' $PWD $PWD > conf; rsyslogd -n -f conf -i $PWD/pid 2> log & up test -S s; for i in $(seq 20); do logger -u $PWD/s "line $i"; done; up grep -q 'line 20' out; kill %1; wait %1; sort out | grep line | head -3`,
    differs: /^(log|conf|pid|s|out)$/,
  },
  {
    name: "privoxy",
    needs: ["privoxy", "python3", "curl"],
    script: `mkdir w; echo filtered > w/f; (cd w; exec python3 -m http.server $PORT2 --bind 127.0.0.1 >/dev/null 2>&1) & printf '%s\\n' "listen-address 127.0.0.1:$PORT" "confdir /etc/privoxy" "logdir $PWD" > conf; privoxy --no-daemon conf 2> log & up ${GET} -f -o up -x 127.0.0.1:$PORT http://127.0.0.1:$PORT2/f; for i in 1 2 3; do ${GET} -x 127.0.0.1:$PORT http://127.0.0.1:$PORT2/f; done; kill %2; wait %2; kill %1; wait`,
    differs: /^(log|conf|up|logfile)$/,
  },
  {
    name: "nghttp2",
    needs: ["nghttpd", "nghttp"],
    script: `mkdir w; seq 5000 > w/f; nghttpd --no-tls -d w -a 127.0.0.1 $PORT & up eval ': < /dev/tcp/127.0.0.1/$PORT'; nghttp http://127.0.0.1:$PORT/f http://127.0.0.1:$PORT/f | cksum; kill %1; wait %1; echo "ended $?"`,
  },
  {
    name: "iperf3",
    needs: ["iperf3"],
    script: `iperf3 -s -1 -B 127.0.0.1 -p $PORT > log & up grep -q listening log; iperf3 -c 127.0.0.1 -p $PORT -n 20M -P 2 > out; echo $?; grep -c SUM out | grep -qv '^0' && echo measured; wait %1; echo "ended $?"`,
    differs: /^(log|out)$/,
  },
  {
    name: "fcgiwrap",
    needs: ["fcgiwrap", "lighttpd", "curl"],
    files: {
      "www/x.cgi": '#!/bin/sh\necho "Content-Type: text/plain"; echo; echo "wrapped $QUERY_STRING"; uname -s\n',
    },
    prepare: "chmod +x www/x.cgi",
    script: `
      fcgiwrap -s unix:$PWD/sock & up test -S sock
      cat > conf <<C
server.document-root = "$PWD/www"
server.port = $PORT
server.bind = "127.0.0.1"
server.modules = ("mod_fastcgi")
fastcgi.server = (".cgi" => (("socket" => "$PWD/sock")))
C
      lighttpd -D -f conf 2> log & up ${GET} -f -o up 127.0.0.1:$PORT/x.cgi; for i in 1 2 3; do ${GET} "127.0.0.1:$PORT/x.cgi?$i"; done; kill %2; wait %2; kill %1; wait %1; echo "ended $?"`,
    differs: /^(log|conf|up|sock)$/,
  },
  {
    name: "inetd",
    needs: ["inetd", "nc"],
    script: `printf '127.0.0.1:%s stream tcp nowait root /bin/cat cat /etc/hostname\n' $PORT > conf; inetd -i -d $PWD/conf > log 2>&1 & up eval 'nc -w 2 127.0.0.1 $PORT < /dev/null | cmp - /etc/hostname'; for i in 1 2 3; do nc -w 2 127.0.0.1 $PORT < /dev/null | cmp - /etc/hostname && echo same; done; kill %1; wait %1; echo "ended $?"`,
    differs: /^(log|conf)$/,
  },
  {
    name: "monit",
    needs: ["monit"],
    files: { "check.sh": "#!/bin/sh\nuname -s > /dev/null\nexit 0\n" },
    prepare: "chmod +x check.sh",
    script: `printf 'set daemon 1\nset logfile %s/log\nset statefile %s/state\nset idfile %s/id\nset httpd port %s and use address 127.0.0.1 allow localhost\ncheck program x with path %s/check.sh\ncheck system $HOST\n if loadavg (1min) > 1000 then alert\n' $PWD $PWD $PWD $PORT $PWD > conf; chmod 600 conf; monit -c conf -I -p $PWD/pid > log0 2>&1 & up eval "monit -c conf status x 2>/dev/null | grep -q 'last exit value *0'"; monit -c conf summary 2>/dev/null | grep -c Program; sleep 2; kill %1; wait %1; echo "ended $?"`,
    differs: /^(log|log0|conf|state|id|pid)$/,
  },
  {
    name: "snmpd",
    needs: ["snmpd", "snmpget"],
    script: `printf 'agentaddress udp:127.0.0.1:%s\nrocommunity public\nsyslocation here\n' $PORT > conf; snmpd -f -Lf log -C -c conf -p pid -I -smux & up snmpget -v2c -c public -r 0 -t 1 127.0.0.1:$PORT .1.3.6.1.2.1.1.6.0; for i in 1 2 3; do snmpget -v2c -c public -Oqv 127.0.0.1:$PORT .1.3.6.1.2.1.1.6.0; done; kill %1; wait %1; echo "ended $?"`,
    differs: /^(log|conf|pid)$/,
  },
  {
    name: "coturn",
    needs: ["turnserver"],
    script: `turnserver -n -L 127.0.0.1 -p $PORT --no-tls --no-dtls --no-cli --userdb $PWD/db --pidfile $PWD/pid -l $PWD/log --simple-log > log0 2>&1 & up bash -c "exec 3<>/dev/tcp/127.0.0.1/$PORT"; sleep 1; kill %1; wait %1; echo "ended $?"`,
    differs: /^(log.*|db|pid)$/,
  },
  {
    name: "tor",
    needs: ["tor"],
    script: `mkdir -m 700 d; printf 'DataDirectory %s/d\nSocksPort 127.0.0.1:%s\nDisableNetwork 1\nSandbox 1\nRunAsDaemon 0\n' $PWD $PORT > conf; chown -R root d; tor -f conf > log 2>&1 & up grep -q 'Bootstrapped 0|Opened Control|Delaying directory' log; kill -INT %1; wait %1; echo "ended $?"`,
    differs: /^(log|conf|d)(\/|$)/,
  },
  {
    name: "samba",
    needs: ["smbd", "smbclient"],
    limitMs: 120_000,
    script: `mkdir -p pub s; chmod 755 .; chmod 777 pub; echo shared > pub/f; printf '%s\n' '[global]' "smb ports = $PORT" 'interfaces = 127.0.0.1' 'bind interfaces only = yes' "private dir = $PWD/s" "lock directory = $PWD/s" "state directory = $PWD/s" "cache directory = $PWD/s" "pid directory = $PWD/s" "ncalrpc dir = $PWD/s/n" 'map to guest = Bad User' 'guest account = nobody' 'load printers = no' 'disable spoolss = yes' "log file = $PWD/log" '[pub]' "path = $PWD/pub" 'guest ok = yes' > conf
      smbd -F -s conf > log0 2>&1 & up smbclient -s conf -N -p $PORT //127.0.0.1/pub -c 'get f got'; for i in 1 2 3; do rm -f got; smbclient -s conf -N -p $PORT //127.0.0.1/pub -c 'get f got' > log1 2>&1; cat got; done; kill %1; wait %1; echo "ended $?"`,
    differs: /^(log.*|conf|s)(\/|$)/,
  },
  {
    name: "distcc",
    needs: ["distccd", "distcc", "gcc"],
    files: { "x.c": "int main(void) { return 5; }\n" },
    script: `chmod 777 .; distccd --no-detach --daemon --port $PORT --listen 127.0.0.1 --allow 127.0.0.1 --user nobody --jobs 2 --log-file $PWD/log & up bash -c "exec 3<>/dev/tcp/127.0.0.1/$PORT"; mkdir d; export DISTCC_DIR=$PWD/d DISTCC_HOSTS=127.0.0.1:$PORT DISTCC_FALLBACK=0; for i in 1 2 3; do distcc gcc -c x.c -o x$i.o; echo $?; done; gcc x1.o -o x; ./x; echo $?; kill %1; wait %1; echo "ended $?"`,
    differs: /^(log|d|x)(\/|$)/,
  },
];
