#!/bin/sh
# Real sshd, sudo and rsyslog beside each other, for root only: ssh-lab.sh start|stop|rsyslog|stop-rsyslog
# Needs DIR (an empty folder, absolute), PORT (of sshd); optional FORWARD (a file with actions of rsyslog).
# All of it runs in a private mount namespace: /dev/log, /etc/passwd, shadow, group, sudoers and pam.d of the machine stay
# as they are. alice may run id and whoami as root, bob nothing; both have a password, NAME-pw, and alice a key as well.
set -eu

wait_for() { # SECONDS COMMAND...
  left=$(($1 * 20)); shift
  until "$@"; do left=$((left - 1)); [ $left -gt 0 ] || { echo "timed out: $*" >&2; cat "$DIR"/*.out >&2; exit 1; }; sleep 0.05; done
}

stop_pid() { # FILE
  [ -s "$1" ] || return 0
  pid=$(cat "$1")
  kill "$pid" 2>/dev/null || return 0
  left=200
  while kill -0 "$pid" 2>/dev/null; do left=$((left - 1)); [ $left -gt 0 ] || { kill -9 "$pid"; break; }; sleep 0.05; done
  rm -f "$1"
}

start_rsyslog() {
  mkdir -p "$DIR/spool" "$DIR/dev"
  cat > "$DIR/rsyslog.conf" <<C
global(workDirectory="$DIR/spool")
module(load="imuxsock" SysSock.Use="on" SysSock.Name="$DIR/dev/log" SysSock.RateLimit.Interval="0")
auth,authpriv.* action(type="omfile" file="$DIR/auth.log" template="RSYSLOG_TraditionalFileFormat" fileCreateMode="0644")
auth,authpriv.* action(type="omfile" file="$DIR/auth.iso.log" template="RSYSLOG_FileFormat" fileCreateMode="0644")
C
  [ -z "${FORWARD:-}" ] || cat "$FORWARD" >> "$DIR/rsyslog.conf"
  /usr/sbin/rsyslogd -n -f "$DIR/rsyslog.conf" -i "$DIR/rsyslogd.pid" > "$DIR/rsyslog.out" 2>&1 &
  echo $! > "$DIR/rsyslog.pid"
  wait_for 10 test -S "$DIR/dev/log"
}

is_answering() {
  [ -s "$DIR/sshd.pid" ] && ssh-keyscan -t ed25519 -p "$PORT" 127.0.0.1 > "$DIR/known_hosts" 2>/dev/null && [ -s "$DIR/known_hosts" ]
}

start_sshd() {
  mkdir -p "$DIR/etc/pam.d" "$DIR/home/alice/.ssh" "$DIR/home/bob"
  chmod 755 "$DIR"
  ssh-keygen -q -t ed25519 -N '' -f "$DIR/hostkey"
  ssh-keygen -q -t ed25519 -N '' -C alice@test -f "$DIR/alice_key"
  ssh-keygen -q -t ed25519 -N '' -C ca@test -f "$DIR/user_ca"
  # A second key that is known by its certificate only.
  ssh-keygen -q -t ed25519 -N '' -C alice@test -f "$DIR/certified_key"
  ssh-keygen -q -s "$DIR/user_ca" -I alice@corp -n alice -z 72 "$DIR/certified_key.pub"
  cp "$DIR/alice_key.pub" "$DIR/home/alice/.ssh/authorized_keys"
  cp /etc/passwd /etc/group "$DIR/etc/"
  (umask 077; cp /etc/shadow "$DIR/etc/")
  for u in alice:6001 bob:6002; do
    n=${u%:*}; i=${u#*:}
    echo "$n:x:$i:$i::$DIR/home/$n:/bin/sh" >> "$DIR/etc/passwd"
    echo "$n:x:$i:" >> "$DIR/etc/group"
    echo "$n:$(openssl passwd -6 "$n-pw"):20000:0:99999:7:::" >> "$DIR/etc/shadow"
    chown -R "$i:$i" "$DIR/home/$n"
  done
  chmod 700 "$DIR/home/alice/.ssh"
  printf 'Defaults !lecture\nroot ALL=(ALL:ALL) ALL\nalice ALL=(ALL) NOPASSWD: /usr/bin/id, /usr/bin/whoami\n' > "$DIR/etc/sudoers"
  chmod 440 "$DIR/etc/sudoers"
  # PAM without systemd, limits and the delay after a failure.
  for s in sshd sudo other; do
    printf 'auth required pam_unix.so nodelay\naccount required pam_unix.so\nsession required pam_unix.so\n' > "$DIR/etc/pam.d/$s"
  done
  cat > "$DIR/sshd_config" <<C
Port $PORT
ListenAddress 127.0.0.1
HostKey $DIR/hostkey
PidFile $DIR/sshd.pid
AuthorizedKeysFile .ssh/authorized_keys
TrustedUserCAKeys $DIR/user_ca.pub
StrictModes no
UsePAM yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
PermitRootLogin no
PermitOpen none
Subsystem sftp internal-sftp
LogLevel VERBOSE
SyslogFacility AUTH
UseDNS no
C
  mkdir -p /run/sshd
  # The private mount namespace, kept by sshd.
  DIR="$DIR" unshare -m sh -ec '
    for f in passwd group shadow sudoers pam.d; do mount --bind "$DIR/etc/$f" "/etc/$f"; done
    mount -t tmpfs -o size=1m,mode=755 tmpfs /mnt
    for n in null zero random urandom full tty; do : > /mnt/$n; mount --bind /dev/$n /mnt/$n; done
    mkdir /mnt/pts /mnt/shm
    mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts /mnt/pts
    ln -s pts/ptmx /mnt/ptmx; ln -s /proc/self/fd /mnt/fd; ln -s "$DIR/dev/log" /mnt/log
    mount --move /mnt /dev
    exec /usr/sbin/sshd -D -f "$DIR/sshd_config"' > "$DIR/sshd.out" 2>&1 &
  wait_for 10 is_answering
}

case "$1" in
  start) start_rsyslog; start_sshd ;;
  rsyslog) start_rsyslog ;;
  stop-rsyslog) stop_pid "$DIR/rsyslog.pid" ;;
  stop) stop_pid "$DIR/sshd.pid"; stop_pid "$DIR/rsyslog.pid" ;;
esac
